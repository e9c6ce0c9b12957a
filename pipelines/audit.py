"""The audit log: who read evidence, who exported, who enabled a source; hash-chained and verifiable."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipelines.store import Row, Store

GENESIS = "0" * 64


def record(store: Store, action: str, detail: Mapping[str, Any], now: datetime, who: str | None = None) -> None:
    """Append one entry whose hash covers the entry before it.

    Args: who: defaults to the account of the operating system.
    """
    with store.transaction():
        last = store.rows("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1")
        entry: Row = {
            "seq": last[0]["seq"] + 1 if last else 1,
            "at": now.isoformat(),
            "who": who or getpass.getuser(),
            "action": action,
            "detail": json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
            "previous": last[0]["hash"] if last else GENESIS,
        }
        store.upsert("audit_log", [entry | {"hash": _hash(entry)}], "seq")


def latest(store: Store, limit: int = 50) -> list[Row]:
    """Return the newest entries first."""
    return store.rows("SELECT * FROM audit_log ORDER BY seq DESC LIMIT :limit", {"limit": limit})


def verify(store: Store) -> str | None:
    """Return None where the chain is whole, else what is wrong with it."""
    previous = GENESIS
    for expected, row in enumerate(store.rows("SELECT * FROM audit_log ORDER BY seq"), start=1):
        if row["seq"] != expected:
            return f"entry {expected} is missing"
        if row["previous"] != previous or row["hash"] != _hash(row):
            return f"entry {expected} was changed after it was written"
        previous = row["hash"]
    return None


def _hash(entry: Mapping[str, Any]) -> str:
    parts = [str(entry[key]) for key in ("seq", "at", "who", "action", "detail", "previous")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
