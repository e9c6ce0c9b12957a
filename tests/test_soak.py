"""A day of failing sources in a few runs, four of them killed: every item once, as it was last corrected.

The long form, of twenty sources and hourly runs, is `python -m benchmarks.soak`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.outlets import KINDS
from tests.soaking import chosen_kills, soaked

RUNS = 5


@pytest.mark.parametrize("seed", [1])
def test_faults_and_kills_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    said: list[str] = []
    with soaked(tmp_path, seed, KINDS, a_day=20, faults=3, window=48) as soak:
        soak.live(RUNS, chosen_kills(seed, RUNS, len(KINDS)), (16,), said.append, "crawl")
        assert soak.lost() == [], said
        assert soak.doubled() == [], said
        assert soak.unexplained() == set()
        assert not list(tmp_path.glob("crawl-*.json"))  # what a crawl reported whose monitor was killed is not lost
        assert soak.codes.count(-signal.SIGKILL) >= 2, said
        assert soak.megabytes["crawler"] < 300
