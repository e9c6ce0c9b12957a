"""Denials that the program found: proposed beside what they deny, until an analyst confirms or rejects them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.audit import record
from pipelines.corrections import CorrectionRefused
from pipelines.store import Row, Store

ITSELF = "sejuk"  # who proposes


def propose(store: Store, found: Mapping[tuple[str, str], tuple[float, Any]], now: datetime) -> int:
    """Enter found denials as proposals, shown as such beside what they deny; what was decided stays. Return how many.

    Args: found: (story, its denial) -> log-odds and what both share.
    """
    rows = [
        {"story_id": story, "clarified_by": denial, "state": "proposed", "score": round(score, 2),
         "reason": json.dumps(shared, ensure_ascii=False), "at": now.isoformat(), "who": ITSELF}
        for (story, denial), (score, shared) in found.items()
    ]  # fmt: skip
    before = store.db.table("clarifications").count
    store.db.table("clarifications").insert_all(rows, pk=("story_id", "clarified_by"), ignore=True)
    return int(store.db.table("clarifications").count - before)


def listed(store: Store, states: Sequence[str] = ("proposed",)) -> list[Row]:
    """Return links of these states, newest first: title, url, voice and time of both stories, and the reason."""
    rows = store.rows(
        """SELECT k.*, d.title, d.url, d.voice, d.published, e.title AS other_title, e.url AS other_url,
                  e.voice AS other_voice, e.published AS other_published
           FROM clarifications k
           JOIN stories s ON s.story_id = k.story_id JOIN documents d ON d.document_id = s.origin_id
           JOIN stories t ON t.story_id = k.clarified_by JOIN documents e ON e.document_id = t.origin_id
           WHERE k.state IN (SELECT value FROM json_each(:states)) ORDER BY k.at DESC, k.story_id""",
        {"states": json.dumps(list(states))},
    )
    for row in rows:
        row["reason"] = json.loads(row["reason"]) if row["score"] is not None else row["reason"]
    return rows


def decide(store: Store, story: str, denial: str, confirm: bool, who: str, now: datetime) -> None:
    """Confirm a proposed clarification, or reject it so that it is shown no more and never proposed again.

    Raises: CorrectionRefused where there is none that is open, StorageError.
    """
    with store.transaction():
        state = "linked" if confirm else "rejected"
        changed = store.db.execute(
            """UPDATE clarifications SET state = ?, decided_by = ?, decided_at = ?
               WHERE story_id = ? AND clarified_by = ? AND state = 'proposed'""",
            [state, who, now.isoformat(), story, denial],
        ).rowcount
        if not changed:
            raise CorrectionRefused("tidak ada usulan klarifikasi itu yang masih terbuka")
        record(store, f"clarification {state}", {"story": story, "clarified_by": denial}, now, who)
