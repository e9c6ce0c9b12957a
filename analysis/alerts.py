"""Alerts within a budget: at most one false red alert a week for the whole region.

A desa is judged by its tense stories (method "counts") or by counts and tension together ("marked", for a
duplicate leak of at most 5 %); kecamatan and the region by regression. Nothing here leaves the house: an alert is
a record that an analyst reviews.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.alerts_counts import Bools, Rates, Window, benjamini_hochberg, glm_window, rates, windows
from analysis.alerts_marked import statistic, threshold
from analysis.calendar_days import KnownEvent, events_between, read_calendar
from analysis.story_table import (
    Counts,
    Floats,
    Ints,
    StoryTable,
    as_date,
    at_level,
    count,
    local_day,
    ordinal,
    public_authors,
    read_coverage,
    read_places,
    read_stories,
    trailing,
)
from analysis.trends import DEFAULTS, ENOUGH, SINGLE

HISTORY = 90  # days that are read
REFRACTORY = timedelta(days=7)
FALSE_ALARMS_A_WEEK = 1.0
GLM_ALPHA = 0.001
WATCH_Q = 0.10
CLOSING = timedelta(hours=2)  # until 02:00 the day before is still the day that is judged
LONGEST_DELAY = 7  # days; a story seen later than this was backfilled and says nothing of delays
TENSION_PRIOR = 4.0  # stories by which a desa's usual tension leans on the region
UNKNOWN = "Yang belum diketahui: apakah laporan sudah dicek di lapangan"

Tier = Literal["kuning", "merah", "laporan tunggal"]
Method = Literal["counts", "marked"]


@dataclass(frozen=True, slots=True)
class Alert:
    """What changed where, how surprising that is, and what is not known."""

    kind: str  # counts, marked, regression, volume, source
    tier: Tier
    level: str  # desa, kecamatan, kabupaten, source
    code: str
    first: date  # region-local days of the window
    last: date
    words: str  # Bahasa Indonesia
    seen: float
    expected: float
    p: float  # probability of as much without a cause; NaN where the statistic has none
    statistic: float  # NaN where p decides
    false_alarms_a_week: float  # that the rule was set for, over all its places
    coverage: float  # healthy share of the sources on the last day
    unknown: tuple[str, ...]
    events: tuple[str, ...]  # known events that overlap the window
    evidence: tuple[str, ...]  # story_id, the most tense first, three at most
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything a rule looks at; arrays end on the judged day."""

    table: StoryTable
    story_ids: pd.Index
    first: int
    last: int
    weekday: Ints
    share: Floats  # (days,) of a day's stories that can be known by now
    usable: Bools
    coverage: float
    events: tuple[KnownEvent, ...]
    shown: Bools
    as_of: datetime

    def count(self, level: str) -> Counts:
        return count(self.table, level, self.first, self.last, self.shown)


def detect(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    calendar: pd.DataFrame | None = None,
    previous: Sequence[Alert] = (),
    method: Method = "counts",
    authors: pd.DataFrame | None = None,
    timezone: str = "Asia/Jakarta",
) -> list[Alert]:
    """Judge the day of `as_of` (until 02:00 the day before) by what was known then.

    Args:
        stories, places, coverage, authors: as for `analysis.trends.estimate`.
        calendar: start, end, name of known events: they leave the baseline and are named beside an alert; a
            rise of a kecamatan or the region on such a day is yellow at most.
        previous: earlier alerts; a red place is not raised again within 7 days.

    Returns: red alerts first, then by p.

    Raises: ValueError naming the row of a bad input.
    """
    scene = _scene(stories, places, as_of, coverage, calendar, authors, timezone)
    if scene is None:
        return []
    found = _desa_alerts(scene, method) + _level_alerts(scene) + _volume_alerts(scene)
    return sorted(
        refractory(found, previous), key=lambda a: (a.tier != "merah", a.p if a.p == a.p else -a.statistic, a.code)
    )


def watch_list(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    calendar: pd.DataFrame | None = None,
    method: Method = "counts",
    authors: pd.DataFrame | None = None,
    timezone: str = "Asia/Jakarta",
    found: Sequence[Alert] | None = None,
) -> pd.DataFrame:
    """List the desa to look at first: red, yellow, then single grave reports.

    Args, Raises: as `detect`; found: what `detect` said of the same input, where it is known already.

    Returns: code, level, tier, reason (Bahasa Indonesia), seen, expected, p; one row a place and tier.
    """
    columns = ["code", "level", "tier", "reason", "seen", "expected", "p"]
    if found is None:
        found = detect(stories, places, as_of, coverage, calendar, (), method, authors, timezone)
    rows: list[tuple[str, str, Tier, str, float, float, float]] = [
        (a.code, a.level, a.tier, a.words, a.seen, a.expected, a.p) for a in found if a.level == "desa"
    ]
    scene = _scene(stories, places, as_of, coverage, calendar, authors, timezone)
    if scene is not None:
        listed = {row[0] for row in rows}
        rows += [row for row in _single_reports(scene) if row[0] not in listed]
    return pd.DataFrame(rows, columns=columns)


def refractory(alerts: Sequence[Alert], previous: Sequence[Alert]) -> list[Alert]:
    """Leave out alerts of a place that was raised in the same tier, or red, within the 7 days before."""
    raised: dict[tuple[str, str], list[tuple[date, Tier]]] = {}
    for alert in previous:
        raised.setdefault((alert.level, alert.code), []).append((alert.last, alert.tier))

    def quiet(alert: Alert) -> bool:
        return any(
            timedelta(0) <= alert.last - day < REFRACTORY and tier in ("merah", alert.tier)
            for day, tier in raised.get((alert.level, alert.code), ())
        )

    return [alert for alert in alerts if not quiet(alert)]


def to_frame(alerts: Sequence[Alert]) -> pd.DataFrame:
    """Return the alerts as a table, a row each."""
    return pd.DataFrame([asdict(alert) for alert in alerts], columns=list(Alert.__slots__))


def _scene(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    as_of: datetime,
    coverage: pd.DataFrame | None,
    calendar: pd.DataFrame | None,
    authors: pd.DataFrame | None,
    timezone: str,
) -> _Scene | None:
    last = ordinal(local_day(as_of - CLOSING, timezone))
    events = read_calendar(calendar)
    recent = stories
    if "day" in stories and len(stories):
        day = pd.to_datetime(stories["day"], errors="coerce")
        edge = pd.Timestamp(as_date(last - HISTORY + 1))
        recent = stories[(day.isna() | (day >= edge)).to_numpy()]
    table = read_stories(recent, read_places(places), as_of)
    known = read_coverage(coverage, last - HISTORY + 1, last)[:, 0]
    delays = _reporting(recent, table, as_of, last, timezone)
    ids = pd.Index(pd.factorize(_known(recent, as_of)["story_id"])[1])
    table = table.take(table.day <= last)
    if not len(table):
        return None
    first = max(int(table.day.min()), last - HISTORY + 1)
    span = np.arange(first, last + 1)
    usable = np.array([not events_between(events, as_date(int(d)), as_date(int(d))) for d in span], dtype=np.bool_)
    share = known[-len(span) :] * delays[np.minimum(last - span, LONGEST_DELAY)]
    shown = public_authors(table, first, last, authors) >= DEFAULTS["desa"].k
    weekday = (span + 3) % 7  # 1970-01-01 was a Thursday
    return _Scene(table, ids, first, last, weekday, share, usable, float(known[-1]), events, shown, as_of)


def _known(stories: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    if "first_seen" not in stories or not len(stories):
        return stories
    seen = pd.to_datetime(stories["first_seen"], utc=True, format="ISO8601")
    return stories[(seen <= pd.Timestamp(as_of)).to_numpy()]


def _reporting(stories: pd.DataFrame, table: StoryTable, as_of: datetime, last: int, timezone: str) -> Floats:
    """Return the share of a day's stories that are seen by the end of 0 to 7 days later."""
    if "first_seen" not in stories or not len(table):
        return np.ones(LONGEST_DELAY + 1)
    known = _known(stories, as_of)
    seen = pd.to_datetime(known["first_seen"], utc=True, format="ISO8601").dt.tz_convert(ZoneInfo(timezone))
    arrived = pd.to_datetime(seen.dt.date)
    day = pd.to_datetime(known["day"])
    delay = (arrived.to_numpy() - day.to_numpy()).astype("timedelta64[D]").astype(np.int64)
    age = last - (day.to_numpy().astype("datetime64[D]").astype(np.int64))
    settled = delay[(age > LONGEST_DELAY) & (delay <= LONGEST_DELAY)]
    if len(settled) < 100:
        return np.ones(LONGEST_DELAY + 1)
    return np.array([(settled <= days).mean() for days in range(LONGEST_DELAY + 1)])


def _desa_alerts(scene: _Scene, method: Method) -> list[Alert]:
    counts = scene.count("desa")
    if len(counts.n) < 14 or scene.coverage <= 0:  # two weeks: below that no rate is known
        return []
    known = rates(counts.hot[:, 0], scene.weekday, scene.share, scene.usable)
    judged = windows(counts.hot[:, 0], known)
    p = np.minimum(np.minimum(judged[0].p, judged[1].p) * 1.5, 1.0)
    alpha = FALSE_ALARMS_A_WEEK / (7 * len(p))
    yellow = benjamini_hochberg(p, WATCH_Q)
    alerts = []
    if method == "marked":
        value, length, limit = _marked(scene, counts)
        red = value >= limit
    else:
        red = p < alpha
    for place in np.flatnonzero(red | yellow):
        window = judged[int(np.argmin([w.p[place] for w in judged]))]
        tier: Tier = "merah" if red[place] else "kuning"
        alert = _alert(scene, "desa", int(place), window, tier, method if red[place] else "counts")
        if method == "marked" and red[place]:
            alert = replace(alert, first=as_date(scene.last - int(length[place]) + 1), statistic=float(value[place]))
        alerts.append(replace(alert, p=float(p[place])))
    return alerts


def _marked(scene: _Scene, counts: Counts) -> tuple[Floats, Ints, float]:
    """Return statistic and window of the judged day, and the limit from the region's own past."""
    n = counts.n[:, 0]
    known = rates(n, scene.weekday, scene.share, scene.usable)
    usual, concentration = _usual(counts, known)
    rows, place, _ = at_level(scene.table, "desa")
    public = rows.voice == 3
    own = (rows.day >= scene.first) & (~public | scene.shown[np.maximum(rows.day - scene.first, 0), place])
    expected = np.maximum(known.rate * known.exposure, 1e-3)
    value, length = statistic(
        rows.day[own] - scene.first, place[own], rows.tension[own], expected, usual, concentration
    )
    rate = FALSE_ALARMS_A_WEEK / (7 * value.shape[1])
    return value[-1], length[-1], threshold(value[known.baseline], rate)


def _usual(counts: Counts, known: Rates) -> tuple[Floats, float]:
    """Return each desa's usual tension and the concentration of its stories around it."""
    n, total = counts.weighted[known.baseline, 0].sum(axis=0), counts.total[known.baseline, 0].sum(axis=0)
    region = total.sum() / max(n.sum(), 1e-9) if n.sum() else 0.2
    usual = np.clip((total + TENSION_PRIOR * region) / (n + TENSION_PRIOR), 0.02, 0.9)
    squares = counts.squares[known.baseline, 0].sum(axis=0)
    variance = float((squares - 2 * usual * total + n * usual**2).sum() / max(n.sum(), 1.0))
    spread = float((n * usual * (1 - usual)).sum() / max(n.sum(), 1.0))
    return usual, float(np.clip(spread / max(variance, 1e-4) - 1, 2.0, 50.0))


def _level_alerts(scene: _Scene) -> list[Alert]:
    """Judge the tense stories of each kecamatan and of the region by regression."""
    alerts: list[Alert] = []
    for level in ("kecamatan", "kabupaten"):
        counts = scene.count(level).hot[:, 0]
        if len(counts) < 28 or scene.coverage <= 0:
            continue
        window, _ = glm_window(counts, scene.weekday, scene.usable & (scene.share > 0))
        window = replace(window, expected=np.maximum(window.expected, 1e-6))
        day = as_date(scene.last)
        tier: Tier = "kuning" if events_between(scene.events, day, day) else "merah"
        alerts += [
            _alert(scene, level, int(place), window, tier, "regression")
            for place in np.flatnonzero(window.p < GLM_ALPHA)
        ]
    return alerts


def _volume_alerts(scene: _Scene) -> list[Alert]:
    """Tell the analyst when the region's volume breaks down or leaps: a fault of collection until shown otherwise."""
    total = scene.count("kabupaten").n[:, 0]
    if len(total) < 28:
        return []
    window, low = glm_window(total, scene.weekday, scene.usable & (scene.share > 0))
    expected, seen = float(window.expected[0]) * float(scene.share[-1] or 1.0), float(window.seen[0])
    if window.p[0] >= GLM_ALPHA and not (low[0] < GLM_ALPHA and seen < 0.5 * expected):
        return []
    alert = _alert(scene, "kabupaten", 0, window, "kuning", "volume")
    turn = "naik" if seen > expected else "turun"
    words = f"Jumlah laporan {turn} tajam: {seen:.0f}, biasanya sekitar {expected:.0f}; periksa dulu sumbernya"
    return [replace(alert, words=words, p=float(min(window.p[0], low[0])))]


def _alert(scene: _Scene, level: str, place: int, window: Window, tier: Tier, kind: str) -> Alert:
    first, last = as_date(scene.last - window.days + 1), as_date(scene.last)
    seen, expected = float(window.seen[place]), float(window.expected[place])
    events = tuple(event.name for event in events_between(scene.events, first, last))
    unknown = [UNKNOWN]
    if scene.share[-1] < 0.95:
        unknown.append(f"Baru sekitar {100 * scene.share[-1]:.0f} % laporan hari ini yang biasanya sudah masuk")
    rule = GLM_ALPHA * 7 * len(_codes(scene.table, level)) if level != "desa" else FALSE_ALARMS_A_WEEK
    return Alert(
        kind, tier, level, _codes(scene.table, level)[place], first, last,
        _words(seen, expected, window.days, events), seen, expected, float(window.p[place]), float("nan"),
        rule, scene.coverage, tuple(unknown), events, _evidence(scene, level, place, window.days), scene.as_of,
    )  # fmt: skip


def _words(seen: float, expected: float, days: int, events: Sequence[str]) -> str:
    usual = f"sekitar {expected:.0f}" if expected >= 1 else "kurang dari 1"
    span = "hari ini" if days == 1 else f"dalam {days} hari"
    beside = f" (bertepatan dengan: {', '.join(events)})" if events else ""
    return f"{seen:.0f} laporan tegang {span}, biasanya {usual}{beside}"


def _codes(table: StoryTable, level: str) -> tuple[str, ...]:
    if level == "desa":
        return table.places.desa
    if level == "kecamatan":
        return table.places.kecamatan
    return (table.places.kecamatan[0].rpartition(".")[0],)


def _evidence(scene: _Scene, level: str, place: int, days: int) -> tuple[str, ...]:
    rows, where, _ = at_level(scene.table, level)
    public = rows.voice == 3
    own = (where == place) & (rows.day > scene.last - days)
    if level == "desa":
        day = np.clip(rows.day - scene.first, 0, len(scene.shown) - 1)
        own &= ~public | scene.shown[day, np.clip(where, 0, None)]
    else:
        own &= ~public  # a resident's post is quoted only where its desa has enough authors
    picked = rows.take(own)
    top = picked.story[np.argsort(-picked.tension, kind="stable")[:3]]
    return tuple(str(story) for story in scene.story_ids[top])


def _single_reports(scene: _Scene) -> list[tuple[str, str, Tier, str, float, float, float]]:
    """List desa with one story of level 3 or 4, and too few others to stand on their own, in 7 days."""
    counts = scene.count("desa")
    grave, n = trailing(counts.grave[:, 0])[-1], trailing(counts.n[:, 0])[-1]
    places = np.flatnonzero((grave >= 1) & (n < ENOUGH))
    return [
        (
            scene.table.places.desa[place], "desa", "laporan tunggal",
            SINGLE if grave[place] == 1 else "dua laporan berat, belum cukup untuk nilai desa",
            float(grave[place]), float("nan"), float("nan"),
        )
        for place in places
    ]  # fmt: skip
