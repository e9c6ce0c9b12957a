"""Small-area estimates against the simulated truth: error, interval coverage, and time.

Run: python -m benchmarks.small_area [--quick] [--seeds N]
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.trends import estimate
from benchmarks.simulate import Floats, Simulated, World, simulate

WARM_UP = 60  # days not judged


def daily_sums(region: Simulated) -> tuple[Floats, Floats]:
    """Return stories and summed tension, (days, desa)."""
    day = (pd.to_datetime(region.stories["day"]) - pd.Timestamp(region.world.start)).dt.days.to_numpy()
    desa = pd.Index(region.places["desa_code"]).get_indexer(pd.Index(region.stories["desa_code"]))
    n, total = np.zeros(region.truth.shape), np.zeros(region.truth.shape)
    np.add.at(n, (day, desa), 1)
    np.add.at(total, (day, desa), region.stories["tension"])
    return n, total


def peers(region: Simulated) -> dict[str, Floats]:
    """Return the raw daily mean carried forward, the 7-day pooled mean and EWMA(0.1), each (days, desa)."""
    n, total = daily_sums(region)
    raw, pooled, ewma = (np.full(n.shape, region.world.mean) for _ in range(3))
    last = smooth = seven = np.full(n.shape[1], region.world.mean)
    for t in range(len(n)):
        mean = total[t] / np.maximum(n[t], 1)
        last = np.where(n[t] > 0, mean, last)
        smooth = np.where(n[t] > 0, 0.9 * smooth + 0.1 * mean, smooth)
        week = slice(max(t - 6, 0), t + 1)
        weekly = n[week].sum(axis=0)
        seven = np.where(weekly > 0, total[week].sum(axis=0) / np.maximum(weekly, 1), seven)
        raw[t], pooled[t], ewma[t] = last, seven, smooth
    return {"raw mean": raw, "7-day mean": pooled, "EWMA(0.1)": ewma}


def errors(region: Simulated) -> dict[str, float]:
    """Return the RMSE of each estimate, and the coverage and mean width of the 90 % interval."""
    days = [region.day(t) for t in range(region.world.days)]
    table = estimate(region.stories, region.places, days, region.evening(region.world.days - 1))
    own = table[table["voice"] == "all"]
    value, low, high = (own[c].to_numpy().reshape(region.truth.shape) for c in ("tension", "low", "high"))
    judged = slice(WARM_UP, None)
    truth = region.truth[judged]

    def rmse(found: Floats) -> float:
        return float(np.sqrt(np.mean((found[judged] - truth) ** 2)))

    result = {name: rmse(found) for name, found in peers(region).items()} | {"sejuk": rmse(value)}
    result["coverage"] = float(((low <= region.truth) & (region.truth <= high))[judged].mean())
    result["width"] = float((high - low)[judged].mean())
    return result


def causal_errors(region: Simulated, every: int = 7) -> dict[str, float]:
    """Return RMSE and coverage of today's estimate as it was known each evening, late stories still missing."""
    off, inside = [], []
    for index in range(WARM_UP, region.world.days, every):
        table = estimate(region.stories, region.places, [region.day(index)], region.evening(index))
        own = table[table["voice"] == "all"]
        off.append(own["tension"].to_numpy() - region.truth[index])
        inside.append((own["low"] <= region.truth[index]) & (region.truth[index] <= own["high"]))
    return {"sejuk live": float(np.sqrt(np.mean(np.square(off)))), "coverage live": float(np.mean(inside))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows = []
    for seed in range(1 if arguments.quick else arguments.seeds):
        region = simulate(300 + seed)
        rows.append(errors(region) | causal_errors(region))
    table = pd.DataFrame(rows)
    for name, value in table.mean().items():
        print(f"{name:14} {value:.4f}")
    print(f"ratio to raw   {table['sejuk'].mean() / table['raw mean'].mean():.3f}")
    _speed()


def _speed() -> None:
    for days, stories in ((365, 234.0), (400, 250.0)):
        region = simulate(1, World(days=days, stories=stories))
        started = time.perf_counter()
        asked = [region.day(t) for t in range(days)]
        estimate(region.stories, region.places, asked, region.evening(days - 1))
        print(f"{days} days x 148 desa from {len(region.stories)} stories: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    estimate(region.stories, region.places, asked[-1:], region.evening(days - 1) + timedelta(hours=1))
    print(f"one day: {time.perf_counter() - started:.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
