"""The loop: jobs run by the clock, and a clock that is set neither stalls nor doubles them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import schedule

from pipelines import monitor
from pipelines.config import PROJECT, load_settings
from pipelines.monitor import Clockwork
from pipelines.store import Store


class Clock(datetime):
    """What `schedule` takes for datetime: a wall clock that the test sets."""

    wall = datetime(2026, 3, 1, 12, 0)  # noqa: DTZ001 (schedule works with local naive times)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return cls.wall.astimezone(tz) if tz else cls.wall  # type: ignore[arg-type]


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Clockwork, list[str], list[float]]:
    monkeypatch.setattr(schedule.datetime, "datetime", Clock)
    Clock.wall = datetime(2026, 3, 1, 12, 0)  # noqa: DTZ001
    ran: list[str] = []
    steady = [0.0]
    clockwork = Clockwork(
        load_settings(environment={"SEJUK_CRAWL_FASTEST_MINUTES": "60"}, home=tmp_path),
        lambda: ran.append("crawl"),
        lambda: ran.append("close"),
        wall=lambda: Clock.wall.timestamp(),
        steady=lambda: steady[0],
    )
    return clockwork, ran, steady


def _wait(clockwork: Clockwork, steady: list[float], minutes: float, step: float = 1) -> None:
    """Let both clocks go on, ticking every `step` minutes."""
    for _ in range(int(minutes / step)):
        Clock.wall += timedelta(minutes=step)
        steady[0] += step * 60
        clockwork.tick()


def test_a_crawl_an_hour_and_one_close_a_day(loop: tuple[Clockwork, list[str], list[float]]) -> None:
    clockwork, ran, steady = loop
    _wait(clockwork, steady, 24 * 60)
    assert ran.count("crawl") == 24
    assert ran.count("close") == 1


def test_a_jump_back_does_not_stall(loop: tuple[Clockwork, list[str], list[float]]) -> None:
    clockwork, ran, steady = loop
    _wait(clockwork, steady, 30)
    Clock.wall -= timedelta(days=2)
    assert clockwork.tick()
    _wait(clockwork, steady, 61)
    assert ran == ["crawl"]


def test_a_jump_forward_does_not_double(loop: tuple[Clockwork, list[str], list[float]]) -> None:
    clockwork, ran, steady = loop
    _wait(clockwork, steady, 30)
    Clock.wall += timedelta(days=3)
    assert clockwork.tick()
    assert not clockwork.tick()
    assert len(ran) == 0
    _wait(clockwork, steady, 61)
    assert ran.count("crawl") == 1


def test_the_steady_clock_is_the_systems(tmp_path: Path) -> None:
    clockwork = Clockwork(load_settings(environment={}, home=tmp_path), lambda: None, lambda: None)
    assert not clockwork.tick()
    assert monitor.new_run_id(datetime.fromtimestamp(time.time())) > "2025"  # noqa: DTZ006


def test_the_loop_stops_at_sigterm_after_the_step_in_hand(tmp_path: Path) -> None:
    region = shutil.copytree(PROJECT / "data" / "regions" / "contoh", tmp_path / "contoh")
    inbox = tmp_path / "laporan.csv"
    inbox.write_text("id,time,text\n", encoding="utf-8")
    (region / "sources.toml").write_text(
        f'[[source]]\nid = "laporan"\nname = "Laporan"\nkind = "files"\naddress = "{inbox}"\nvoice = "official"\n'
        'basis = "laporan petugas"\nenabled = true\n',
        encoding="utf-8",
    )
    command = [sys.executable, "run_monitor.py", "--home", str(tmp_path / "home"), "--region", str(region), "run"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as loop:
        assert loop.stdout
        first = loop.stdout.readline()
        loop.send_signal(signal.SIGTERM)
        rest = loop.stdout.read()
        assert loop.wait(30) == 0, first + rest
    assert first.startswith("run ")
    assert rest.strip().endswith("stopped")
    with Store(tmp_path / "home" / "sejuk.sqlite", read_only=True) as store:
        assert [row["status"] for row in store.last_runs()] == ["ok"]
