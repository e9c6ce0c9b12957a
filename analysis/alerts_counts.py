"""How surprising a count is: per desa by empirical Bayes, above it and weekly by regression.

Source: docs/statistics.md. The last row of every history is the day (or week) that is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.regression import Floats, fit_robust, tail

Bools = NDArray[np.bool_]

BASELINE = 56  # days
GUARD = 2  # days between the baseline and the judged window
WINDOWS = (1, 3)  # days
REGION_PRIOR = 20.0  # stories by which the region's daily factor leans on 1
WEEKDAY_PRIOR = 4.0  # weeks' worth of an even week that the weekday factors lean on
GLM_RIDGE = 4.0  # weekday and trend coefficients have a prior standard deviation of 1/2
PEAK_ROUNDS = 2
WEEK_GUARD, WEEK_HISTORY, WEEK_PEAK_ROUNDS = 26, 520, 1


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen and expected in the last `days` days, one value a place."""

    days: int
    seen: Floats
    expected: Floats
    p: Floats  # P(count >= seen)


@dataclass(frozen=True, slots=True)
class Rates:
    """Empirical-Bayes rates of places: the expected count on day t is rate * exposure[t]."""

    rate: Floats  # (places,)
    certainty: Floats  # (places,) stories behind the rate, the prior's included
    exposure: Floats  # (days, places)
    dispersion: Floats | float  # variance over mean of a day's count, at least 1
    baseline: NDArray[np.intp]  # rows of the baseline


def rates(counts: Floats, weekday: NDArray[np.int64], share: Floats, usable: Bools) -> Rates:
    """Estimate the places' rates from the baseline before the judged day.

    The exposure of a place and day is weekday x share known x the rest of the region's factor, so that a day
    on which the whole region talks more raises no single desa.

    Args:
        counts: (days, places), the judged day last.
        weekday: (days,) 0 to 6.
        share: (days,) share of the day's stories that can be known by now, in [0, 1].
        usable: (days,) False for days that must not shape the baseline.
    """
    days = len(counts)
    rows = np.arange(max(days - max(WINDOWS) - GUARD - BASELINE, 0), max(days - max(WINDOWS) - GUARD, 0))
    rows = rows[usable[rows] & (share[rows] > 0)]
    total = counts.sum(axis=1)
    week = _weekday(total[rows], weekday[rows])[weekday] * share
    rest = total[:, None] - counts
    mean_rest = rest[rows].sum(axis=0) / max(week[rows].sum(), 1e-9)
    factor = (rest + REGION_PRIOR) / (week[:, None] * mean_rest + REGION_PRIOR)
    exposure = week[:, None] * (factor if counts.shape[1] > 1 else 1.0)
    seen, exposed = counts[rows].sum(axis=0), np.maximum(exposure[rows].sum(axis=0), 1e-9)
    a, b = _gamma_prior(seen, exposed)
    rate = (seen + a) / (exposed + b)
    expected = rate * exposure[rows]
    ordinary = counts[rows] <= expected + 4 * np.sqrt(expected) + 1
    misfit = np.where(ordinary, (counts[rows] - expected) ** 2, 0).sum()
    dispersion = max(float(misfit / max(np.where(ordinary, expected, 0).sum(), 1e-9)), 1.0)
    return Rates(rate, seen + a, np.asarray(exposure), dispersion, rows)


def _weekday(total: Floats, weekday: NDArray[np.int64]) -> Floats:
    """Return 7 factors around 1, leaning on an even week."""
    mean = total.mean() if len(total) else 1.0
    sums = np.bincount(weekday, total, minlength=7) + WEEKDAY_PRIOR * mean
    return np.asarray(sums / np.maximum((np.bincount(weekday, minlength=7) + WEEKDAY_PRIOR) * mean, 1e-9))


def _gamma_prior(seen: Floats, exposed: Floats) -> tuple[float, float]:
    """Return shape and rate of the Gamma prior of the places' rates, by moments."""
    mean = max(float(seen.sum() / exposed.sum()), 1e-4)
    spread = float(np.mean((seen / exposed - mean) ** 2) - mean * np.mean(1 / exposed))
    shape = float(np.clip(mean**2 / spread if spread > 0 else 20.0, 0.2, 20.0))
    return shape, shape / mean


def windows(counts: Floats, known: Rates) -> list[Window]:
    """Judge the windows that end on the last day, by a negative binomial around the expected count."""
    found = []
    for days in WINDOWS:
        seen = counts[-days:].sum(axis=0)
        expected = np.maximum(known.rate * known.exposure[-days:].sum(axis=0), 1e-6)
        variance = expected * (known.dispersion + expected / known.certainty)
        found.append(Window(days, seen, expected, tail(seen, expected, variance)))
    return found


def glm_window(counts: Floats, weekday: NDArray[np.int64], usable: Bools) -> tuple[Window, Floats]:
    """Judge the last day of each place by a regression on weekday and trend over the 56 days before.

    Returns: the window of one day, and P(count <= seen), (places,).
    """
    days = len(counts)
    rows = np.arange(max(days - 1 - GUARD - BASELINE, 0), max(days - 1 - GUARD, 0))
    design = _daily_design(days, weekday)
    found = fit_robust(counts[rows].T, design[rows], PEAK_ROUNDS, usable[rows], GLM_RIDGE)
    expected, own = found.predict(design[-1])
    variance = found.dispersion * expected + own
    seen = counts[-1]
    window = Window(1, seen, expected, tail(seen, expected, variance))
    return window, 1.0 - tail(seen + 1, expected, variance)


def _daily_design(days: int, weekday: NDArray[np.int64]) -> Floats:
    trend = (np.arange(days) - (days - 1)) / BASELINE
    contrasts = np.eye(7)[weekday] - 1 / 7
    return np.column_stack([np.ones(days), trend, contrasts[:, :6]])


def weekly_p(counts: Floats, week: int) -> Floats:
    """Return P(count >= seen) in one week of each series, by a regression on trend and two yearly harmonics.

    The baseline ends 26 weeks before, so that a slow outbreak does not hide itself, and reaches back at most
    ten years; past peaks are down-weighted.

    Args:
        counts: (series, weeks).
        week: row of the judged week.
    """
    first = max(0, week - WEEK_GUARD - WEEK_HISTORY)
    weeks = np.arange(first, week + 1)
    angle = 2 * np.pi * weeks / 52
    waves = [wave(j * angle) for j in (1, 2) for wave in (np.cos, np.sin)]
    design = np.column_stack([np.ones(len(weeks)), (weeks - week) / 260, *waves])
    size = len(weeks) - WEEK_GUARD - 1
    found = fit_robust(counts[:, first : first + size], design[:size], WEEK_PEAK_ROUNDS)
    expected, own = found.predict(design[-1])
    return tail(counts[:, week], expected, found.dispersion * expected + own)


def benjamini_hochberg(p: Floats, q: float) -> Bools:
    """Return which of the tests stand at a false discovery rate of q.

    Source: Benjamini and Hochberg 1995.
    """
    order = np.argsort(p)
    passed = np.flatnonzero(p[order] <= q * np.arange(1, len(p) + 1) / max(len(p), 1))
    chosen = np.zeros(len(p), dtype=np.bool_)
    chosen[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return chosen
