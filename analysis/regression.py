"""Fit many quasi-Poisson regressions of counts at once, robust against past peaks; tail probabilities.

Source: McCullagh and Nelder 1989, ch. 9 (quasi-likelihood, IRLS); Noufaily et al. 2013 (down-weighting of past
peaks by Anscombe residuals over 2.58).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammainc

Floats = NDArray[np.float64]

PEAK = 2.58  # Anscombe residual above which a past count is a peak
STEPS = 12
_RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Fit:
    """One regression a row: log mean = design @ coefficients, variance = dispersion * mean."""

    coefficients: Floats  # (fits, p)
    covariance: Floats  # (fits, p, p)
    dispersion: Floats  # (fits,), at least 1
    mean: Floats  # (fits, n)

    def predict(self, row: Floats) -> tuple[Floats, Floats]:
        """Return the expected count at a design row (p,), and its own variance, each (fits,)."""
        mean = np.exp(np.clip(self.coefficients @ row, -20, 20))
        return mean, mean**2 * np.einsum("p,fpq,q->f", row, self.covariance, row)


def fit(counts: Floats, design: Floats, weights: Floats | None = None, ridge: float = _RIDGE) -> Fit:
    """Fit by iteratively reweighted least squares.

    Args:
        counts: (fits, n), at least 0.
        design: (n, p), shared by all fits; the first column is the intercept.
        weights: (fits, n) prior weights; None gives 1.
        ridge: penalty on every coefficient but the intercept, 1 over the variance of a normal prior.
    """
    weights = np.ones_like(counts) if weights is None else weights
    n, p = design.shape
    squares = (design[:, :, None] * design[:, None, :]).reshape(n, p * p)
    penalty = np.diag([_RIDGE, *[ridge] * (p - 1)])
    eta = np.log(np.maximum(counts, 0.3) * 0.5 + 0.5 * np.maximum(counts.mean(axis=1, keepdims=True), 0.02))
    beta = np.zeros((len(counts), p))
    information = np.empty((len(counts), p, p))
    for _ in range(STEPS):
        mean = np.exp(eta)
        working = eta + (counts - mean) / mean
        information = ((weights * mean) @ squares).reshape(-1, p, p) + penalty
        new = np.linalg.solve(information, ((weights * mean * working) @ design)[..., None])[..., 0]
        moved = np.abs(new - beta).max(initial=0)
        beta = new
        eta = np.clip(beta @ design.T, -12, 12)
        if moved < 1e-6:
            break
    mean = np.exp(eta)
    free = np.maximum(weights.astype(bool).sum(axis=1) - p, 1)
    dispersion = np.maximum((weights * (counts - mean) ** 2 / mean).sum(axis=1) / free, 1.0)
    return Fit(beta, np.linalg.inv(information) * dispersion[:, None, None], dispersion, mean)


def fit_robust(
    counts: Floats,
    design: Floats,
    rounds: int = 2,
    usable: NDArray[np.bool_] | None = None,
    ridge: float = _RIDGE,
) -> Fit:
    """Fit, then fit again with past peaks down-weighted.

    Args:
        usable: (n,) False where a day must not shape the baseline (a known event, an outage).

    Other args, returns: as `fit`.
    """
    kept = np.ones_like(counts) * (1.0 if usable is None else usable)
    found = fit(counts, design, kept, ridge)
    for _ in range(rounds):
        residual = anscombe(counts, found, design)
        weights = kept * np.where(residual > PEAK, 1.0 / np.maximum(residual, PEAK) ** 2, 1.0)
        weights *= kept.sum(axis=1, keepdims=True) / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
        found = fit(counts, design, weights, ridge)
    return found


def anscombe(counts: Floats, found: Fit, design: Floats) -> Floats:
    """Return standardised Anscombe residuals, (fits, n)."""
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    leverage = found.covariance.reshape(len(counts), -1) @ squares.T
    leverage = np.clip(leverage * found.mean / found.dispersion[:, None], 0, 0.99)
    raw = 1.5 * (counts ** (2 / 3) * found.mean ** (-1 / 6) - np.sqrt(found.mean))
    return np.asarray(raw / np.sqrt(found.dispersion[:, None] * (1 - leverage)))


def tail(seen: Floats, mean: Floats, variance: Floats) -> Floats:
    """Return P(count >= seen) of a negative binomial with this mean and variance (Poisson where not larger)."""
    seen, mean, variance = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (seen, mean, variance)))
    mean = np.maximum(mean, 1e-12)
    excess = variance / mean - 1
    wide = excess > 1e-6
    excess = np.where(wide, excess, 1.0)
    at_least = np.maximum(seen, 1e-9)
    negative_binomial = betainc(at_least, mean / excess, excess / (1 + excess))
    return np.where(seen <= 0, 1.0, np.where(wide, negative_binomial, gammainc(at_least, mean)))
