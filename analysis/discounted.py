"""The recursion behind the daily estimates, and the variances it needs, from counts alone.

Source: docs/statistics.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.story_table import Counts, Floats, Ints

FIT_DAYS, FIT_STORIES, FIT_CAP = 28, 200, 5
SHORT_LAGS, LONG_LAGS = (1, 2, 3), (14, 18, 22, 26, 30)
Z90 = 1.6448536269514722  # two-sided 90 % of the normal distribution


@dataclass(frozen=True, slots=True)
class Parameters:
    """Variances and rates of the estimate; tension in [0, 1], half-lives in days.

    Source: the region's own past through `fit`; these defaults stand until 28 days of it exist.
    """

    sigma2: float = 0.030  # of stories within a place and day
    tau2: float = 0.010  # of the passing deviation of a place from the level above
    tau_v2: float = 0.006  # of its lasting offset
    half_life: float = 2.0
    level_half_life: float = 4.0  # of the level above
    offset_half_life: float = 45.0
    pseudo_stories: float = 8.0  # by which a kecamatan leans on the kabupaten
    start: float = 0.2  # tension assumed before anything is known
    width: float = 1.0  # factor on the interval, calibrated on history
    k: int = 3  # distinct authors below which public stories count in the kecamatan alone
    timezone: str = "Asia/Jakarta"


DEFAULTS = {
    "desa": Parameters(),
    "kecamatan": Parameters(tau2=0.003, tau_v2=0.002),
    "kabupaten": Parameters(tau2=0.001, tau_v2=0.0005),
}


def _prior_counts(counts: dict[str, Counts], level: str, parent: Ints) -> tuple[Floats, Floats, Ints]:
    """Return counts and sums of the level above, and each place's position in it."""
    above = counts["kecamatan" if level == "desa" else "kabupaten"]
    position = parent if level == "desa" else np.zeros(counts[level].n.shape[2], dtype=np.int64)
    return above.weighted, above.total, position


def run_filter(counts: dict[str, Counts], level: str, parent: Ints, p: Parameters) -> dict[str, Floats]:
    """Run the discounted empirical-Bayes recursion over the days.

    Source: docs/statistics.md. W, V, A are the discounted count, squared discount and surprise of a place;
    its prior is the level above without the place, leaned on the kabupaten, plus the place's slow offset.
    """
    n, s = counts[level].weighted, counts[level].total
    above_n, above_s, position = _prior_counts(counts, level, parent)
    region_n, region_s = counts["kabupaten"].weighted, counts["kabupaten"].total
    delta, slow, mid = (0.5 ** (1 / h) for h in (p.half_life, p.offset_half_life, p.level_half_life))
    m, kappa = p.sigma2 / p.tau2, p.sigma2 / p.tau_v2
    voices, places = n.shape[1:]
    w, v, a, r, big_n, own_n, own_s = (np.zeros((voices, places)) for _ in range(7))
    up_n, up_s = (np.zeros((voices, above_n.shape[2])) for _ in range(2))
    day_n, day_s = np.zeros((voices, 1)), np.zeros((voices, 1))
    anchor_n, anchor_s = np.full((voices, 1), p.pseudo_stories), np.full((voices, 1), p.start * p.pseudo_stories)
    out = {name: np.empty_like(n) for name in ("tension", "sd", "weight", "level_mean", "lead_mean", "lead_sd")}
    for t in range(len(n)):
        up_n, up_s = mid * up_n + above_n[t], mid * up_s + above_s[t]
        own_n, own_s = mid * own_n + n[t], mid * own_s + s[t]
        day_n, day_s = mid * day_n + region_n[t], mid * day_s + region_s[t]
        anchor = anchor_s / anchor_n
        top = (day_s + p.pseudo_stories * anchor) / (day_n + p.pseudo_stories) if level == "desa" else anchor
        rest_n, rest_s = up_n[:, position] - own_n, up_s[:, position] - own_s
        level_mean = (rest_s + p.pseudo_stories * top) / (rest_n + p.pseudo_stories)
        prior = np.clip(level_mean + r / (big_n + kappa), 0, 1)
        prior_var = p.tau_v2 * kappa / (big_n + kappa)
        out["lead_mean"][t] = prior + delta * a / (delta * w + m)
        before = delta**2 * _variance(w, v, delta, m, p) + p.tau2 * (1 - delta**2)
        out["lead_sd"][t] = np.sqrt(before + prior_var * (m / (delta * w + m)) ** 2)
        w, v, a = delta * w + n[t], delta**2 * v + n[t], delta * a + s[t] - n[t] * prior
        out["tension"][t] = np.clip(prior + a / (w + m), 0, 1)
        out["sd"][t] = np.sqrt(_variance(w, v, delta, m, p) + prior_var * (m / (w + m)) ** 2)
        out["weight"][t] = w / (w + m)
        out["level_mean"][t] = level_mean
        big_n, r = slow * big_n + n[t], slow * r + s[t] - n[t] * level_mean
        anchor_n, anchor_s = slow * anchor_n + region_n[t], slow * anchor_s + region_s[t]
        anchor_n, anchor_s = np.maximum(anchor_n, 1e-9), np.maximum(anchor_s, 0)
    reach = Z90 * p.width * out["sd"]
    out["low"], out["high"] = np.clip(out["tension"] - reach, 0, 1), np.clip(out["tension"] + reach, 0, 1)
    return out


def _variance(w: Floats, v: Floats, delta: float, m: float, p: Parameters) -> Floats:
    """Return the variance of the estimate around a known prior: sampling, shrinkage and drift."""
    return np.asarray(p.sigma2 * v / (w + m) ** 2 + p.tau2 * (m / (w + m)) ** 2 + p.tau2 * (1 - delta) * w / (w + m))


def fit_counts(counts: dict[str, Counts], level: str, parent: Ints, start: Parameters) -> Parameters:
    """Estimate the variances of a level from its own past, by moments over all voices.

    sigma2 is pooled within places and days. The autocovariance of a place's distance from the level above
    falls to tau_v2 at long lags and starts at tau_v2 + tau2. The width makes the one-step errors of the past
    as large as was said. `start` is returned unchanged before 28 days and 200 stories.
    """
    own = counts[level]
    n, total = own.weighted[:, 0], own.total[:, 0]
    if (counts["kabupaten"].weighted[:, 0].sum(axis=1) > 0).sum() < FIT_DAYS or n.sum() < FIT_STORIES:
        return start
    mean = np.divide(total, n, out=np.zeros_like(n), where=n > 0)
    within = float((own.squares[:, 0] - n * mean**2).sum())
    sigma2 = max(within / max(float(np.maximum(n - 1, 0).sum()), 1.0), 1e-3)
    distance = mean - run_filter(counts, level, parent, start)["level_mean"][:, 0]
    weight = np.minimum(n, FIT_CAP)
    lasting = np.mean([_autocovariance(distance, weight, lag) for lag in LONG_LAGS if lag < len(n) // 2])
    keep = 0.5 ** (1 / start.half_life)
    passing = np.mean([(_autocovariance(distance, weight, lag) - lasting) / keep**lag for lag in SHORT_LAGS])
    tau_v2, tau2 = (float(np.clip(value, sigma2 / 200, sigma2)) for value in (lasting, passing))
    fitted = replace(start, sigma2=sigma2, tau2=tau2, tau_v2=tau_v2, width=1.0)
    lead = run_filter(counts, level, parent, fitted)
    expected = np.clip(lead["lead_mean"][:, 0], 0.01, 0.99)
    binomial = expected * (1 - expected)  # the variance of stories follows their mean
    share = within / max(float((np.maximum(n - 1, 0) * binomial).sum()), 1e-9)
    error = (weight * ((mean - expected) ** 2 - share * binomial / np.maximum(n, 1))).sum()
    said = (weight * lead["lead_sd"][:, 0] ** 2).sum()
    return replace(fitted, width=float(np.clip(np.sqrt(max(error, 0) / said), 0.95, 1.5)))


def _autocovariance(distance: Floats, weight: Floats, lag: int) -> float:
    product = weight[lag:] * weight[:-lag]
    return float((product * distance[lag:] * distance[:-lag]).sum() / max(product.sum(), 1e-9))
