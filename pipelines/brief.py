"""Laporan harian: what a day's tables, alerts, sources and visits say, gathered for one page."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from analysis.trends import SINGLE
from pipelines import ledger, pages
from pipelines.audit import record
from pipelines.config import Settings
from pipelines.source_health import STATES, source_health
from pipelines.store import Row, Store
from pipelines.wording import THEMES, TOPICS

WEEK = timedelta(days=7)
TREND_DAYS = 60
REPORTS, REPORT_DAYS = 2, 3  # reports named for a desa, and from how many days
GAP = 0.10  # a difference between official and other voices below this is not spoken of


@dataclass(frozen=True, slots=True)
class Estimate:
    """A place's estimate on the day; `before` is that of a week ago, None where either is not known."""

    status: str
    tension: float | None
    low: float | None
    high: float | None
    before: float | None

    @property
    def rise(self) -> float | None:
        """Return the change within the week."""
        return None if self.tension is None or self.before is None else self.tension - self.before


@dataclass(frozen=True, slots=True)
class Report:
    """A press or official story that an estimate rests on; a resident's post is never named."""

    title: str
    source: str
    url: str


@dataclass(frozen=True, slots=True)
class DesaLine:
    """One desa that has something to say today."""

    code: str
    name: str
    estimate: Estimate
    stories: int  # of 7 days
    grave: int  # of level 3 or 4 in 7 days
    single: bool  # one grave report that nothing else supports
    themes: tuple[str, ...]
    reports: tuple[Report, ...]
    visited: str | None  # last visit of the week


@dataclass(frozen=True, slots=True)
class KecamatanPart:
    """One kecamatan: its estimate, the desa that changed, and how many say nothing."""

    code: str
    name: str
    estimate: Estimate
    lines: tuple[DesaLine, ...]
    silent: tuple[str, ...]  # desa without any data, by name
    quiet: int  # desa without stories of their own, estimated from the kecamatan


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything one page says."""

    region: str
    day: date
    as_of: datetime
    coverage: float
    whole: Estimate
    stories: int
    parts: tuple[KecamatanPart, ...]  # those that changed or are told of, most tense first
    calm: tuple[str, ...]  # kecamatan with nothing to tell, by name
    alerts: tuple[Row, ...]  # reviewed and confirmed
    waiting: int  # alerts that nobody has confirmed yet
    sources: tuple[Row, ...]  # that are not heard, or read ever worse
    sources_enabled: int
    visits: tuple[Row, ...]  # of the day, with the desa's name
    topics: tuple[tuple[str, str], ...]  # theme, suggestion
    official_gap: float | None  # official minus the press and residents, None where either is not known
    trend: tuple[tuple[str, float | None, float | None, float | None], ...]  # day, tension, low, high
    map: tuple[Row, ...]  # code, name, kecamatan, status, tension of every desa


def read_brief(settings: Settings, store: Store, day: date | None, now: datetime, who: str = "sejuk") -> Brief:
    """Gather the brief of a day, the latest one with tables where none is given; entered in the audit log.

    Raises: MonitorError where that day has no tables.
    """
    days = pages.days_of(store)
    if days is None:
        raise MonitorError("belum ada tabel: jalankan `run_monitor.py once`. Sepi bukan berarti tenang.")
    day = day or days.last
    if day not in days.built:
        raise MonitorError(f"tidak ada tabel untuk {day}; ada dari {days.first} sampai {days.last}")
    gazetteer = Gazetteer.load(settings.region)
    tables = {
        level: pages.daily(settings, store, level, day - (WEEK if level != "kabupaten" else timedelta(TREND_DAYS)), day)
        for level in ("desa", "kecamatan", "kabupaten")
    }
    today = {level: _of(table, day, f"{level}_code") for level, table in tables.items()}
    done = pages.done(store, day)
    reports = _reports(store, day)
    parts = _parts(gazetteer, tables, day, done.visited, reports)
    told = tuple(part for part in parts if part.lines)
    whole = next(iter(today["kabupaten"].values()))
    health = source_health(store, now, settings.timezone)
    visits = pages.visits_within(store, gazetteer.code, day, day)
    brief = Brief(
        gazetteer.name, day, datetime.fromisoformat(whole["as_of"]), whole["coverage"],
        _estimate(tables["kabupaten"], "kabupaten_code", gazetteer.code, day), int(whole["n7"]), told,
        tuple(part.name for part in parts if not part.lines),
        tuple(ledger.alerts(store, pages.REVIEWED, day - WEEK + timedelta(days=1), day)),
        len(ledger.alerts(store, ("raised", "in_review"), until=day)),
        tuple(row for row in health if row["state"] in STATES or (row["drift"] and row["enabled"])),
        sum(bool(row["enabled"]) for row in health),
        tuple(visit | {"desa": gazetteer.desa[visit["desa_code"]].name} for visit in visits
              if visit["desa_code"] in gazetteer.desa),
        _topics(told), _official_gap(tables["kabupaten"], day), _trend(tables["kabupaten"]),
        _map(gazetteer, today["desa"]),
    )  # fmt: skip
    named = sorted({report.url for part in told for line in part.lines for report in line.reports})
    record(store, "read brief", {"day": day.isoformat(), "reports": len(named)}, now, who)
    return brief


def _of(table: pd.DataFrame, day: date, key: str) -> dict[str, dict[str, Any]]:
    rows = table[(table["day"] == day.isoformat()) & (table["voice"] == "all")]
    return {str(row[key]): {str(k): v for k, v in row.items()} for row in rows.to_dict("records")}


def _estimate(table: pd.DataFrame, key: str, code: str, day: date) -> Estimate:
    now, past = (_of(table, each, key).get(code) for each in (day, day - WEEK))
    if now is None or now["status"] == "no_data":
        return Estimate("no_data", None, None, None, None)
    before = _known(past["tension"]) if past and past["status"] != "no_data" else None
    return Estimate(now["status"], _known(now["tension"]), _known(now["low"]), _known(now["high"]), before)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _parts(
    gazetteer: Gazetteer, tables: Mapping[str, pd.DataFrame], day: date, visited: Mapping[str, str],
    reports: Mapping[str, Sequence[Report]],
) -> list[KecamatanPart]:  # fmt: skip
    desa, week = _of(tables["desa"], day, "desa_code"), tables["desa"]
    recent = week[(week["day"] > (day - WEEK).isoformat()) & (week["voice"] == "all")].groupby("desa_code")["themes"]
    themes = {str(code): tuple(pages.theme_counts(texts))[:2] for code, texts in recent}
    past = _of(week, day - WEEK, "desa_code")
    by_kecamatan: dict[str, list[str]] = defaultdict(list)
    for code in desa:
        if code in gazetteer.desa:
            by_kecamatan[gazetteer.desa[code].kecamatan_code].append(code)
    parts = []
    for code, inside in by_kecamatan.items():
        told = [c for c in inside if _worth_telling(desa[c], past.get(c))]
        lines = [
            DesaLine(
                c, gazetteer.desa[c].name, _estimate(week, "desa_code", c, day), int(desa[c]["n7"]),
                int(desa[c]["grave7"]), desa[c]["note"] == SINGLE, themes.get(c, ()), tuple(reports.get(c, ())),
                visited.get(c),
            )
            for c in told
        ]  # fmt: skip
        lines.sort(key=lambda line: (line.estimate.status != "enough", -(line.estimate.tension or 0), line.name))
        silent = tuple(sorted(gazetteer.desa[c].name for c in inside if desa[c]["status"] == "no_data"))
        quiet = sum(desa[c]["status"] == "estimated" and not desa[c]["n7"] for c in inside)
        estimate = _estimate(tables["kecamatan"], "kecamatan_code", code, day)
        parts.append(KecamatanPart(code, gazetteer.kecamatan[code].name, estimate, tuple(lines), silent, quiet))
    return sorted(parts, key=lambda part: (-(part.estimate.tension or 0), part.name))


def _worth_telling(now: Mapping[str, Any], past: Mapping[str, Any] | None) -> bool:
    """Tell whether a desa has enough data and is tense or changed, or has a grave report."""
    if now["grave7"] or now["note"] == SINGLE:
        return True
    if now["status"] != "enough":
        return False
    known = past is not None and past["status"] == "enough"
    return bool(now["tension"] >= 0.375 or (past and known and abs(now["tension"] - past["tension"]) >= pages.RISE))


def _reports(store: Store, day: date) -> dict[str, list[Report]]:
    """Return for each desa its most tense press and official stories of the last days."""
    rows = store.rows(
        """SELECT p.code, d.title, d.url, coalesce(o.name, d.source_id) AS source FROM stories s
           JOIN places p ON p.story_id = s.story_id AND p.level = 'desa'
           JOIN documents d ON d.document_id = s.origin_id
           JOIN scores c ON c.story_id = s.story_id
           LEFT JOIN sources o ON o.source_id = d.source_id
           WHERE s.day BETWEEN :since AND :day AND s.voice <> 'public' AND d.title <> ''
           GROUP BY p.code, s.story_id ORDER BY max(c.tension) DESC, s.published DESC""",
        {"since": (day - timedelta(days=REPORT_DAYS - 1)).isoformat(), "day": day.isoformat()},
    )
    found: dict[str, list[Report]] = defaultdict(list)
    for row in rows:
        if len(found[row["code"]]) < REPORTS:
            found[row["code"]].append(Report(" ".join(row["title"].split()), row["source"], row["url"]))
    return found


def _topics(parts: Sequence[KecamatanPart]) -> tuple[tuple[str, str], ...]:
    """Return the suggestions for the themes that are told of, most often named first."""
    counts: dict[str, int] = defaultdict(int)
    for part in parts:
        for line in part.lines:
            for theme in line.themes:
                counts[theme] += 1
    ordered = sorted((t for t in counts if t != "lain"), key=lambda theme: (-counts[theme], list(THEMES).index(theme)))
    return tuple((THEMES[theme], TOPICS[theme]) for theme in ordered[:3])


def _official_gap(table: pd.DataFrame, day: date) -> float | None:
    """Return how much lower (negative) or higher official sources speak than the press."""
    rows = table[(table["day"] == day.isoformat()) & (table["status"] == "enough")].set_index("voice")["tension"]
    if not {"official", "press"} <= set(rows.index):
        return None
    gap = float(rows["official"] - rows["press"])
    return gap if abs(gap) >= GAP else None


def _trend(table: pd.DataFrame) -> tuple[tuple[str, float | None, float | None, float | None], ...]:
    rows = table[table["voice"] == "all"].sort_values("day")
    return tuple(
        (r["day"], *((None,) * 3 if r["status"] == "no_data" else map(_known, (r["tension"], r["low"], r["high"]))))
        for r in rows.to_dict("records")
    )


def _map(gazetteer: Gazetteer, desa: Mapping[str, Mapping[str, Any]]) -> tuple[Row, ...]:
    return tuple(
        {"code": code, "name": gazetteer.desa[code].name, "status": row["status"], "tension": _known(row["tension"]),
         "kecamatan": gazetteer.kecamatan[gazetteer.desa[code].kecamatan_code].name}
        for code, row in desa.items()
        if code in gazetteer.desa
    )  # fmt: skip
