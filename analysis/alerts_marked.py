"""The marked generalised likelihood ratio: how many stories came, and how tense they are, in one statistic.

Source: docs/statistics.md. A story of tension s speaks for an event by log(1 + nu g(s) / (L f(s))), and an event
of nu stories that did not come costs nu.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from analysis.regression import Floats

SIZES = (1.5, 3.0, 6.0, 12.0)  # nu: stories of the event
LONGEST = 3  # days
EVENT_MEAN = 0.75  # tension of an event's stories
EDGE = 0.02  # tension is kept this far from 0 and 1, where the Beta density has no value


def statistic(
    day: NDArray[np.int64],
    place: NDArray[np.int64],
    tension: Floats,
    expected: Floats,
    usual: Floats,
    concentration: float,
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the statistic of each day and place, and the window length that gave it.

    Args:
        day, place, tension: (stories,), day as a row of `expected`.
        expected: (days, places) stories expected on each day.
        usual: (places,) usual tension.
        concentration: kappa of the Beta around `usual`: larger is narrower.
    """
    s = np.clip(tension, EDGE, 1 - EDGE)
    ratio = np.exp(_log_beta(s, np.full(len(s), EVENT_MEAN), concentration) - _log_beta(s, usual[place], concentration))
    best, length = np.zeros_like(expected), np.ones(expected.shape, dtype=np.int64)
    for days in range(1, LONGEST + 1):
        window = np.maximum(_trailing(expected, days), 0.05)
        for size in SIZES:
            value = np.full_like(expected, -size)
            for age in range(days):
                inside = day + age < len(expected)
                end, where = day[inside] + age, place[inside]
                gain = np.log1p(size * ratio[inside] / window[end, where])
                value += np.bincount(end * expected.shape[1] + where, gain, minlength=expected.size).reshape(
                    expected.shape
                )
            better = value > best
            best, length = np.where(better, value, best), np.where(better, days, length)
    return best, length


def _log_beta(s: Floats, mean: Floats, concentration: float) -> Floats:
    a, b = mean * concentration, (1 - mean) * concentration
    return np.asarray((a - 1) * np.log(s) + (b - 1) * np.log1p(-s) - betaln(a, b))


def _trailing(daily: Floats, days: int) -> Floats:
    sums = np.concatenate([np.zeros((1, daily.shape[1])), np.cumsum(daily, axis=0)])
    start = np.maximum(np.arange(1, len(daily) + 1) - days, 0)
    return np.asarray(sums[1:] - sums[start])


def threshold(past: Floats, rate: float) -> float:
    """Return the value that an ordinary desa-day passes with probability `rate`.

    Never below ln(1/rate), where the statistic of an exact model would stand; above it the exponential tail of
    the region's own past decides, read off below the largest values, so that past events hardly move it.
    """
    floor = float(np.log(1 / rate))
    if past.size < 1000:
        return floor
    low, high = np.quantile(past, (0.95, 0.99))
    slope = (high - low) / np.log(0.05 / 0.01)
    return max(floor, float(high + slope * np.log(0.01 / rate)))
