"""Outputs of the classifier on disk, so that no text is scored twice by one model, in whatever run it comes again.

The store knows which stories are scored; this knows texts: the same words under another address, sentences, and what
`score --input` was given. It holds hashes and logits, no text, and may be deleted at any time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from analysis.classifier import Classifier, Outputs
from analysis.errors import StorageError
from pipelines.config import Settings

FILE = "scores.sqlite"
ROOM = 1_000_000  # outputs kept, about 150 MB; those of other models go first


class ScoreCache:
    """The outputs that one model gave, under the hashes of what it was given."""

    def __init__(self, path: Path, model_id: str) -> None:
        self.model = model_id
        try:
            self.db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = NORMAL")
            self.db.execute(
                "CREATE TABLE IF NOT EXISTS outputs (model TEXT, key BLOB, logits BLOB, PRIMARY KEY (model, key))"
            )
            for model in ("model <> ?", "model = ?"):
                if self.db.execute("SELECT count(*) FROM outputs").fetchone()[0] > ROOM:
                    self.db.execute(f"DELETE FROM outputs WHERE {model}", [model_id])  # noqa: S608 (constants)
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be used ({error}): delete it, it is made anew") from error

    def known(self, keys: Sequence[bytes]) -> Outputs:
        """Return the outputs that are kept of these texts."""
        places = ",".join("?" * len(keys))
        sql = f"SELECT key, logits FROM outputs WHERE model = ? AND key IN ({places})"  # noqa: S608 (question marks)
        rows = self.db.execute(sql, [self.model, *keys])
        return {bytes(key): np.frombuffer(logits, "<f4") for key, logits in rows}

    def keep(self, outputs: Outputs) -> None:
        """Keep outputs, all or none of them."""
        rows = [(self.model, key, value.astype("<f4").tobytes()) for key, value in outputs.items()]
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany("INSERT OR IGNORE INTO outputs VALUES (?, ?, ?)", rows)
        self.db.execute("COMMIT")


@contextmanager
def scorer(settings: Settings) -> Iterator[Classifier]:
    """Yield the classifier of these settings; it keeps its outputs in this home where there is one.

    Raises: ModelError, StorageError.
    """
    classifier = Classifier.load(settings.model)
    if not settings.home.is_dir():
        yield classifier
        return
    cache = ScoreCache(settings.home / FILE, classifier.model_id)
    with closing(cache.db):
        classifier.kept = cache
        yield classifier
