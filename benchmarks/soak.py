"""A day of twenty failing sources and a monitor that is killed: what the database has of what was served.

Run: python -m benchmarks.soak [--seed 1]. Twenty outlets of the kinds that news comes in (RSS, Atom, sitemaps,
WordPress, listings) publish and correct for 24 simulated hours, and fail for hours in every known way.
`run_monitor.py once` reads them every hour, by a clock that is set on, and is killed (SIGKILL) at four random moments:
the crawler alone, all at once, the monitor while its crawler goes on, the monitor while it processes. Then every item
must stand in the database once, whole, as it was last corrected.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from tests.outlets import KINDS
from tests.soaking import chosen_kills, soaked

SOURCES, HOURS = 20, 24
AFTERWARDS = (1, 1, 2, 4, 8, 16)  # hours between the runs by which what failed late is had at last


def main() -> None:
    """Soak, print what happened, and fail where an item is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    kinds = [KINDS[place % len(KINDS)] for place in range(SOURCES)]
    with tempfile.TemporaryDirectory() as scratch, soaked(Path(scratch), seed, kinds) as soak:
        items = [item for outlet in soak.outlets for item in outlet.items]
        print(f"{len(items)} items, {sum(bool(item.edited) for item in items)} corrected; served by {SOURCES} sources")
        soak.live(HOURS, chosen_kills(seed, HOURS, SOURCES), AFTERWARDS, lambda line: print(line, flush=True))
        wrong = [*soak.lost(), *soak.doubled(), *(f"no reason counted for {each}" for each in soak.unexplained())]
        faults = Counter(fault.kind for outlet in soak.outlets for fault in outlet.faults)
        print("faults planned:", *(f"{kind} {count}," for kind, count in faults.most_common()))
        print("articles refused, by reason:", *(f"{reason} {count}," for reason, count in soak.reasons().most_common()))
        print("lists that could not be had:", *(f"\n  {count:3} {what}" for what, count in soak.errors().most_common()))
        print(f"most memory: {', '.join(f'{what} {size} MB' for what, size in soak.megabytes.items())}")
    if wrong:
        raise SystemExit("\n".join(wrong))
    print("every item once, none lost")


if __name__ == "__main__":
    main()
