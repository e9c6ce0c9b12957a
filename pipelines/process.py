"""The one place that composes the stages: clean, group, locate, classify.

Each stage takes what the one before it left undone, so it does not matter where the last run stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from analysis.classifier import Classifier
from analysis.origin import release_likeness
from analysis.records import Document, Rejected, Voice
from analysis.stories import fingerprints
from analysis.text import canonical_url, clean_text, content_hash, document_id, known_date, language, words
from crawlers.items import RawDocument
from crawlers.spool import is_growing, read_spool
from pipelines import clarifications, corrections
from pipelines.batches import gazetteer_id, locate_batch, score_batch, score_elsewhere
from pipelines.cluster import Spread, here, spread_over
from pipelines.config import Settings
from pipelines.grouping import Grouping, link_rows
from pipelines.score_cache import scorer
from pipelines.store import Row, Store

log = logging.getLogger(__name__)

CHUNK = 500  # documents held in memory at a time
Progress = Callable[[str, int], None]  # stage, how many more are done
T = TypeVar("T")


def process(
    settings: Settings,
    store: Store,
    voices: Mapping[str, Voice],
    run_id: str,
    now: datetime,
    progress: Progress = lambda stage, done: None,
    scheduler: str = "",
) -> dict[str, Any]:
    """Bring everything in the spool to scored, located stories.

    Args:
        voices: the voice of each source id; documents of other sources are rejected with that reason.
        scheduler: address of a Dask scheduler whose workers locate and score; "" does all here.

    Returns: counts of each stage, and the id of the model that scored.
    Raises: ModelError, GazetteerError, StorageError. What was done until then is kept.
    """
    counts: dict[str, Any] = dict(take_in(settings, store, voices, run_id, now, progress))
    with spread_over(scheduler) as spread:
        counts["located"] = locate_new(settings.region, store, run_id, progress, spread)
        corrections.apply(store)  # a corrected place may bring a story into the region, to be scored
        with scorer(settings) as classifier:
            folder = settings.model if scheduler else None
            counts["scored"] = score_new(classifier, store, run_id, progress, spread, folder)
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
    """Read the spool files that are written whole and not taken in yet; each is marked once it is stored whole."""
    counts = {"documents": 0, "changed": 0, "rejected": 0, "withdrawn": 0}
    withdrawn: set[str] = set()
    done = store.taken_in()
    grouping: Grouping | None = None
    for path in sorted(settings.spool.glob("*/*.jsonl.gz")):
        name = str(path.relative_to(settings.spool))
        if name in done or is_growing(path):
            continue
        taken = rejected = 0
        grouping = grouping or Grouping(store, settings.region)
        for chunk in _chunks(read_spool(path), CHUNK):
            gone = {raw.url for raw in chunk if raw.withdrawn}
            counts["withdrawn"] += corrections.withdraw(store, sorted(gone), now)
            chunk = [raw for raw in chunk if raw.url not in gone]
            removed = corrections.taken_down(store, [document_id(raw.url) for raw in chunk])
            withdrawn |= gone | {raw.url for raw in chunk if document_id(raw.url) in removed}
            new, changed, refused = _store_chunk(
                store, grouping, chunk, removed, voices, settings.timezone, run_id, now
            )
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
    removed: set[str],
    voices: Mapping[str, Voice],
    zone: ZoneInfo,
    run_id: str,
    now: datetime,
) -> tuple[int, int, int]:
    """Clean, group and store a chunk in one transaction; return how many were new, changed, refused.

    Args: removed: ids of documents that were taken down.
    """
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


# -- locate and classify --------------------------------------------------------------------------


def locate_new(
    region: Path, store: Store, run_id: str, progress: Progress = lambda stage, done: None, spread: Spread = here
) -> int:
    """Locate the origins that have no place yet; return how many."""
    identity = gazetteer_id(region)
    located = 0
    work = partial(locate_batch, str(region), identity, run_id)
    for batch, (locations, places) in spread(work, _pages(lambda after: store.unlocated(identity, after, CHUNK))):
        store.save_locations(locations, places)
        located += len(batch)
        progress("located", len(batch))
    return located


def score_new(
    classifier: Classifier,
    store: Store,
    run_id: str,
    progress: Progress = lambda stage, done: None,
    spread: Spread = here,
    folder: Path | None = None,
) -> int:
    """Score the origins of the region that this model has not scored yet; return how many.

    Args: folder: from which other machines load the same model; None where the work stays here.
    """
    scored = 0
    work: Callable[[list[Row]], list[Row]] = (
        partial(score_batch, classifier, run_id)
        if folder is None
        else partial(score_elsewhere, str(folder), classifier.model_id, run_id)
    )
    for batch, rows in spread(work, _pages(lambda after: store.unscored(classifier.model_id, after, CHUNK))):
        store.save_scores(rows)
        scored += len(batch)
        progress("scored", len(batch))
    return scored


def _pages(read: Callable[[str], list[Row]]) -> Iterator[list[Row]]:
    """Yield what is left undone, page by page in the order of stories; may run ahead of what is saved."""
    after = ""
    while batch := read(after):
        yield batch
        after = batch[-1]["story_id"]


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
