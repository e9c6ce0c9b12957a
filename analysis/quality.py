"""How well scores agree with labels: ranking, agreement, calibration.

Throughout, levels are (n,) int in 0 to 4 and tension is (n,) in [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from analysis.records import LEVELS

BINS = 10
TOP = len(LEVELS) - 1
Levels = NDArray[np.int64]
Floats = NDArray[np.float64]


def auc(positive: NDArray[np.bool_], score: Floats) -> float | None:
    """Return the chance that a positive ranks above a negative (ties count half); None where one side is empty.

    Source: Mann and Whitney 1947.

    >>> auc(np.array([True, False, True]), np.array([0.9, 0.1, 0.1]))
    0.75
    """
    n = int(positive.sum())
    if n in (0, len(positive)):
        return None
    ranks = rankdata(score)[positive].sum()
    return float((ranks - n * (n + 1) / 2) / (n * (len(positive) - n)))


def confusion(level: Levels, found: Levels) -> NDArray[np.int64]:
    """Return (5, 5) counts: rows as labelled, columns as found."""
    counts = np.zeros((len(LEVELS), len(LEVELS)), np.int64)
    np.add.at(counts, (level, found), 1)
    return counts


def kappa(level: Levels, found: Levels) -> float | None:
    """Return the quadratic-weighted kappa of two labellings; None where both know one level only.

    Source: Cohen 1968.

    >>> kappa(np.array([0, 2, 4]), np.array([0, 2, 4]))
    1.0
    """
    counts = confusion(level, found)
    weight = (np.arange(len(LEVELS))[:, None] - np.arange(len(LEVELS))) ** 2
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    expected = float((weight * chance).sum())
    return None if expected == 0 else 1 - float((weight * counts).sum()) / expected


def reliability(level: Levels, found: Floats) -> list[tuple[float, float, int]]:
    """Return (mean tension, mean level / 4, texts) of each of ten equal bins that holds a text."""
    bins = np.minimum((found * BINS).astype(np.int64), BINS - 1)
    return [
        (float(found[bins == i].mean()), float(level[bins == i].mean() / TOP), int((bins == i).sum()))
        for i in sorted(set(bins.tolist()))
    ]


def calibration_error(level: Levels, found: Floats) -> float:
    """Return the mean distance of tension from the mean level / 4 over ten equal bins, weighted by size (ECE)."""
    return sum(abs(said - true) * n for said, true, n in reliability(level, found)) / len(level)


def nearest(found: Floats) -> Levels:
    """Return the level nearest to each tension."""
    return np.minimum((found * TOP + 0.5).astype(np.int64), TOP)


def measure(level: Levels, found: Floats) -> dict[str, float]:
    """Return AUC of level >= 2 and >= 3, weighted kappa, error of calibration; what has no answer is left out.

    >>> measure(np.array([0, 2, 4]), np.array([0.0, 0.5, 1.0]))
    {'auc_2': 1.0, 'auc_3': 1.0, 'kappa': 1.0, 'calibration_error': 0.0}
    """
    said = {
        "auc_2": auc(level >= 2, found),
        "auc_3": auc(level >= 3, found),
        "kappa": kappa(level, nearest(found)),
        "calibration_error": calibration_error(level, found),
    }
    return {name: round(value, 4) for name, value in said.items() if value is not None}


def macro_f1(truth: Levels, found: Levels) -> float | None:
    """Return the unweighted mean of F1 over the classes that are labelled; None without labels.

    >>> macro_f1(np.array([0, 0, 1]), np.array([0, 1, 1])).__round__(3)
    0.667
    """
    scores = []
    for label in sorted(set(truth.tolist())):
        right = int(((truth == label) & (found == label)).sum())
        scores.append(2 * right / max(int((truth == label).sum() + (found == label).sum()), 1))
    return sum(scores) / len(scores) if scores else None
