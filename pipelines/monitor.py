"""One run of the whole chain, and the loop that repeats it by the clock."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import schedule

from analysis.errors import MonitorError
from analysis.records import Voice
from pipelines import demo
from pipelines.brief import read_brief
from pipelines.brief_forms import to_text
from pipelines.collect import collect, declared_sources
from pipelines.config import Settings, load_settings
from pipelines.deliver import deliver, queue_brief
from pipelines.grants import in_force
from pipelines.lock import one_run
from pipelines.process import process
from pipelines.retention import expire_platforms, purge
from pipelines.source_health import due
from pipelines.store import Store, utc_now
from pipelines.tables import build_tables

log = logging.getLogger(__name__)

CLOCK_JUMP = timedelta(seconds=90)  # a wall clock that differs so from the steady one was set
TICK_SECONDS = 1.0
Progress = Callable[[str, int], None]


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time."""
    return now.strftime("%Y%m%dT%H%M%SZ")


@contextmanager
def recorded_run(
    store: Store, kind: str, run_id: str, now: Callable[[], datetime] = utc_now
) -> Iterator[dict[str, Any]]:
    """Note the start and the end of a run; what the block puts into the summary is kept either way."""
    summary: dict[str, Any] = {}
    store.begin_run(run_id, kind, now())
    try:
        yield summary
    except BaseException as error:
        store.end_run(run_id, "failed", summary | {"error": str(error)}, now())
        raise
    store.end_run(run_id, "ok", summary, now())


def run_once(
    settings: Settings,
    store: Store,
    only: Sequence[str] = (),
    since: date | None = None,
    on_line: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda stage, done: None,
    kind: str = "once",
) -> dict[str, Any]:
    """Collect, process and build the tables; return the counts of each stage."""
    now = utc_now()
    run_id = new_run_id(now)
    with recorded_run(store, kind, run_id) as summary:
        summary["crawl"] = collect(settings, store, in_force(settings, store), run_id, only, since, on_line)
        summary["process"] = process(settings, store, voices_of(settings), run_id, utc_now(), progress)
        summary["tables"] = build_tables(settings, store, summary["process"]["model"], run_id, utc_now())
        expire_platforms(settings, store, utc_now())
    return summary


def run_demo(
    home: Path, on_line: Callable[[str], None] = lambda line: None, progress: Progress = lambda stage, done: None
) -> tuple[Settings, dict[str, Any]]:
    """Serve the invented region on loopback and run the whole chain on it; return settings and counts.

    Raises: MonitorError (a port is taken), AlreadyRunning.
    """
    settings = load_settings(environment={}, home=home, region=demo.REGION)
    today = utc_now().astimezone(settings.timezone).date()
    stories = demo.read_stories(demo.anchor_day(settings.home, today), settings.timezone)
    crawl = replace(
        settings.crawl, allow_hosts=(f"127.0.0.1:{demo.NEWS_PORT}", f"127.0.0.1:{demo.POSTS_PORT}"), contact="demo"
    )
    settings = replace(settings, sources=demo.write_sources(settings.home, stories), crawl=crawl)
    with one_run(settings.home, "demo"), demo.serving(stories), Store(settings.database) as store:
        summary = run_once(settings, store, on_line=on_line, progress=progress, kind="demo")
    return settings, summary


def voices_of(settings: Settings) -> dict[str, Voice]:
    """Return the voice of each declared source."""
    return {source.id: Voice(source.voice) for source in declared_sources(settings)}


class Clockwork:
    """`schedule`, guarded against a clock that is set: jobs neither stall nor run twice.

    `schedule` keeps the wall-clock time of the next run; after a jump back it would wait for that time to
    come again, after a jump forward it would fire all at once. The steady clock tells a jump from waiting;
    then every job is planned anew from the present time. Missed days are caught up by the tables themselves,
    which build every day that has no row.
    """

    def __init__(
        self,
        settings: Settings,
        crawl: Callable[[], None],
        close_day: Callable[[], None],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._crawl, self._close_day = settings, crawl, close_day
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()
        self.scheduler = schedule.Scheduler()
        self._plan()

    def _plan(self) -> None:
        self.scheduler.clear()
        turn = min(self._settings.crawl.fastest_minutes, self._settings.crawl.every_minutes)
        self.scheduler.every(turn).minutes.do(self._crawl)
        close_at = self._settings.tables.close_at.strftime("%H:%M")
        self.scheduler.every().day.at(close_at, str(self._settings.timezone)).do(self._close_day)

    def tick(self) -> bool:
        """Run what is due; return whether the clock was found to have been set."""
        jumped = abs(self._wall() - self._steady() - self._offset) > CLOCK_JUMP.total_seconds()
        if jumped:
            log.warning("clock jump_seconds=%.0f planned=anew", self._wall() - self._steady() - self._offset)
            self._offset = self._wall() - self._steady()
            self._plan()
        self.scheduler.run_pending()
        return jumped


def send(settings: Settings, store: Store, with_brief: bool) -> None:
    """Send what was confirmed to whoever is configured; when a day closes, queue its brief for the morning too."""
    if not settings.delivery.recipient:
        return
    if with_brief:
        yesterday = utc_now().astimezone(settings.timezone).date() - timedelta(days=1)
        found = read_brief(settings, store, yesterday, utc_now())
        queue_brief(settings, store, yesterday, to_text(found), utc_now())
    log.info("deliver %s", deliver(settings, store, utc_now()))


def run_forever(settings: Settings, store: Store, say: Callable[[str], None]) -> None:
    """Crawl, process, deliver and close days by the clock until SIGTERM or SIGINT; the step in hand is finished.

    A run that fails is logged and tried again at the next hour; the loop goes on.
    """
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())

    def crawl(closing: bool = False) -> None:
        try:
            turn = due(settings, store, in_force(settings, store), utc_now())
            if turn or closing:
                say(f"run {run_once(settings, store, turn, kind='run')}")
            send(settings, store, closing)
        except MonitorError as error:
            log.error("run failed error=%s", error)

    def close_day() -> None:
        crawl(closing=True)
        purge(settings, store, utc_now())

    clockwork = Clockwork(settings, crawl, close_day)
    crawl()
    while not stop.wait(TICK_SECONDS):
        clockwork.tick()
    say("stopped")
