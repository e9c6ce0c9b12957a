"""Texts in, judgements out: `score` and `locate` over JSON lines; memory stays bounded whatever the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import IO, Any

from analysis.classifier import Classifier
from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.normalise import readable
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
    sentences: bool = False,
) -> int:
    """Score JSON lines (`id`, `text`, optional `title`); write a line each, in order; return how many.

    Args: sentences: with each sentence of a text and its own tension, as `score_one` gives them.

    Raises: MonitorError naming the line that cannot be read, ModelError.
    """
    with scorer(settings) as classifier:

        def judge(batch: list[Row]) -> list[Row]:
            return _score_batch(classifier, batch, sentences)

        return _stream(lines, out, judge, lambda n: progress("scored", n))


def score_one(settings: Settings, text: str, title: str = "") -> Row:
    """Score one text; add whether there was anything to read, and the sentences that carried the score."""
    classifier = Classifier.load(settings.model)
    (result,) = _score_batch(classifier, [{"id": "", "text": text, "title": title}], sentences=True)
    return result | {"readable": readable(f"{title} {text}")}


def locate_lines(settings: Settings, lines: Iterable[str], out: IO[str]) -> int:
    """Locate JSON lines (`id`, `text`, optional `title`); write a line each, in order; return how many.

    Raises: MonitorError naming the line that cannot be read, GazetteerError.
    """
    locator = Locator(Gazetteer.load(settings.region))
    return _stream(lines, out, lambda batch: [_locate(locator, row) for row in batch])


def locate_one(settings: Settings, text: str, title: str = "") -> Row:
    """Locate one text; add for each place of the region what weighed most."""
    locator = Locator(Gazetteer.load(settings.region))
    found = _locate(locator, {"id": "", "text": text, "title": title})
    return found | {"reasons": [asdict(reason) for reason in locator.reasons(text, title)]}


def _score_batch(classifier: Classifier, batch: Sequence[Row], sentences: bool) -> list[Row]:
    texts = [row["text"] for row in batch]
    scores = classifier.score(texts, [row["title"] for row in batch])
    found = [
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
    if sentences:
        for result, carried in zip(found, classifier.sentences(texts), strict=True):
            result["sentences"] = [asdict(sentence) for sentence in carried]
    return found


def _sentiment(shares: Sequence[float]) -> str:
    """Return the likeliest; of even shares, as a text with nothing to read has, the middle one."""
    middle = len(shares) // 2
    return SENTIMENTS[max(range(len(shares)), key=lambda i: (shares[i], i == middle))]


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
    for batch in _batches(_read(lines)):
        for result in judge(batch):
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
        out.flush()
        done += len(batch)
        progress(len(batch))
    return done


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in batches; where one cannot be read, first those before it."""
    batch: list[Row] = []
    try:
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except MonitorError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _read(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            line.encode()  # bytes that are no UTF-8 came in as lone surrogates
            row = json.loads(line)
            yield {"id": row["id"], "text": _words(row["text"]), "title": _words(row.get("title") or "")}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MonitorError(
                f"input line {number}: needs a JSON object with `id` and `text` ({error!r}); "
                "the lines before it were written"
            ) from error


def _words(value: object) -> str:
    if not isinstance(value, str):  # None would be scored as the word "None"
        raise TypeError(f"{value!r} is no text")
    return value
