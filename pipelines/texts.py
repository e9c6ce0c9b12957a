"""Texts in, judgements out: `score` and `locate` over JSON lines; memory stays bounded whatever the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import IO, Any

from analysis.classifier import Classifier
from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.records import SENTIMENTS, Location
from pipelines.batches import score_rows
from pipelines.config import Settings
from pipelines.score_cache import scorer
from pipelines.store import Row

BATCH = 256  # lines read ahead; the classifier sorts them by length


def score_lines(
    settings: Settings,
    lines: Iterable[str],
    out: IO[str],
    progress: Callable[[str, int], None] = lambda stage, done: None,
) -> int:
    """Score JSON lines (`id`, `text`, optional `title`); write a line each, in order; return how many.

    Raises: MonitorError naming the line that cannot be read, ModelError.
    """
    with scorer(settings) as classifier:
        return _stream(lines, out, lambda batch: _score_batch(classifier, batch), lambda n: progress("scored", n))


def score_one(settings: Settings, text: str, title: str = "") -> Row:
    """Score one text and add the sentences that carried the score."""
    classifier = Classifier.load(settings.model)
    result = _score_batch(classifier, [{"id": "", "text": text, "title": title}])[0]
    result["sentences"] = [asdict(sentence) for sentence in classifier.sentences([text])[0]]
    return result


def locate_lines(settings: Settings, lines: Iterable[str], out: IO[str]) -> int:
    """Locate JSON lines (`id`, `text`, optional `title`); write a line each, in order; return how many.

    Raises: MonitorError naming the line that cannot be read, GazetteerError.
    """
    locator = Locator(Gazetteer.load(settings.region))
    return _stream(lines, out, lambda batch: [_locate(locator, row) for row in batch])


def locate_one(settings: Settings, text: str, title: str = "") -> Row:
    """Locate one text."""
    return _locate(Locator(Gazetteer.load(settings.region)), {"id": "", "text": text, "title": title})


def _score_batch(classifier: Classifier, batch: Sequence[Row]) -> list[Row]:
    scores = classifier.score([row["text"] for row in batch], [row["title"] for row in batch])
    return [
        {
            "id": row["id"],
            "tension": scored["tension"],
            "level": scored["level"],
            "levels": json.loads(scored["levels"]),
            "sentiment": _sentiment(json.loads(scored["sentiment"])),
            "act": scored["act"],
            "themes": json.loads(scored["themes"]),
            "model_id": scored["model_id"],
        }
        for row, scored in zip(batch, score_rows(scores), strict=True)
    ]


def _sentiment(shares: Sequence[float]) -> str:
    return SENTIMENTS[max(range(len(shares)), key=lambda i: shares[i])]


def _locate(locator: Locator, row: Row) -> Row:
    location = locator.locate(row["text"], title=row["title"])
    return {"id": row["id"]} | location_fields(location)


def location_fields(location: Location) -> Row:
    """Return a location as plain values for JSON."""
    return {
        "level": location.level.value,
        "desa": list(location.desa),
        "desa_implied": list(location.desa_implied),
        "kecamatan": list(location.kecamatan),
        "kabupaten": location.kabupaten,
        "confidence": round(location.confidence, 3),
        "reason": location.reason,
        "mentions": [asdict(mention) for mention in location.mentions],
    }


def _stream(
    lines: Iterable[str],
    out: IO[str],
    judge: Callable[[list[Row]], list[Row]],
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    done = 0
    rows = _read(lines)
    while batch := list(islice(rows, BATCH)):
        for result in judge(batch):
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
        out.flush()
        done += len(batch)
        progress(len(batch))
    return done


def _read(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield {"id": row["id"], "text": str(row["text"]), "title": str(row.get("title") or "")}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MonitorError(
                f"input line {number}: needs a JSON object with `id` and `text` ({error!r}); "
                "the lines before it were written"
            ) from error
