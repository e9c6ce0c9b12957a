"""What visits do to tension: visited desa against desa that were triggered alike and not visited.

Visits go where tension has just risen, and what has just risen falls by itself: before minus after lies. The
comparison is therefore only among triggered desa-days, and only pooled. A single visit has a trajectory, no
effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]

LEAST = 10  # triggered desa-days in each arm below which no number is given
AFTER = (1, 7)  # days after the trigger that are averaged
BEFORE = (-7, -1)
CLEAN = 14  # days between triggers of one desa
WITHIN = 3  # days after its trigger in which a visit counts as an answer to it
TARGET = -0.06  # effect that power is stated for


@dataclass(frozen=True, slots=True)
class Effect:
    """The pooled effect of visits on tension, or why there is none to report."""

    visited: int  # triggered desa-days that were visited
    compared: int  # triggered alike and not visited
    effect: float  # NaN where refused
    low: float  # 95 % interval
    high: float
    power: float  # probability of finding an effect of -0.06 with these numbers; NaN where refused
    needed: int  # visits in each arm for 80 % power at -0.06; 0 where refused
    words: str  # Bahasa Indonesia


def triggers(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Find desa-days whose tension passes a threshold, at least 14 days apart in one desa.

    Args:
        table: day, desa_code, tension (one voice of `analysis.trends.estimate`).

    Returns: desa_code, day.
    """
    hot = table[table["tension"] >= threshold].sort_values(["desa_code", "day"])
    kept: list[tuple[str, date]] = []
    for code, day in zip(hot["desa_code"], hot["day"], strict=True):
        if not kept or kept[-1][0] != code or (day - kept[-1][1]).days >= CLEAN:
            kept.append((code, day))
    return pd.DataFrame(kept, columns=["desa_code", "day"])


def effect(table: pd.DataFrame, visits: pd.DataFrame, threshold: float) -> Effect:
    """Estimate the pooled effect of visits within 3 days of a trigger on the mean tension of the week after.

    The mean after is regressed on being visited, on the tension at the trigger and on the week before, with
    standard errors clustered by desa; the interval is Student's with one degree less than there are desa.

    Args:
        table: day, desa_code, tension of one voice.
        visits: desa_code, day (or date) of each visit.
        threshold: tension that triggers, in [0, 1].

    Returns: an Effect; with fewer than 10 triggered desa-days in an arm it holds a refusal and no number.

    Raises: ValueError for a missing column or a threshold outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in [0, 1]")
    for name, frame, columns in (
        ("table", table, ("day", "desa_code", "tension")),
        ("visits", visits.rename(columns={"date": "day"}), ("desa_code", "day")),
    ):
        if missing := [c for c in columns if c not in frame]:
            raise ValueError(f"{name}: no column {', '.join(missing)}")
    cases = _cases(table, visits.rename(columns={"date": "day"}), triggers(table, threshold))
    visited = int(cases["visited"].sum())
    compared = len(cases) - visited
    if min(visited, compared) < LEAST:
        return _refusal(visited, compared)
    value, error, noise = _regress(cases)
    free = max(cases["desa_code"].nunique() - 1, 1)
    reach = float(t.ppf(0.975, free)) * error
    power = float(norm.cdf(abs(TARGET) / error - norm.ppf(0.975)))
    needed = int(np.ceil(2 * (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 * noise**2 / TARGET**2))
    words = (
        f"Perkiraan pengaruh kunjungan: {value:+.3f} (rentang 95 %: {value - reach:+.3f} sampai {value + reach:+.3f}) "
        f"dari {visited} kunjungan dibanding {compared} desa serupa yang tidak dikunjungi; "
        f"peluang menemukan pengaruh {TARGET} dengan jumlah ini {100 * power:.0f} %, "
        f"untuk 80 % perlu sekitar {needed} per kelompok"
    )
    return Effect(visited, compared, value, value - reach, value + reach, power, needed, words)


def trajectory(table: pd.DataFrame, desa_code: str, visit: date, days: int = 14) -> pd.DataFrame:
    """Return the tension of one desa around one visit: shown, never subtracted.

    Returns: the table's rows with `offset`, days from the visit, -days to days.
    """
    rows = table[table["desa_code"] == desa_code]
    offset = np.array([(day - visit).days for day in rows["day"]], dtype=np.int64)
    return rows.assign(offset=offset)[np.abs(offset) <= days].sort_values("offset")


def _refusal(visited: int, compared: int) -> Effect:
    nan = float("nan")
    words = (
        f"Belum bisa dihitung: {visited} kunjungan dan {compared} pembanding; perlu sedikitnya {LEAST} pada "
        "masing-masing. Pengaruh satu kunjungan tidak pernah dilaporkan; lihat perjalanan nilainya."
    )
    return Effect(visited, compared, nan, nan, nan, nan, 0, words)


def _cases(table: pd.DataFrame, visits: pd.DataFrame, triggered: pd.DataFrame) -> pd.DataFrame:
    """Return each trigger with its tension, the means before and after, and whether a visit answered it."""
    wide = table.pivot_table(index="day", columns="desa_code", values="tension", aggfunc="first").sort_index()
    wide.index = pd.DatetimeIndex(pd.to_datetime(wide.index))
    wide = wide.asfreq("D")
    values, columns = wide.to_numpy(dtype=np.float64), {code: i for i, code in enumerate(wide.columns)}
    answered: dict[str, list[pd.Timestamp]] = {}
    for code, day in zip(visits["desa_code"], pd.to_datetime(visits["day"]), strict=True):
        answered.setdefault(code, []).append(day)
    rows = []
    for code, day in zip(triggered["desa_code"], pd.to_datetime(triggered["day"]), strict=True):
        at, series = int((day - wide.index[0]).days), values[:, columns[code]]
        lags = [(visit - day).days for visit in answered.get(code, ())]
        before, after = _mean(series, at, BEFORE), _mean(series, at, AFTER)
        busy = any(-CLEAN <= lag < 0 for lag in lags)  # visited shortly before: neither arm
        if np.isfinite(before) and np.isfinite(after) and not busy:
            rows.append((code, series[at], before, after, any(0 <= lag <= WITHIN for lag in lags)))
    return pd.DataFrame(rows, columns=["desa_code", "trigger", "before", "after", "visited"])


def _mean(series: Floats, at: int, span: tuple[int, int]) -> float:
    first, last = at + span[0], at + span[1]
    if first < 0 or last >= len(series):
        return float("nan")
    found = series[first : last + 1]
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def _regress(cases: pd.DataFrame) -> tuple[float, float, float]:
    """Return effect, its cluster-robust standard error, and the residual standard deviation.

    Source: Bell and McCaffrey 2002 (CR3: each desa judged by the fit without it).
    """
    x = np.column_stack(
        [np.ones(len(cases)), cases["visited"].to_numpy(dtype=np.float64), cases["trigger"], cases["before"]]
    )
    y = cases["after"].to_numpy(dtype=np.float64)
    bread = np.linalg.pinv(x.T @ x)
    beta = bread @ x.T @ y
    residual = y - x @ beta
    n, p = x.shape
    cluster = pd.factorize(cases["desa_code"])[0]
    groups = int(cluster.max()) + 1
    scores = np.zeros((groups, p))
    for g in range(groups):
        own = x[cluster == g]
        left_out = np.eye(len(own)) - own @ bread @ own.T
        scores[g] = own.T @ np.linalg.lstsq(left_out, residual[cluster == g], rcond=None)[0]
    covariance = bread @ scores.T @ scores @ bread
    return float(beta[1]), float(np.sqrt(covariance[1, 1])), float(np.sqrt((residual**2).sum() / max(n - p, 1)))
