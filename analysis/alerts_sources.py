"""Sources that are no longer heard, or ever worse: told to the analyst within a day of what can be known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from analysis.alerts import Alert
from analysis.source_health import UNHEARD, Drift, Health, SourceState

RULE = 0.007  # false alarms a source and week that a chance of 0.001 a day is set for
DRIFT_WINDOW = timedelta(days=7)  # within which a drift is told once
_UNKNOWN = {
    SourceState.SILENT: "apakah sumbernya berhenti terbit atau alamatnya berubah",
    SourceState.BROKEN: "apakah situsnya rusak atau alamat dan tata letaknya berubah",
    SourceState.BLOCKED: "apakah situs menolak kita untuk sementara atau seterusnya; jangan diakali",
}
DRIFTS = {  # Bahasa Indonesia
    "empty": "halaman tanpa isi",
    "undated": "berita tanpa tanggal",
    "boilerplate": "isi yang berulang-ulang",
}


def alerts_of(found: Mapping[str, Health], as_of: datetime, zone: ZoneInfo) -> list[Alert]:
    """Return a yellow alert for each source that is silent, broken or blocked, and for each whose texts got worse."""
    today = as_of.astimezone(zone).date()
    alerts = []
    for source, health in sorted(found.items()):
        if health.state in UNHEARD and health.since:
            words = _silence(source, health, zone)
            first = min(today, health.since.astimezone(zone).date())
            alerts.append(_alert("source", source, first, health, words, _UNKNOWN[health.state], as_of, zone))
        elif health.state is not SourceState.OFF and health.drift:
            words = f"Sumber {source} makin sulit dibaca: {', '.join(map(_worse, health.drift))}"
            unknown = "apakah tata letak situsnya berubah; `sources check` dan selektornya perlu dilihat"
            first = today - DRIFT_WINDOW
            alerts.append(_alert("extraction", source, first, health, words, unknown, as_of, zone))
    return alerts


def _silence(source: str, health: Health, zone: ZoneInfo) -> str:
    since = f"{health.since.astimezone(zone):%d-%m-%Y %H:%M}" if health.since else ""
    if health.state is SourceState.BLOCKED:
        return f"Sumber {source} menolak dibaca sejak {since} (robots.txt, 401, 403 atau 429)"
    if health.state is SourceState.BROKEN:
        return f"Sumber {source} tidak terbaca sejak {since}; skor sejak itu kurang lengkap"
    usual = f", biasanya {health.cadence.a_day:.1f} dokumen sehari" if health.cadence else ""
    return f"Sumber {source} diam sejak {since}{usual}; skor sejak itu kurang lengkap"


def _worse(drift: Drift) -> str:
    return f"{DRIFTS[drift.kind]} {100 * drift.share:.0f} % (dulu {100 * drift.before:.0f} %)"


def _alert(
    kind: str, source: str, first: date, health: Health, words: str, unknown: str, as_of: datetime, zone: ZoneInfo
) -> Alert:
    p = math.exp(-health.missed) if health.state is SourceState.SILENT and health.missed else math.nan
    return Alert(
        kind, "kuning", "source", source, first, as_of.astimezone(zone).date(), words,
        0.0, health.missed, p, math.nan, RULE, 0.0 if health.state in UNHEARD else 1.0,
        (f"Yang belum diketahui: {unknown}",), (), (), as_of,
    )  # fmt: skip
