"""Red alerts on simulated regions: false alarms a week, planted events found, delay; each day judged as then known.

Run: python -m benchmarks.alerts [--quick] [--seeds N]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from analysis.alerts import Alert, Method, detect
from benchmarks.simulate import Simulated, World, simulate

QUIET = 90  # days before the first judged day
METHODS: tuple[Method, ...] = ("counts", "marked")


@dataclass(frozen=True, slots=True)
class Result:
    """What a replay found."""

    weeks: float
    false_desa: int
    false_above: int
    events: int
    within_a_day: int
    delays: tuple[int, ...]  # days, of the events found within a week


def replay(region: Simulated, method: Method, first: int = QUIET, last: int | None = None) -> Result:
    """Judge every evening from `first` on by what was known then."""
    last = region.world.days - 1 if last is None else last
    red: list[Alert] = []
    for index in range(first, last + 1):
        evening = region.evening(index)
        day = np.datetime64(region.day(max(index - 95, 0))).astype(str)
        recent = region.stories[region.stories["day"] >= day]
        raised = detect(recent, region.places, evening, previous=red, method=method)
        red += [alert for alert in raised if alert.tier == "merah"]
    return _judge(region, red, (last - first + 1) / 7)


def _judge(region: Simulated, red: list[Alert], weeks: float) -> Result:
    codes = region.places["desa_code"].to_list()
    planted = region.events[["day", "desa"]].to_numpy().tolist()
    truth = [(codes[desa], region.day(day)) for day, desa in planted]
    above = {code.rpartition(".")[0] for code, _ in truth}
    delays = []
    for code, day in truth:
        after = [(a.last - day).days for a in red if a.code == code and 0 <= (a.last - day).days < 7]
        if after:
            delays.append(min(after))
    desa = [a for a in red if a.level == "desa"]
    caused = [a for a in desa if any(a.code == c and 0 <= (a.last - d).days <= 7 for c, d in truth)]
    others = [a for a in red if a.level != "desa" and not above]
    return Result(weeks, len(desa) - len(caused), len(others), len(truth), sum(d <= 1 for d in delays), tuple(delays))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, 8 weeks")
    parser.add_argument("--seeds", type=int, default=4)
    arguments = parser.parse_args()
    seeds = range(1) if arguments.quick else range(arguments.seeds)
    last = QUIET + 55 if arguments.quick else None
    print("method  late  events  false red a week (desa, above)  found within a day  mean delay of found")
    for late in (0.25,) if arguments.quick else (0.25, 0.0):
        for method in METHODS:
            for size in (0, 3, 6, 12):
                if size == 3 and (late == 0 or arguments.quick):
                    continue
                started = time.perf_counter()
                world = World(days=(last or 279) + 1, late=late)
                regions = [simulate(100 + seed, world, size, 40 if size else 0, QUIET) for seed in seeds]
                found = [replay(region, method, last=last) for region in regions]
                print(_line(method, late, size, found), f"{time.perf_counter() - started:.0f} s", flush=True)


def _line(method: str, late: float, size: int, found: list[Result]) -> str:
    weeks = sum(r.weeks for r in found)
    false = f"{sum(r.false_desa for r in found) / weeks:.2f}, {sum(r.false_above for r in found) / weeks:.2f}"
    if not size:
        return f"{method:7} {late:.2f}  none    {false}"
    events = sum(r.events for r in found)
    delays = [delay for r in found for delay in r.delays]
    share = 100 * sum(r.within_a_day for r in found) / events
    return f"{method:7} {late:.2f}  +{size:<3} x{events:<3} {false}  {share:.0f} %  {np.mean(delays):.2f} d"


if __name__ == "__main__":
    main()
