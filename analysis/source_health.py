"""How well a source is heard: its own cadence, its state, and whether what is read of it is getting worse.

Gaps are measured in documents that the source would have given in that time by its own weekdays, so that a quiet
night, a free weekend or a weekly bulletin is no silence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from scipy.special import bdtrc  # the page carries it: scipy.stats would weigh 50 MB

BASELINE = 56  # days of history that a cadence is learned from
LEAST_DAYS = 14  # of history before a silence can be judged
WEEKDAY_PRIOR = 1.0  # weeks' worth of an even week that a weekday's rate leans on
BURST = 1.5  # times the 90th percentile of its days at which a day's count is capped
LATE, SILENT = 3.0, -math.log(0.001)  # documents missed at which chance is 0.05 and 0.001 (Poisson, none seen)
LATE_GAP, SILENT_GAP = 1.25, 1.5  # and times the longest gap that is usual for the source
USUAL = 95  # percentile of its gaps over night that counts as the longest usual one
FAILED_HOURS, FAILED_VISITS = 12.0, 3  # without success, and visits that failed, from which a source is broken
UNREAD_HOURS = 24.0  # without success, however few the visits
DRIFT_RECENT, DRIFT_LEAST, DRIFT_BEFORE = 20, 10, 30  # documents judged now, at least, and in the baseline
DRIFT_RISE, DRIFT_CHANCE = 0.25, 0.001
UNREADABLE = 0.8  # share of pages without a text from which a source that answers counts as broken
HOUR = timedelta(hours=1)


class SourceState(StrEnum):
    """What can be said of a source now. Only `healthy` is heard as usual."""

    HEALTHY = "healthy"
    LATE = "late"  # quieter than usual, within chance
    SILENT = "silent"  # quiet beyond chance, or not visited for a day
    BROKEN = "broken"  # fails, or answers pages that hold no text
    BLOCKED = "blocked"  # robots.txt, 401, 403 or 429
    NEW = "new"  # never read yet
    OFF = "off"


UNHEARD = (SourceState.SILENT, SourceState.BROKEN, SourceState.BLOCKED)


@dataclass(frozen=True, slots=True)
class SourceDay:
    """What a source gave on one region-local day."""

    day: date
    ok: int  # visits that were answered and understood
    documents: int  # new ones
    first: datetime | None  # visit that brought the first new document of the day, and the last
    last: datetime | None
    empty: int  # pages without a text
    undated: int  # documents whose date is not told
    boilerplate: int  # documents of which half stands in others of the source too


@dataclass(frozen=True, slots=True)
class Present:
    """What the visits say now."""

    enabled: bool
    first_visit: datetime | None
    last_visit: datetime | None
    last_ok: datetime | None
    last_arrival: datetime | None  # visit that brought the last new document
    failed: int  # visits since the last success
    refused: int  # of them by robots.txt, 401, 403 or 429


@dataclass(frozen=True, slots=True)
class Cadence:
    """What a source usually gives: documents on each weekday (Monday first), and its longest usual gap in documents."""

    weekdays: tuple[float, ...]
    gap: float

    @property
    def a_day(self) -> float:
        """Return documents a day over a week."""
        return sum(self.weekdays) / 7

    def expected(self, start: datetime, end: datetime, zone: ZoneInfo) -> float:
        """Return the documents usual between two moments, by region-local weekdays."""
        total, at, stop = 0.0, start.astimezone(zone), end.astimezone(zone)
        while at < stop:
            midnight = datetime.combine(at.date() + timedelta(days=1), datetime.min.time(), zone)
            total += self.weekdays[at.weekday()] * ((min(midnight, stop) - at) / timedelta(days=1))
            at = midnight
        return total


@dataclass(frozen=True, slots=True)
class Drift:
    """What is read of a source got worse: `kind` is empty, undated or boilerplate; shares in [0, 1]."""

    kind: str
    share: float
    before: float


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict. `since` is when it began, `missed` the documents usual in the present gap (0 where not known)."""

    state: SourceState
    since: datetime | None
    cadence: Cadence | None
    missed: float
    drift: tuple[Drift, ...]


def learn(history: Sequence[SourceDay], zone: ZoneInfo) -> Cadence | None:
    """Learn a source's cadence, or None where its history is too short.

    Its first day (the archive) is left out, bursts are capped, days on which it could not be read do not count, nor
    do those after its last document, which are what is to be judged.
    """
    days = [d for d in history[1:] if d.ok][-BASELINE:]
    active = [at for at, d in enumerate(days) if d.documents]
    if not active or len(days) < LEAST_DAYS:
        return None
    days = days[: active[-1] + 1]
    counts = np.array([d.documents for d in days], dtype=np.float64)
    counts = np.minimum(counts, max(1.0, BURST * float(np.percentile(counts, 90))))
    weekday = np.array([d.day.weekday() for d in days])
    own = np.bincount(weekday, counts, 7), np.bincount(weekday, minlength=7)
    rates = (own[0] + WEEKDAY_PRIOR * counts.mean()) / (own[1] + WEEKDAY_PRIOR)
    bare = Cadence(tuple(float(rate) for rate in rates), 0.0)
    told = [d for d in days if d.first and d.last]
    gaps = [bare.expected(a.last, b.first, zone) for a, b in pairwise(told) if a.last and b.first]
    return Cadence(bare.weekdays, float(np.percentile(gaps, USUAL)) if gaps else 0.0)


def judge(history: Sequence[SourceDay], present: Present, now: datetime, zone: ZoneInfo) -> Health:
    """Tell a source's state from its days (oldest first, at most one a day) and its last visits."""
    cadence = learn(history, zone)
    drift = tuple(filter(None, (_drift(history, kind) for kind in ("empty", "undated", "boilerplate"))))
    missed = _missed(cadence, present, zone)

    def verdict(state: SourceState, since: datetime | None) -> Health:
        return Health(state, since, cadence, missed, drift)

    if not present.enabled:
        return verdict(SourceState.OFF, None)
    heard = present.last_ok or present.first_visit
    if heard is None:
        return verdict(SourceState.NEW, None)
    hours = (now - heard) / HOUR
    if present.refused >= 2 and 2 * present.refused > present.failed:
        return verdict(SourceState.BLOCKED, heard)
    if present.failed and (hours >= UNREAD_HOURS or (hours >= FAILED_HOURS and present.failed >= FAILED_VISITS)):
        return verdict(SourceState.BROKEN, heard)
    if present.last_ok is None:
        return verdict(SourceState.NEW, None)
    if any(d.kind == "empty" and d.share >= UNREADABLE for d in drift):
        return verdict(SourceState.BROKEN, present.last_arrival)
    if hours > UNREAD_HOURS:
        return verdict(SourceState.SILENT, heard)
    if cadence and missed > max(SILENT, SILENT_GAP * cadence.gap):
        return verdict(SourceState.SILENT, present.last_arrival)
    if cadence and missed > max(LATE, LATE_GAP * cadence.gap):
        return verdict(SourceState.LATE, present.last_arrival)
    return verdict(SourceState.HEALTHY, None)


def _missed(cadence: Cadence | None, present: Present, zone: ZoneInfo) -> float:
    """Return the documents usual since the last one, as far as it was looked."""
    if cadence is None or present.last_arrival is None or present.last_ok is None:
        return 0.0
    return cadence.expected(present.last_arrival, present.last_ok, zone)


def _drift(history: Sequence[SourceDay], kind: str) -> Drift | None:
    """Return how much worse the latest documents are than those before, beyond chance, or None."""
    whole = [(d.documents + (d.empty if kind == "empty" else 0), int(getattr(d, kind))) for d in history[1:]]
    at, recent, bad = len(whole), 0, 0
    while at and recent < DRIFT_RECENT:
        at -= 1
        recent, bad = recent + whole[at][0], bad + whole[at][1]
    before, bad_before = (sum(column) for column in zip(*whole[:at], strict=True)) if at else (0, 0)
    if recent < DRIFT_LEAST or before < DRIFT_BEFORE:
        return None
    usual = (bad_before + 1) / (before + 2)
    if bad / recent - usual < DRIFT_RISE or bdtrc(bad - 1, recent, usual) >= DRIFT_CHANCE:
        return None
    return Drift(kind, bad / recent, bad_before / before)


def visit_minutes(health: Health, now: datetime, bounds: tuple[int, int, int], busy_minutes: float) -> float:
    """Return how long to wait between two visits of a source, in minutes.

    Sources that give more than a document in the standard time are visited oftener, those that are not heard ever
    more rarely the longer it lasts.

    Args: bounds: (fastest, standard, slowest) minutes; busy_minutes: what one visit takes at the source's delay. A
        site is kept busy at most a tenth of the time.
    """
    fastest, standard, slowest = bounds
    minutes = float(standard)
    if health.state in UNHEARD and health.since:
        minutes *= 1 + (now - health.since) / timedelta(days=1)
    elif health.state is SourceState.HEALTHY and health.cadence:
        minutes /= max(1.0, health.cadence.a_day * standard / (24 * 60))
    return min(max(minutes, fastest, 10 * busy_minutes), max(slowest, 10 * busy_minutes))
