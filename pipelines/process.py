"""The one place that composes the stages: clean, group, locate, classify.

Each stage takes what the one before it left undone, so it does not matter where the last run stopped.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from analysis.classifier import Classifier
from analysis.gazetteer import Gazetteer
from analysis.locate import RULES, Locator
from analysis.origin import release_likeness
from analysis.records import ACTS, THEMES, Document, Location, Rejected, Scores, Voice
from analysis.stories import fingerprints
from analysis.tension import tension
from analysis.text import canonical_url, clean_text, content_hash, document_id, known_date, language, words
from crawlers.items import RawDocument
from crawlers.spool import read_spool
from pipelines import clarifications, corrections
from pipelines.config import Settings
from pipelines.grouping import Grouping, link_rows
from pipelines.score_cache import scorer
from pipelines.store import Row, Store

log = logging.getLogger(__name__)

CHUNK = 500  # documents held in memory at a time
THEME_THRESHOLD = 0.5
Progress = Callable[[str, int], None]  # stage, how many more are done
T = TypeVar("T")


def process(
    settings: Settings,
    store: Store,
    voices: Mapping[str, Voice],
    run_id: str,
    now: datetime,
    progress: Progress = lambda stage, done: None,
) -> dict[str, Any]:
    """Bring everything in the spool to scored, located stories.

    Args: voices: the voice of each source id; documents of other sources are rejected with that reason.
    Returns: counts of each stage, and the id of the model that scored.
    Raises: ModelError, GazetteerError, StorageError. What was done until then is kept.
    """
    counts: dict[str, Any] = dict(take_in(settings, store, voices, run_id, now, progress))
    counts["located"] = locate_new(settings.region, store, run_id, progress)
    corrections.apply(store)  # a corrected place may bring a story into the region, to be scored
    with scorer(settings) as classifier:
        counts["scored"] = score_new(classifier, store, run_id, progress)
        counts["model"] = classifier.model_id
    corrections.apply(store)
    log.info("process %s", " ".join(f"{key}={value}" for key, value in counts.items()))
    return counts


# -- clean and group ------------------------------------------------------------------------------


def take_in(
    settings: Settings,
    store: Store,
    voices: Mapping[str, Voice],
    run_id: str,
    now: datetime,
    progress: Progress = lambda stage, done: None,
) -> dict[str, int]:
    """Read the spool files that were not taken in yet; each file is marked once it is stored whole."""
    counts = {"documents": 0, "changed": 0, "rejected": 0, "withdrawn": 0}
    withdrawn: set[str] = set()
    done = store.taken_in()
    grouping: Grouping | None = None
    for path in sorted(settings.spool.glob("*/*.jsonl.gz")):
        name = str(path.relative_to(settings.spool))
        if name in done:
            continue
        taken = rejected = 0
        grouping = grouping or Grouping(store, settings.region)
        for chunk in _chunks(read_spool(path), CHUNK):
            gone = {raw.url for raw in chunk if raw.withdrawn}
            counts["withdrawn"] += corrections.withdraw(store, sorted(gone), now)
            withdrawn |= gone
            chunk = [raw for raw in chunk if raw.url not in gone]
            new, changed, refused = _store_chunk(store, grouping, chunk, voices, settings.timezone, run_id, now)
            taken, rejected = taken + new + changed, rejected + refused
            counts["documents"] += new
            counts["changed"] += changed
            progress("documents", len(chunk))
        counts["rejected"] += rejected
        with store.transaction():
            mark = {"path": name, "processed_at": now.isoformat(), "documents": taken, "rejected": rejected}
            store.upsert("spool_files", [mark], "path")
    if withdrawn:
        corrections.clear_spool(settings, {canonical_url(url) for url in withdrawn})
    return counts


def clean(raw: RawDocument, voices: Mapping[str, Voice]) -> Document | Rejected:
    """Clean one raw document, or say why it is not taken in."""
    title, text = clean_text(raw.title), clean_text(raw.text)
    if raw.source_id not in voices:
        return Rejected(raw.url, "source not declared")
    if not any(word.isalpha() for word in words(f"{title} {text}")):
        return Rejected(raw.url, "no words")
    published = known_date(raw.published, raw.fetched_at)
    return Document(
        id=document_id(raw.url),
        source_id=raw.source_id,
        voice=voices[raw.source_id],
        url=canonical_url(raw.url),
        title=title,
        text=text,
        lang=language(text or title),
        published=published or raw.fetched_at,
        date_known=published is not None,
        fetched_at=raw.fetched_at,
        author_hash=raw.author_hash,
    )


def _store_chunk(
    store: Store,
    grouping: Grouping,
    chunk: list[RawDocument],
    voices: Mapping[str, Voice],
    zone: ZoneInfo,
    run_id: str,
    now: datetime,
) -> tuple[int, int, int]:
    """Clean, group and store a chunk in one transaction; return how many were new, changed, refused."""
    removed = corrections.taken_down(store, [document_id(raw.url) for raw in chunk])
    latest: dict[str, Document] = {}
    rejects: list[Row] = []
    for raw in chunk:
        result = clean(raw, voices)
        if isinstance(result, Document) and result.id in removed:
            result = Rejected(raw.url, "taken down")
        if isinstance(result, Rejected):
            reject = {
                "url": result.url,
                "reason": result.reason,
                "source_id": raw.source_id,
                "run_id": run_id,
            }
            rejects.append(reject)
        elif result.id not in latest or latest[result.id].fetched_at <= result.fetched_at:
            latest[result.id] = result
    known = store.documents_known(list(latest))
    fresh = [document for document in latest.values() if _is_news(document, known.get(document.id))]
    fresh.sort(key=lambda document: (document.published, document.id))
    prints = dict(zip((d.id for d in fresh), fingerprints([d.text or d.title for d in fresh]), strict=True))
    versions = grouping.versions(fresh)
    groups = grouping.group(fresh, prints, versions, known)
    story = {document.id: groups.whole(groups.joined[document.id].story) for document in fresh}
    rows = [_document_row(document, story[document.id], known.get(document.id), zone) for document in fresh]
    with store.transaction():
        store.upsert("story_traits", [version.to_row() for version in versions.values()], "document_id")
        store.upsert("story_links", link_rows(groups, now), "document_id")
        store.save_documents(rows, {name: (p.signature, p.keys) for name, p in prints.items()}, rejects)
        store.unite_stories({story: groups.whole(story) for story in groups.absorbed})
        clarifications.propose(store, groups.denials, now)
    changed = sum(document.id in known for document in fresh)
    return len(fresh) - changed, changed, len(rejects)


def _is_news(document: Document, stored: Row | None) -> bool:
    """Tell whether a document is new or says something else than the stored version of it."""
    if stored is None:
        return True
    same = stored["content_hash"] == content_hash(document.title, document.text)
    return not same and document.fetched_at.isoformat() > stored["fetched_at"]


def _document_row(document: Document, story: str, stored: Row | None, zone: ZoneInfo) -> Row:
    """Shape a document for the store; an edited one keeps its first date where the new version knows none."""
    published = document.published.isoformat()
    first_seen = document.fetched_at.isoformat()
    date_known = document.date_known
    if stored:
        first_seen = stored["first_seen"]
        if not date_known:
            published, date_known = stored["published"], bool(stored["date_known"])
    row = asdict(document)
    row["document_id"] = row.pop("id")
    return row | {
        "story_id": story,
        "voice": document.voice.value,
        "content_hash": content_hash(document.title, document.text),
        "published": published,
        "day": datetime.fromisoformat(published).astimezone(zone).date().isoformat(),
        "date_known": int(date_known),
        "fetched_at": document.fetched_at.isoformat(),
        "first_seen": first_seen,
        "release": release_likeness(document.title, document.text) if document.voice is Voice.PRESS else None,
    }


# -- locate ---------------------------------------------------------------------------------------


def gazetteer_id(region: Path) -> str:
    """Return a hash of the region's place tables and the rules: others of either ask for other places."""
    digest = hashlib.sha256(RULES.encode())
    for file in [*sorted(region.glob("*.csv")), region / "region.toml"]:
        if file.name != "calendar.csv":
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def locate_new(region: Path, store: Store, run_id: str, progress: Progress = lambda stage, done: None) -> int:
    """Locate the origins that have no place yet; return how many."""
    identity = gazetteer_id(region)
    located, after = 0, ""
    locator: Locator | None = None
    while batch := store.unlocated(identity, after, CHUNK):
        locator = locator or Locator(Gazetteer.load(region))
        locations, places = [], []
        for row in batch:
            location = locator.locate(row["text"], title=row["title"])
            locations.append(_location_row(location, row, identity, run_id))
            places += _place_rows(location, row["story_id"])
        store.save_locations(locations, places)
        located, after = located + len(batch), batch[-1]["story_id"]
        progress("located", len(batch))
    return located


def _location_row(location: Location, story: Row, identity: str, run_id: str) -> Row:
    return {
        "story_id": story["story_id"],
        "content_hash": story["content_hash"],
        "gazetteer_id": identity,
        "level": location.level.value,
        "kabupaten": int(location.kabupaten),
        "confidence": location.confidence,
        "reason": location.reason,
        "mentions": json.dumps([asdict(mention) for mention in location.mentions], ensure_ascii=False),
        "run_id": run_id,
    }


def _place_rows(location: Location, story_id: str) -> list[Row]:
    """Return a story's places: its desa, and the kecamatan that are known beyond those of its desa."""
    rows: list[Row] = [
        {"story_id": story_id, "code": code, "level": "desa", "implied": int(code in location.desa_implied)}
        for code in location.desa
    ]
    parents = {code.rsplit(".", 1)[0] for code in location.desa}
    rows += [
        {"story_id": story_id, "code": code, "level": "kecamatan", "implied": 0}
        for code in location.kecamatan
        if code not in parents
    ]
    return rows


# -- classify -------------------------------------------------------------------------------------


def score_new(classifier: Classifier, store: Store, run_id: str, progress: Progress = lambda stage, done: None) -> int:
    """Score the origins of the region that this model has not scored yet; return how many."""
    scored, after = 0, ""
    while batch := store.unscored(classifier.model_id, after, CHUNK):
        scores = classifier.score([row["text"] for row in batch], [row["title"] for row in batch])
        evidence = classifier.sentences([row["text"] for row in batch])
        rows = score_rows(scores)
        for row, story, sentences in zip(rows, batch, evidence, strict=True):
            row |= {
                "story_id": story["story_id"],
                "content_hash": story["content_hash"],
                "evidence": json.dumps([[s.start, s.end, round(s.tension, 3)] for s in sentences]),
                "run_id": run_id,
            }
        store.save_scores(rows)
        scored, after = scored + len(batch), batch[-1]["story_id"]
        progress("scored", len(batch))
    return scored


def score_rows(scores: Scores) -> list[Row]:
    """Return the scores of each text as a row: tension, level, probabilities, act, themes, model id."""
    values = tension(scores.levels)
    return [
        {
            "model_id": scores.model_id,
            "tension": round(float(values[i]), 4),
            "level": round(4 * float(values[i])),
            "levels": json.dumps([round(float(p), 4) for p in scores.levels[i]]),
            "sentiment": json.dumps([round(float(p), 4) for p in scores.sentiment[i]]),
            "act": ACTS[int(scores.acts[i].argmax())],
            "themes": json.dumps([t for t, p in zip(THEMES, scores.themes[i], strict=True) if p >= THEME_THRESHOLD]),
        }
        for i in range(len(scores))
    ]


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
