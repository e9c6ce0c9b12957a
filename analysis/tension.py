"""From level probabilities to the tension score."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from analysis.records import LEVELS

Precision = TypeVar("Precision", np.float32, np.float64)


def tension(levels: NDArray[Any]) -> NDArray[np.float64]:
    """Return the tension of each text: its expected level divided by the highest level.

    Args:
        levels: (..., 5) level probabilities, rows sum to 1.

    Returns:
        (...) float64 in [0, 1].

    Source: annotation guide, "Tension score of a text = expected level / 4".

    >>> tension(np.array([[1, 0, 0, 0, 0], [0, 0, 0.5, 0, 0.5]])).tolist()
    [0.0, 0.75]
    """
    return np.asarray(levels, np.float64) @ np.linspace(0.0, 1.0, len(LEVELS))


def chance(log_odds: NDArray[Precision]) -> NDArray[Precision]:
    """Return the chance that log-odds stand for, in their own precision.

    >>> chance(np.array([0.0, 2.0])).round(3).tolist()
    [0.5, 0.881]
    """
    found: NDArray[Precision] = 0.5 * (1 + np.tanh(0.5 * log_odds))
    return found


def expected_tension(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the tension of each text from (n, 4) log-odds of reaching level 1, 2, 3 and 4."""
    return tension(cumulative_to_levels(chance(logits)))


def nearest_level(score: float | None) -> int | None:
    """Return the level nearest to a tension in [0, 1]; None where there is none.

    >>> nearest_level(0.6), nearest_level(None)
    (2, None)
    """
    return None if score is None or score != score else min(len(LEVELS) - 1, int(score * (len(LEVELS) - 1) + 0.5))


def cumulative_to_levels(exceed: NDArray[Any]) -> NDArray[np.float32]:
    """Return level probabilities from the chances of reaching level 1, 2, 3 and 4.

    Args:
        exceed: (n, 4) P(level >= k); neighbouring thresholds that cross are pooled to their mean (isotonic
            regression), so the expected level stays the sum of the four chances.

    Returns:
        (n, 5) float32, rows sum to 1.

    Source: Barlow et al. 1972, the min-max formula of the pool-adjacent-violators fit.

    >>> cumulative_to_levels(np.array([[0.9, 0.5, 0.6, 0.1]])).round(2).tolist()
    [[0.10000000149011612, 0.3499999940395355, 0.0, 0.44999998807907104, 0.10000000149011612]]
    """
    chances = np.asarray(exceed, np.float64)
    sums = np.cumsum(np.insert(chances, 0, 0, axis=1), axis=1)
    reach = np.full_like(chances, np.inf)
    steps = chances.shape[1]
    for k in range(steps):
        for start in range(k + 1):
            means = [(sums[:, end] - sums[:, start]) / (end - start) for end in range(k + 1, steps + 1)]
            reach[:, k] = np.minimum(reach[:, k], np.max(means, axis=0))
    ones, zeros = np.ones((len(reach), 1)), np.zeros((len(reach), 1))
    edges = np.hstack([ones, reach, zeros])
    levels: NDArray[np.float32] = np.clip(edges[:, :-1] - edges[:, 1:], 0, 1).astype(np.float32)
    return levels
