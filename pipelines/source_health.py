"""The health of the sources: a silent source makes the map look calm while nothing is heard."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import Any

from pipelines.store import Row, Store

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
QUIET_HOURS = 24.0  # without a success from which an enabled source counts as silent


def source_health(store: Store, now: datetime) -> list[Row]:
    """Return each source's health, silent ones first, switched-off ones last.

    Returns: the declaration, last_ok, last_fetch, ok, items_a_day (of 7 days), lag_hours (median from publication
        to the first sight, of 30 days), robots_denied (7 days), errors, rejected of the last fetch, silent_hours, and
        state: ok, quiet, failed, new (never read), off.
    """
    since = {"week": (now - WEEK).isoformat(), "month": (now - MONTH).isoformat()}
    rows = store.rows(
        """SELECT s.*, l.ok, l.started AS last_fetch, l.errors, l.rejected, l.status, l.last_published,
                  (SELECT max(finished) FROM fetches f WHERE f.source_id = s.source_id AND f.ok) AS last_ok,
                  (SELECT coalesce(sum(items), 0) FROM fetches f
                   WHERE f.source_id = s.source_id AND f.started >= :week) AS items7,
                  (SELECT coalesce(sum(robots_denied), 0) FROM fetches f
                   WHERE f.source_id = s.source_id AND f.started >= :week) AS robots_denied,
                  (SELECT min(started) FROM fetches f WHERE f.source_id = s.source_id) AS first_fetch
           FROM sources s LEFT JOIN fetches l ON l.source_id = s.source_id AND l.started =
                  (SELECT max(started) FROM fetches f WHERE f.source_id = s.source_id)""",
        since,
    )
    lags = _lags(store, since["month"])
    for row in rows:
        row["errors"] = json.loads(row["errors"] or "[]")
        row["rejected"] = json.loads(row["rejected"] or "{}")
        row["items_a_day"] = row.pop("items7") / min(7.0, max(1.0, _hours(row["first_fetch"], now, 0.0) / 24))
        row["lag_hours"] = lags.get(row["source_id"])
        row["silent_hours"] = _hours(row["last_ok"], now)
        row["state"] = _state(row)
    return sorted(rows, key=lambda r: (not r["enabled"], -(r["silent_hours"] or math.inf), r["source_id"]))


def _state(row: Row) -> str:
    if not row["enabled"]:
        return "off"
    if row["ok"] is None:
        return "new"
    if row["silent_hours"] is None or row["silent_hours"] > QUIET_HOURS:
        return "quiet"
    return "ok" if row["ok"] else "failed"


def _lags(store: Store, since: str) -> dict[str, float]:
    """Return the median hours from publication to first sight, by source; what lay there before is left out."""
    table = store.frame(
        """SELECT d.source_id, (julianday(d.first_seen) - julianday(d.published)) * 24 AS hours FROM documents d
           WHERE d.date_known AND d.published >= :since AND d.first_seen >= d.published
             AND d.published >= (SELECT min(started) FROM fetches f WHERE f.source_id = d.source_id)""",
        {"since": since},
    )
    return {str(name): float(hours) for name, hours in table.groupby("source_id")["hours"].median().items()}


def _hours(moment: str | None, now: datetime, missing: float | None = None) -> Any:
    return (now - datetime.fromisoformat(moment)) / timedelta(hours=1) if moment else missing
