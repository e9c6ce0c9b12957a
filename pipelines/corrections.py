"""What people know better: a wrong place or level corrected after approval, a document taken down by its address.

A correction stays in force however often a story is located and scored again, until its text changes hands to
another story. The days it touches are built again by the next run; earlier versions stay readable.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from analysis.records import LEVELS
from analysis.text import canonical_url, document_id
from crawlers.privacy import address_of_link
from crawlers.spool import SpoolWriter, is_growing, read_spool
from pipelines import evidence
from pipelines.audit import record
from pipelines.collect import author_salt
from pipelines.config import Settings
from pipelines.store import Row, Store

log = logging.getLogger(__name__)

ELSEWHERE = "elsewhere"
KINDS = ("place", "level")


class CorrectionRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A correction that cannot be entered or decided; says why."""


def propose(
    store: Store, gazetteer: Gazetteer, story_id: str, kind: str, value: str, reason: str, who: str, now: datetime
) -> int:
    """Enter a correction for somebody else to approve; return its number.

    Args: value: for a place a code of the region, or "elsewhere"; for a level 0 to 4.
    Raises: CorrectionRefused, StorageError.
    """
    value = value.strip()
    if not reason.strip():
        raise CorrectionRefused("tulis alasannya: apa yang menunjukkan bahwa ini keliru?")
    if kind not in KINDS:
        raise CorrectionRefused(f"{kind!r}: yang bisa dikoreksi adalah {', '.join(KINDS)}")
    places = {*gazetteer.desa, *gazetteer.kecamatan, gazetteer.code, ELSEWHERE}
    if value not in (places if kind == "place" else map(str, range(len(LEVELS)))):
        wanted = f'kode di {gazetteer.name} atau "{ELSEWHERE}"' if kind == "place" else "tingkat 0 sampai 4"
        raise CorrectionRefused(f"{value!r} bukan {wanted}")
    before = said(store, story_id)[kind]
    if before == value:
        raise CorrectionRefused("sudah begitu menurut mesin; tidak ada yang perlu dikoreksi")
    with store.transaction():
        cursor = store.db.execute(
            """INSERT INTO corrections (story_id, kind, value, before, reason, proposed_at, proposed_by, state)
               VALUES (?, ?, ?, ?, ?, ?, ?, 'proposed')""",
            [story_id, kind, value, before, reason.strip(), now.isoformat(), who],
        )
        record(store, "correction proposed", {"story": story_id, "kind": kind, "value": value}, now, who)
    return int(cursor.lastrowid or 0)


def said(store: Store, story_id: str) -> dict[str, str]:
    """Return what is stored of a story: place (its codes, joined by a space) and level.

    Raises: CorrectionRefused where there is no such story of the region.
    """
    rows = store.rows(
        """SELECT l.level AS found, l.kabupaten, (SELECT level FROM scores c WHERE c.story_id = l.story_id
                  ORDER BY rowid DESC LIMIT 1) AS level,
                  (SELECT group_concat(code, ' ') FROM places p WHERE p.story_id = l.story_id) AS codes
           FROM locations l WHERE l.story_id = :id""",
        {"id": story_id},
    )
    if not rows:
        raise CorrectionRefused(f"tidak ada berita {story_id!r}")
    row = rows[0]
    return {"place": row["codes"] or (ELSEWHERE if not row["kabupaten"] else row["found"]), "level": str(row["level"])}


def shown(store: Store, story_id: str) -> Row | None:
    """Return title, url, source, voice, published and places of a story, a resident's post without its words."""
    rows = store.rows(
        """SELECT d.title, d.url, d.voice, d.published, coalesce(o.name, d.source_id) AS source,
                  (SELECT group_concat(code, ' ') FROM places p WHERE p.story_id = s.story_id) AS codes
           FROM stories s JOIN documents d ON d.document_id = s.origin_id
           LEFT JOIN sources o ON o.source_id = d.source_id WHERE s.story_id = :id""",
        {"id": story_id},
    )
    if not rows:
        return None
    row = rows[0] | {"codes": (rows[0]["codes"] or "").split()}
    return row | {"title": "", "url": ""} if row["voice"] == "public" else row


def decide(store: Store, number: int, approve: bool, who: str, now: datetime, alone: bool = False) -> Row:
    """Approve a proposed correction, so that it takes effect, or reject it.

    Args: alone: the proposer may decide (one analyst at the command line of a small post); else another person must.
    Raises: CorrectionRefused, StorageError.
    """
    with store.transaction():
        rows = store.rows("SELECT * FROM corrections WHERE correction_id = :n", {"n": number})
        if not rows or rows[0]["state"] != "proposed":
            raise CorrectionRefused(f"tidak ada usulan koreksi {number} yang masih terbuka")
        row = rows[0]
        if not alone and row["proposed_by"].casefold() == who.casefold():
            raise CorrectionRefused("perlu orang kedua: yang mengusulkan tidak memutuskan")
        state = "approved" if approve else "rejected"
        decided = {"state": state, "decided_at": now.isoformat(), "decided_by": who}
        store.upsert("corrections", [row | decided], "correction_id")
        record(store, f"correction {state}", {"correction": number, "story": row["story_id"]}, now, who)
        if approve:
            apply(store, [row["story_id"]])
            _ask_rebuild(store, [row["story_id"]], now)
    return row | decided


def listed(store: Store, states: Sequence[str] = ("proposed",)) -> list[Row]:
    """Return corrections with title, source and address of their story, oldest first."""
    return store.rows(
        """SELECT k.*, d.title, d.url, d.voice, d.published, s.day FROM corrections k
           LEFT JOIN stories s USING (story_id) LEFT JOIN documents d ON d.document_id = s.origin_id
           WHERE k.state IN (SELECT value FROM json_each(:states)) ORDER BY k.correction_id""",
        {"states": json.dumps(list(states))},
    )


def apply(store: Store, story_ids: Iterable[str] | None = None) -> int:
    """Put approved corrections over what the machine says now, of some stories or all; return how many."""
    rows = store.rows(
        """SELECT k.story_id, k.kind, k.value FROM corrections k JOIN locations l USING (story_id)
           WHERE k.state = 'approved' AND (:every OR k.story_id IN (SELECT value FROM json_each(:ids)))
           ORDER BY k.correction_id""",
        {"every": story_ids is None, "ids": json.dumps(list(story_ids or ()))},
    )
    with store.transaction():
        for row in rows:
            if row["kind"] == "place":
                _put_place(store, row["story_id"], row["value"])
            else:
                _put_level(store, row["story_id"], int(row["value"]))
    return len(rows)


def _put_place(store: Store, story_id: str, value: str) -> None:
    level = {2: "kabupaten", 3: "kecamatan", 4: "desa"}.get(len(value.split(".")), ELSEWHERE)
    store.db.execute("DELETE FROM places WHERE story_id = ?", [story_id])
    if level in ("desa", "kecamatan"):
        store.upsert(
            "places", [{"story_id": story_id, "code": value, "level": level, "implied": 0}], ("story_id", "code")
        )
    store.db.execute(
        """UPDATE locations SET level = ?, kabupaten = ?, confidence = 1, reason = 'corrected by a person'
           WHERE story_id = ?""",
        [level, int(level != ELSEWHERE), story_id],
    )


def _put_level(store: Store, story_id: str, level: int) -> None:
    shares = json.dumps([float(each == level) for each in range(len(LEVELS))])
    store.db.execute(
        "UPDATE scores SET level = ?, tension = ?, levels = ? WHERE story_id = ?",
        [level, level / (len(LEVELS) - 1), shares, story_id],
    )


# -- clarification --------------------------------------------------------------------------------


def clarify(store: Store, rumour: str, clarification: str, reason: str, who: str, now: datetime) -> None:
    """Link a rumour to the story that clarifies it, by their addresses; it is shown beside it from now on.

    The rumour keeps its level, for the scale labels what was said; its days are built again.
    Raises: CorrectionRefused where an address is not known or both are one story, StorageError.
    """
    names = {address: document_id(address) for address in (rumour, clarification)}
    known = store.documents_known(list(names.values()))
    for address, name in names.items():
        if name not in known:
            raise CorrectionRefused(f"tidak ada dokumen dengan alamat {canonical_url(address)}")
    story, other = (str(known[names[address]]["story_id"]) for address in (rumour, clarification))
    if story == other:
        raise CorrectionRefused("keduanya satu berita yang sama")
    link: Row = {"story_id": story, "clarified_by": other, "reason": reason, "at": now.isoformat(), "who": who}
    link |= {"state": "linked", "score": None}
    with store.transaction():
        store.upsert("clarifications", [link], ("story_id", "clarified_by"))
        _ask_rebuild(store, [story, other], now)
        record(store, "clarification linked", {"story": story, "clarified_by": other}, now, who)


# -- takedown -------------------------------------------------------------------------------------


def take_down(settings: Settings, store: Store, url: str, reason: str, who: str, now: datetime) -> str:
    """Remove a document by its address, from evidence and the spool too, and never take it in again.

    A story that other outlets carry goes on with the next of them as its origin. A resident's post is found by its
    public link, though that link is not stored.
    Returns: the story it belonged to.
    Raises: CorrectionRefused where no document has that address, StorageError.
    """
    url = address_of_link(url, author_salt(settings).encode())
    name = document_id(url)
    found = store.documents_known([name]).get(name)
    if found is None:
        raise CorrectionRefused(f"tidak ada dokumen dengan alamat {canonical_url(url)}")
    story = _remove(store, found, who, reason, now)
    clear_spool(settings, {canonical_url(url)})
    return story


def withdraw(store: Store, urls: Sequence[str], now: datetime) -> int:
    """Remove posts that their authors deleted, and take none of them in again; return how many were stored."""
    known = store.documents_known([document_id(url) for url in urls])
    with store.transaction():
        for found in known.values():
            _remove(store, found, "sejuk", "deleted by its author", now)
        gone = [{"document_id": document_id(url), "at": now.isoformat(), "who": "sejuk",
                 "reason": "deleted by its author"} for url in urls]  # fmt: skip
        store.upsert("takedowns", gone, "document_id")
    return len(known)


def _remove(store: Store, found: Row, who: str, reason: str, now: datetime) -> str:
    """Remove a document from everything but the spool; return the story it belonged to."""
    name, story = str(found["document_id"]), str(found["story_id"])
    with store.transaction():
        _ask_rebuild(store, [story], now)
        store.upsert(
            "takedowns", [{"document_id": name, "at": now.isoformat(), "who": who, "reason": reason}], "document_id"
        )
        for table in ("bands", "fingerprints", "story_traits", "story_links", "labels", "documents"):
            store.db.execute(f"DELETE FROM {table} WHERE document_id = ?", [name])  # noqa: S608 (constants)
        evidence.drop(store, story)
        if store.rows("SELECT 1 FROM documents WHERE story_id = :id", {"id": story}):
            store.refresh_stories([story])
        else:
            for table in ("clarifications", "places", "locations", "scores", "stories"):
                store.db.execute(f"DELETE FROM {table} WHERE story_id = ?", [story])  # noqa: S608 (constants)
        record(store, "taken down", {"document": name, "reason": reason}, now, who)
    return story


def clear_spool(settings: Settings, urls: Collection[str]) -> None:
    """Leave documents out of the spool files, each replaced whole; one that grows is left to `take_in`.

    Args: urls: canonical.
    """
    for path in settings.spool.glob("*/*.jsonl.gz"):
        every = [] if is_growing(path) else list(read_spool(path))
        kept = [document for document in every if canonical_url(document.url) not in urls]
        if len(kept) < len(every):
            moment, part = path.stat().st_mtime, path.with_suffix(".part")
            part.unlink(missing_ok=True)
            with SpoolWriter(part) as writer:
                for document in kept:
                    writer.write(document)
            part.touch()  # where nothing is kept
            os.utime(part, (moment, moment))
            part.replace(path)
            log.info("takedown spool=%s removed=%d", path.name, len(every) - len(kept))


def taken_down(store: Store, ids: Sequence[str]) -> set[str]:
    """Return those of these documents that were taken down."""
    sql = "SELECT document_id FROM takedowns WHERE document_id IN (SELECT value FROM json_each(:ids))"
    return {row["document_id"] for row in store.rows(sql, {"ids": json.dumps(list(ids))})}


# -- days to build again --------------------------------------------------------------------------


def _ask_rebuild(store: Store, story_ids: Sequence[str], now: datetime) -> None:
    days = store.rows(
        "SELECT min(day) AS day FROM stories WHERE story_id IN (SELECT value FROM json_each(:ids))",
        {"ids": json.dumps(list(story_ids))},
    )
    if days[0]["day"]:
        store.upsert("rebuilds", [{"since": days[0]["day"], "asked_at": now.isoformat()}], "since")


def rebuild_since(store: Store) -> date | None:
    """Return the first day that a correction asks to be built again, or None."""
    since = store.rows("SELECT min(since) AS since FROM rebuilds")[0]["since"]
    return date.fromisoformat(since) if since else None


def rebuilt(store: Store, now: datetime) -> None:
    """Note that all days asked for until now were built."""
    with store.transaction():
        store.db.execute("DELETE FROM rebuilds WHERE asked_at <= ?", [now.isoformat()])
