"""Visits that follow tension: the naive difference beside the triggered comparison, with and without an effect.

Run: python -m benchmarks.visits [--quick] [--runs N]
"""

from __future__ import annotations

import argparse
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.visits import effect
from benchmarks.simulate import World

THRESHOLD = 0.45
LASTS = 7  # days that an effect lasts
NOISE = 0.05  # of a daily estimate around the truth


def simulate_visits(seed: int, true_effect: float, chance: float = 0.5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate a daily table, and visits to half of the triggered desa on the day after; effects last 7 days."""
    rng = np.random.default_rng(seed)
    world = World()
    keep, sd = 0.5 ** (1 / 3), 0.10
    lasting = rng.normal(0.27, 0.05, world.desa)
    walk, cooled = np.zeros(world.desa), np.zeros(world.desa)
    values, visits = [], []
    last_trigger = np.full(world.desa, -99)
    for day in range(world.days):
        walk = keep * walk + rng.normal(0, sd * np.sqrt(1 - keep**2), world.desa)
        cooled = np.maximum(cooled - 1, 0)
        seen = np.clip(lasting + walk + true_effect * (cooled > 0) + rng.normal(0, NOISE, world.desa), 0, 1)
        fresh = (seen >= THRESHOLD) & (day - last_trigger >= 14)
        last_trigger[fresh] = day
        for desa in np.flatnonzero(fresh & (rng.random(world.desa) < chance)):
            visits.append((f"d{desa:03}", world.start + timedelta(days=day + 1)))
            cooled[desa] = LASTS + 1
        values.append(seen)
    days = [world.start + timedelta(days=day) for day in range(world.days)]
    table = pd.DataFrame(np.array(values), index=days, columns=[f"d{i:03}" for i in range(world.desa)])
    long = table.rename_axis("day").reset_index().melt("day", var_name="desa_code", value_name="tension")
    return long, pd.DataFrame(visits, columns=["desa_code", "day"])


def naive(table: pd.DataFrame, visits: pd.DataFrame) -> float:
    """Return the mean of the week after minus the day before the visits: the number that lies."""
    wide = table.pivot(index="day", columns="desa_code", values="tension")
    changes = []
    for code, day in visits.itertuples(index=False):
        before = wide[code].get(day - timedelta(days=1), np.nan)
        after = [wide[code].get(day + timedelta(days=d), np.nan) for d in range(1, 8)]
        changes.append(np.nanmean(after) - before if np.isfinite(after).any() else np.nan)
    return float(np.nanmean(changes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 runs")
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    runs = 10 if arguments.quick else arguments.runs
    print("true effect  naive   compared  interval holds the truth  mean visits")
    for true in (0.0, -0.087):
        results = [(simulate_visits(seed, true)) for seed in range(runs)]
        found = [effect(table, visits, THRESHOLD) for table, visits in results]
        wrong = np.mean([naive(*result) for result in results[:20]])
        held = np.mean([e.low <= true <= e.high for e in found])
        mean, visited = np.mean([e.effect for e in found]), np.mean([e.visited for e in found])
        print(f"{true:+.3f}       {wrong:+.3f}  {mean:+.3f}    {held:.3f}                     {visited:.0f}")


if __name__ == "__main__":
    main()
