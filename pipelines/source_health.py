"""The health of the sources: a silent source makes the map look calm while nothing is heard."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from analysis.source_health import Health, Present, SourceDay, SourceState, judge, visit_minutes
from crawlers.sources import Source
from pipelines.config import Settings
from pipelines.source_days import REFUSED, keep_days, read_days
from pipelines.store import Row, Store

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
VISITS_KEPT = timedelta(days=14)  # visits that the present is read from
TURN = timedelta(minutes=1)  # by which a visit may come early, so that a clock of the same pace misses no turn
_REFUSAL = re.compile(r"answers (401|403|429)\b|robots\.txt|left alone until")
STATES = {  # Bahasa Indonesia, for the brief
    SourceState.SILENT: "diam",
    SourceState.BROKEN: "rusak",
    SourceState.BLOCKED: "menolak dibaca",
    SourceState.NEW: "belum pernah terbaca",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A source's declaration, its visits of the last days (newest first), and the verdict on it."""

    declared: Row
    visits: Sequence[Row]
    present: Present
    health: Health


def source_health(store: Store, now: datetime, zone: ZoneInfo) -> list[Row]:
    """Return each source's health, those not heard first, switched-off ones last.

    Returns: the declaration, state (of `SourceState`), since, since_hours, a_day (documents, as learned; None: not
        yet), missed (documents usual in the present gap), drift ([{kind, share, before}]), last_ok, last_fetch,
        items_a_day (of 7 days), lag_hours (median from publication to the first sight, of 30 days), robots_denied
        (7 days), errors and rejected of the last fetch, silent_hours.
    """
    lags = _lags(store, (now - MONTH).isoformat())
    rows = [_row(each, lags, now) for each in judged(store, now, zone)]
    heard = (SourceState.HEALTHY, SourceState.LATE)
    return sorted(
        rows,
        key=lambda r: (not r["enabled"], r["state"] in heard, -(r["silent_hours"] or math.inf), r["source_id"]),
    )


def look(store: Store, now: datetime, zone: ZoneInfo) -> list[Judged]:
    """Bring the days of the sources up to date, judge each, and note the verdict with its day."""
    keep_days(store, now, zone)
    found, today = judged(store, now, zone), now.astimezone(zone).date()
    with store.transaction():
        for each in found:
            cadence = each.health.cadence
            usual = cadence.weekdays[today.weekday()] if cadence else None
            store.db.execute(
                "UPDATE source_daily SET usual = ?, state = ? WHERE source_id = ? AND day = ?",
                [usual, str(each.health.state), each.declared["source_id"], today.isoformat()],
            )
    return found


def judged(store: Store, now: datetime, zone: ZoneInfo) -> list[Judged]:
    """Return the verdict on each source with what it rests on."""
    history, visits = read_days(store, now.astimezone(zone).date()), _visits(store, now)
    found = []
    for declared in store.rows("SELECT * FROM sources ORDER BY source_id"):
        name = declared["source_id"]
        present = _present(bool(declared["enabled"]), visits[name], history[name])
        found.append(Judged(declared, visits[name], present, judge(history[name], present, now, zone)))
    return found


def due(settings: Settings, store: Store, sources: Iterable[Source], now: datetime) -> list[str]:
    """Return the enabled sources whose next visit is due: busy ones oftener, those not heard more rarely."""
    crawl = settings.crawl
    bounds = (
        min(crawl.fastest_minutes, crawl.every_minutes),
        crawl.every_minutes,
        max(crawl.slowest_minutes, crawl.every_minutes),
    )
    known = {each.declared["source_id"]: each for each in judged(store, now, settings.timezone)}
    found = []
    for source in sources:
        last = known[source.id].present.last_visit if source.id in known else None
        if last:
            requests = sorted(visit["requests"] for visit in known[source.id].visits[:20])
            usual = requests[len(requests) // 2] if requests else 0
            wait = visit_minutes(known[source.id].health, now, bounds, usual * source.delay / 60)
            if now - last < timedelta(minutes=wait) - TURN:
                continue
        if source.enabled:
            found.append(source.id)
    return found


def _row(each: Judged, lags: dict[str, float], now: datetime) -> Row:
    health, present = each.health, each.present
    latest = each.visits[0] if each.visits else {"errors": "[]", "rejected": "{}"}
    week = [visit for visit in each.visits if visit["started"] >= (now - WEEK).isoformat()]
    days = min(7.0, max(1.0, (now - present.first_visit) / timedelta(days=1))) if present.first_visit else 1.0
    return each.declared | {
        "state": str(health.state),
        "since": health.since.isoformat() if health.since else None,
        "since_hours": (now - health.since) / timedelta(hours=1) if health.since else None,
        "a_day": health.cadence.a_day if health.cadence else None,
        "missed": health.missed,
        "drift": [{"kind": d.kind, "share": d.share, "before": d.before} for d in health.drift],
        "last_ok": present.last_ok.isoformat() if present.last_ok else None,
        "last_fetch": present.last_visit.isoformat() if present.last_visit else None,
        "items_a_day": sum(visit["items"] for visit in week) / days,
        "lag_hours": lags.get(each.declared["source_id"]),
        "robots_denied": sum(visit["robots_denied"] for visit in week),
        "errors": json.loads(latest["errors"]),
        "rejected": json.loads(latest["rejected"]),
        "silent_hours": (now - present.last_ok) / timedelta(hours=1) if present.last_ok else None,
    }


# -- what the visits say --------------------------------------------------------------------------


def _visits(store: Store, now: datetime) -> dict[str, list[Row]]:
    """Return the visits of the last days by source, newest first."""
    rows = store.rows(
        """SELECT source_id, started, finished, ok, requests, items, robots_denied, rejected, errors FROM fetches
           WHERE day >= :since AND started <= :now ORDER BY started DESC""",
        {"since": (now - VISITS_KEPT).date().isoformat(), "now": now.isoformat()},
    )
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["source_id"]].append(row)
    return found


def _present(enabled: bool, visits: Sequence[Row], history: Sequence[SourceDay]) -> Present:
    """Read the present from the visits, and from the days what lies before them."""
    arrival = next((at for at, visit in enumerate(visits) if visit["items"]), len(visits))
    heard = next((at for at, visit in enumerate(visits) if visit["ok"] and not _withheld(visit)), len(visits))
    failing = visits[:heard]
    withheld = [visit for visit in visits[:arrival] if _withheld(visit)]
    if len(withheld) >= 2:  # to be given the list and none of its articles is not to hear
        failing, heard = withheld, arrival
    told = [day.last for day in history if day.last]
    before = told[-1] if told else None
    return Present(
        enabled,
        first_visit=min(filter(None, (_at(visits, len(visits) - 1, "started"), *told[:1])), default=None),
        last_visit=_at(visits, 0, "started"),
        last_ok=_at(visits, heard, "finished") or before,
        last_arrival=_at(visits, arrival, "finished") or before,
        failed=len(failing),
        refused=sum(_withheld(visit) or bool(_REFUSAL.search(visit["errors"])) for visit in failing),
    )


def _at(visits: Sequence[Row], place: int, name: str) -> datetime | None:
    return datetime.fromisoformat(visits[place][name]) if 0 <= place < len(visits) else None


def _withheld(visit: Row) -> bool:
    """Tell whether a visit got the list and was refused every article."""
    return bool(visit["ok"]) and not visit["items"] and any(name in json.loads(visit["rejected"]) for name in REFUSED)


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
