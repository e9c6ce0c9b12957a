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
    rows = store.rows(
        """WITH told AS (
              SELECT source_id, max(CASE WHEN ok THEN finished END) AS last_ok, min(started) AS first_fetch,
                     sum(CASE WHEN started >= :week THEN items ELSE 0 END) AS items7,
                     sum(CASE WHEN started >= :week THEN robots_denied ELSE 0 END) AS denied7
              FROM fetches GROUP BY source_id),
            latest AS (  -- SQLite gives the row that holds the maximum
              SELECT source_id, max(started) AS last_fetch, ok, errors, rejected, status, last_published
              FROM fetches GROUP BY source_id)
           SELECT s.*, latest.last_fetch, latest.ok, latest.errors, latest.rejected, latest.status,
                  latest.last_published, told.last_ok, told.first_fetch, coalesce(told.items7, 0) AS items7,
                  coalesce(told.denied7, 0) AS robots_denied
           FROM sources s LEFT JOIN told USING (source_id) LEFT JOIN latest USING (source_id)""",
        {"week": (now - WEEK).isoformat()},
    )
    lags = _lags(store, (now - MONTH).isoformat())
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
        """WITH begun AS (SELECT source_id, min(started) AS began FROM fetches GROUP BY source_id)
           SELECT d.source_id, (julianday(d.first_seen) - julianday(d.published)) * 24 AS hours
           FROM documents d JOIN begun USING (source_id)
           WHERE d.date_known AND d.published >= :since AND d.first_seen >= d.published AND d.published >= began""",
        {"since": since},
    )
    return {str(name): float(hours) for name, hours in table.groupby("source_id")["hours"].median().items()}


def _hours(moment: str | None, now: datetime, missing: float | None = None) -> Any:
    return (now - datetime.fromisoformat(moment)) / timedelta(hours=1) if moment else missing
