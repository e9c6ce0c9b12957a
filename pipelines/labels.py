"""Analysts' approved corrections as labelled texts: written to a file, read back, taken in by the next training.

A resident's words are not kept longer because they were corrected: retention removes the label with the words, and a
takedown removes it with the document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from analysis.errors import ConfigError
from analysis.gazetteer import Gazetteer
from analysis.records import Voice
from analysis.training_data import Example, read_labels
from pipelines.audit import record
from pipelines.corrections import ELSEWHERE
from pipelines.store import Row, Store

WRITER = "koreksi"
KINDS = {Voice.PRESS: "news", Voice.OFFICIAL: "release", Voice.PUBLIC: "post"}


def export_labels(store: Store, out: IO[str], now: datetime, who: str | None = None) -> dict[str, int]:
    """Write one JSON line for each story with an approved correction: its text, with the level or place corrected.

    Returns: how many were written, and how many have no text left (purged by retention).
    """
    counts = {"written": 0, "without_text": 0}
    for row in _corrected(store):
        if not row["text"] and not row["title"]:
            counts["without_text"] += 1
            continue
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        counts["written"] += 1
    record(store, "labels exported", counts, now, who)
    return counts


def _corrected(store: Store) -> list[Row]:
    rows = store.rows(
        """SELECT k.story_id, k.kind AS what, k.value, d.document_id, d.title, d.text, d.voice, d.lang
           FROM corrections k JOIN stories s USING (story_id) JOIN documents d ON d.document_id = s.origin_id
           WHERE k.state = 'approved' ORDER BY k.correction_id"""
    )
    found: dict[str, Row] = {}
    for row in rows:  # of two corrections of one thing the later counts
        label = found.setdefault(
            row["story_id"],
            {"text": row["text"], "title": row["title"], "kind": KINDS[Voice(row["voice"])], "lang": row["lang"]}
            | {"writer": WRITER, "document_id": row["document_id"]},
        )
        if row["what"] == "level":
            label["level"] = int(row["value"])
        else:
            label["place"] = [] if row["value"] == ELSEWHERE else [row["value"]]
    return list(found.values())


def import_labels(
    store: Store, gazetteer: Gazetteer, files: Sequence[Path], now: datetime, who: str | None = None
) -> dict[str, int]:
    """Take labels in; a text that is there already gets the new label.

    Returns: how many came in, and how many of them carry what trains the classifier.
    Raises: ConfigError naming the line that cannot be read; nothing is taken in then.
    """
    rows = [row for file in files for row in _read(file, gazetteer)]
    trains = sum(any(row[name] is not None for name in ("level", "act", "themes", "sentiment")) for row in rows)
    counts = {"labels": len(rows), "for_training": trains}
    with store.transaction():
        store.upsert("labels", [row | {"imported_at": now.isoformat()} for row in rows], "label_id")
        record(store, "labels imported", counts | {"files": [file.name for file in files]}, now, who)
    return counts


def _read(file: Path, gazetteer: Gazetteer) -> list[Row]:
    known = {*gazetteer.desa, *gazetteer.kecamatan, gazetteer.code}
    rows = []
    examples = read_labels(file)
    lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, (example, line) in enumerate(zip(examples, lines, strict=False), 1):  # an empty file is one empty line
        extra = json.loads(line)
        place = extra.get("place")
        if place is not None and (not isinstance(place, list) or set(place) - known):
            raise ConfigError("labels", f"{file.name}, line {number}: place {place!r} is no list of {gazetteer.name}'s")
        said = [None if value is None else json.dumps(value) for value in (example.themes, place)]
        rows.append(
            {"label_id": _name(example), "document_id": extra.get("document_id")}
            | {name: getattr(example, name) for name in ("title", "text", "level", "act", "sentiment")}
            | {"themes": said[0], "place": said[1], "kind": example.kind or "post", "lang": example.lang}
        )
    return rows


def _name(example: Example) -> str:
    return hashlib.sha256(f"{example.title}\0{example.text}".encode("utf-8", "replace")).hexdigest()[:32]


def imported(store: Store) -> list[Example]:
    """Return the imported labels that train the classifier."""
    rows = store.rows(
        """SELECT * FROM labels WHERE coalesce(level, act, themes, sentiment) IS NOT NULL ORDER BY label_id"""
    )
    return [
        Example(
            **{name: row[name] for name in ("text", "title", "level", "act", "sentiment", "kind", "lang")},
            themes=None if row["themes"] is None else tuple(json.loads(row["themes"])),
            writer=WRITER,
        )
        for row in rows
    ]


def purge(store: Store, before: datetime) -> int:
    """Remove residents' labels whose words are gone from documents, or that came from elsewhere before a time."""
    sql = """DELETE FROM labels WHERE kind IN ('post', 'comment') AND CASE WHEN document_id IS NULL
             THEN imported_at < :before ELSE NOT EXISTS (SELECT 1 FROM documents d
             WHERE d.document_id = labels.document_id AND d.text || d.title <> '') END"""
    with store.transaction():
        return int(store.db.execute(sql, {"before": before.isoformat()}).rowcount)
