"""Calibrate the heads' logits on held-out labels: one slope and an offset for each output of a head.

Source: Platt 1999; Guo et al. 2017 (vector scaling). Slopes are kept near 1 and offsets near 0 by normal priors, so
that a small or one-sided split moves little.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from analysis.model_folder import HEADS, OUTPUTS
from analysis.training_data import Targets

Floats = NDArray[np.float64]
OFFSET_SPREAD = 2.0  # standard deviation of the prior of an offset, in logits


def calibrate(logits: NDArray[np.floating], labels: Targets) -> tuple[list[float], list[float]]:
    """Return the (18,) slopes and offsets under which the labels are likeliest; a missing label says nothing.

    Args: logits: (n, 18).
    """
    slopes, offsets = np.ones(OUTPUTS), np.zeros(OUTPUTS)
    reached = np.where(labels.level[:, None] < 0, -1, labels.level[:, None] >= np.arange(1, HEADS[0] + 1))
    wanted = ((reached, _unlikely), (labels.act, _unlikely_class), (labels.themes, _unlikely))
    start = 0
    for width, (truth, cost) in zip(HEADS, (*wanted, (labels.sentiment, _unlikely_class)), strict=True):
        head = slice(start, start + width)
        slopes[head], offsets[head] = _fit(np.asarray(logits[:, head], np.float64), truth, cost)
        start += width
    return slopes.round(5).tolist(), offsets.round(5).tolist()


def _fit(
    x: Floats, truth: NDArray[np.int64], cost: Callable[[Floats, NDArray[np.int64]], float]
) -> tuple[float, Floats]:
    """Return one slope, and an offset for each column."""

    def total(parameters: Floats) -> float:
        prior = parameters[0] ** 2 + ((parameters[1:] / OFFSET_SPREAD) ** 2).sum()
        return cost(x * np.exp(parameters[0]) + parameters[1:], truth) + 0.5 * float(prior)

    found = minimize(total, np.zeros(1 + x.shape[1]), method="L-BFGS-B").x
    return float(np.exp(found[0])), found[1:]


def _unlikely(x: Floats, truth: NDArray[np.int64]) -> float:
    """Return the negative log-likelihood of yes/no answers (n, k), -1 where missing."""
    signed = np.where(truth > 0, -x, x)
    return float(np.where(truth < 0, 0.0, np.logaddexp(0.0, signed)).sum())


def _unlikely_class(x: Floats, truth: NDArray[np.int64]) -> float:
    """Return the negative log-likelihood of one class of k for each row, -1 where missing."""
    told = np.flatnonzero(truth >= 0)
    return -float(log_softmax(x[told], axis=1)[np.arange(len(told)), truth[told]].sum())
