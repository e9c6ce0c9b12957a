"""What an alert rests on: three stories at most, with link, source, time and the sentences that carry the score."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from pipelines.store import Row, Store

SENTENCES, LONGEST = 2, 300  # sentences of a story that are kept, and characters of one


def pieces(store: Store, story_ids: Sequence[str], model_id: str) -> list[Row]:
    """Return title, link, source, time and the sentences that carry each story's score, in the order given."""
    rows = store.rows(
        """SELECT s.story_id, s.copies, d.url, d.title, d.text, d.voice, d.published, c.evidence, c.tension,
                  coalesce(o.name, d.source_id) AS source
           FROM stories s JOIN documents d ON d.document_id = s.origin_id
           LEFT JOIN scores c ON c.story_id = s.story_id AND c.model_id = :model
           LEFT JOIN sources o ON o.source_id = d.source_id
           WHERE s.story_id IN (SELECT value FROM json_each(:ids))""",
        {"ids": json.dumps(list(story_ids)), "model": model_id},
    )
    for row in rows:
        spans = sorted(json.loads(row.pop("evidence") or "[]"), key=lambda span: -span[2])[:SENTENCES]
        text = row.pop("text")
        row["sentences"] = [text[start:end].strip()[:LONGEST] for start, end, _ in sorted(spans)]
    return sorted(rows, key=lambda row: story_ids.index(row["story_id"]))


def links(store: Store, name: str) -> list[Row]:
    """Return source, published and url of an alert's evidence that may leave: never of a resident's post."""
    rows = store.rows("SELECT evidence FROM alerts WHERE alert_id = :id", {"id": name})
    kept = json.loads(rows[0]["evidence"]) if rows else []
    return [{k: p[k] for k in ("source", "published", "url")} for p in kept if p["voice"] != "public" and p["url"]]


def clarifications(store: Store, story_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Return what clarifies each of these stories: title, url, source, published, state; never a resident's post.

    A link that the program proposed and nobody has decided says `proposed`; a rejected one is left out.
    """
    rows = store.rows(
        """SELECT k.story_id, k.state, d.title, d.url, d.published, coalesce(o.name, d.source_id) AS source
           FROM clarifications k JOIN stories s ON s.story_id = k.clarified_by
           JOIN documents d ON d.document_id = s.origin_id LEFT JOIN sources o ON o.source_id = d.source_id
           WHERE k.story_id IN (SELECT value FROM json_each(:ids)) AND d.voice <> 'public'
             AND k.state <> 'rejected' ORDER BY d.published""",
        {"ids": json.dumps(list(story_ids))},
    )
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.pop("story_id"), []).append(row)
    return found


def versions(store: Store, story_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Return the later versions of each story and why they are taken for it; residents' posts are left out.

    Returns: title, url (None unless http), source, published, how (copy, version), score, reasons ([[kind, what]]).
    """
    if "story_links" not in store.db.table_names():  # read only, and written before there were any
        return {}
    rows = store.rows(
        """SELECT k.story_id, d.title, d.url, d.published, coalesce(o.name, d.source_id) AS source, k.how, k.score,
                  k.reasons FROM story_links k JOIN documents d USING (document_id)
           LEFT JOIN sources o ON o.source_id = d.source_id
           WHERE k.story_id IN (SELECT value FROM json_each(:ids)) AND d.voice <> 'public' ORDER BY d.published""",
        {"ids": json.dumps(list(story_ids))},
    )
    found: dict[str, list[Row]] = {}
    for row in rows:
        row["reasons"] = json.loads(row["reasons"])
        row["url"] = row["url"] if row["url"].startswith(("http://", "https://")) else None
        found.setdefault(row.pop("story_id"), []).append(row)
    return found


def purge(store: Store, before: datetime, voice: str = "") -> int:
    """Remove the texts of evidence published before a time, and all of a resident's post; return the alerts changed.

    Args: voice: of this voice only.
    """
    old = before.isoformat()

    def is_due(piece: Row) -> bool:
        return bool(piece["published"] < old and voice in ("", piece["voice"]))

    return _rewrite(store, lambda kept: [_without_texts(p) if is_due(p) else p for p in kept])


def drop(store: Store, story_id: str) -> int:
    """Remove a story from the evidence of every alert (takedown, retraction); return the alerts changed."""
    return _rewrite(store, lambda kept: [piece for piece in kept if piece["story_id"] != story_id])


def _rewrite(store: Store, change: Callable[[list[Row]], list[Row]]) -> int:
    """Put every alert's evidence through a change; return how many alerts it changed."""
    changed = []
    for row in store.rows("SELECT * FROM alerts WHERE evidence <> '[]'"):
        kept = json.loads(row["evidence"])
        if (new := change(kept)) != kept:
            changed.append(row | {"evidence": json.dumps(new, ensure_ascii=False)})
    with store.transaction():
        store.upsert("alerts", changed, "alert_id")
    return len(changed)


def _without_texts(piece: Row) -> Row:
    bare = piece | {"sentences": []}
    return bare | {"title": "", "url": ""} if piece["voice"] == "public" else bare
