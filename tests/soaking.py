"""A day of the whole monitor in minutes: runs by a clock that is set on, kills at random moments, what they left."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import IO, Any

from crawlers.spool import read_spool
from pipelines.store import Store
from tests.crawling import PROJECT, Crawl
from tests.later import VARIABLE
from tests.outlets import FAULTS, Clock, Outlet, planned, publishing

REGION = PROJECT / "data" / "regions" / "contoh"
KILLS = ("crawler", "machine", "monitor", "processing")  # the crawl alone, all at once, the monitor in or after a crawl
_MARK = re.compile(r"^Berita (\S+)-(\d+) versi (\d) .*Tamat \1-\2 versi \3 sampai di sini\.$", re.DOTALL)


@dataclass(frozen=True)
class Kill:
    """What is killed in which run: after so many answers, or (processing) so many seconds after its crawl."""

    run: int
    what: str
    answers: int
    seconds: float


@dataclass
class Soak:
    """The monitor's home, the outlets it reads, and what happened to it."""

    home: Path
    outlets: Sequence[Outlet]
    clock: Clock
    start: datetime
    later: timedelta = timedelta(0)
    codes: list[int] = field(default_factory=list)  # of the runs
    said: str = ""  # by the last run
    megabytes: Counter[str] = field(default_factory=Counter)  # most held by the monitor and by its crawler

    def declare(self) -> None:
        """Write the declarations and the settings."""
        hosts = [outlet.site.host for outlet in self.outlets]
        crawl = Crawl(self.home, hosts)
        crawl.declare(*(outlet.declaration() for outlet in self.outlets))
        settings = f"sources = {json.dumps(str(crawl.sources))}\n[crawl]\nallow_hosts = {json.dumps(hosts)}\n"
        (self.home / "sejuk.toml").write_text(settings, encoding="utf-8")

    def live(
        self,
        runs: int,
        kills: Sequence[Kill],
        afterwards: Sequence[float],
        told: Callable[[str], None],
        command: str = "once",
    ) -> None:
        """Live through the day in so many runs, some of them killed, and through the hours after it.

        Args: command: of the runs; those that are to die processing, and the last, do all.
        """
        deadly = {kill.run: kill for kill in kills}
        self.run(command, told)
        for number in range(runs):
            self.wait(24 / runs)
            kill = deadly.get(number)
            self.run("once" if kill and kill.what == "processing" else command, told, kill)
            if kill and kill.what == "monitor":  # its crawler goes on alone; what it writes may not be taken for whole
                self.run("process", told)
                self._outlast()
        for place, hours in enumerate(afterwards, 1):
            self.wait(hours)
            self.run("once" if place == len(afterwards) else command, told)

    def wait(self, hours: float) -> None:
        """Let time pass; of its last quarter of an hour the next run sees the end only while it reads."""
        self.later += timedelta(hours=hours)
        until = self.start + self.later
        self.clock.set(max(self.clock.now, until - timedelta(minutes=15)), until)

    def run(self, command: str, told: Callable[[str], None], kill: Kill | None = None) -> None:
        """Run to the end, or to the kill."""
        begun, ended, crawler = time.monotonic(), 0.0, 0
        failed = {outlet.id: set(outlet.failed) for outlet in self.outlets}
        with tempfile.TemporaryFile("w+") as said:  # a pipe would have to be emptied
            process = self._start(command, said)
            self.clock.on_answer = lambda count: _strike(process.pid, kill, count)
            while process.poll() is None:
                self._weigh("monitor", process.pid)
                if child := _child(process.pid):
                    crawler = child
                    self._weigh("crawler", child)
                elif crawler and kill and kill.what == "processing":
                    ended = ended or time.monotonic()
                    if time.monotonic() - ended >= kill.seconds:
                        process.kill()
                time.sleep(0.01)
            self.clock.on_answer = lambda count: None
            said.seek(0)
            self.said = said.read()
        self.codes.append(process.returncode)
        if kill and kill.what in ("crawler", "machine"):  # a crawl that is killed reports nothing
            for outlet in self.outlets:
                outlet.failed = failed[outlet.id]
        hours = self.later / timedelta(hours=1)
        told(f"hour {hours:4.1f} {command:7} exit {process.returncode:2} {time.monotonic() - begun:4.1f} s"
             f" {self.clock.answers:3} answers{f', kill: {kill.what}' if kill else ''}")  # fmt: skip

    def _start(self, command: str, said: IO[str]) -> subprocess.Popen[str]:
        ahead = (self.start + self.later - datetime.now(UTC)).total_seconds()
        line = [sys.executable, "-m", "tests.later", "run_monitor", "--home", str(self.home), "--region", str(REGION)]
        line += ["--config", str(self.home / "sejuk.toml"), command]
        environment = {**os.environ, VARIABLE: str(max(0.0, ahead) + 1), "PYTHONWARNINGS": "default"}
        return subprocess.Popen(
            line, cwd=PROJECT, env=environment, stdout=said, stderr=said, text=True, start_new_session=True
        )

    def _outlast(self) -> None:
        """Wait until a crawler that lost its monitor has ended."""
        with open(self.home / "crawl.sqlite.lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)

    def _weigh(self, what: str, pid: int) -> None:
        with suppress(OSError):
            if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8")):
                self.megabytes[what] = max(self.megabytes[what], int(found[1]) // 1024)

    # -- what it left ---------------------------------------------------------------------------

    def lost(self) -> list[str]:
        """Return what of the outlets' items the database has not exactly once, whole, in the latest version."""
        with Store(self.home / "sejuk.sqlite", read_only=True) as store:
            rows = store.rows("SELECT source_id, url, title, text FROM documents")
        stored = Counter((row["source_id"], _told(row["text"])) for row in rows)
        wanted = Counter(
            (outlet.id, (f"{item.outlet}-{item.number}", item.version(self.clock.until)))
            for outlet in self.outlets
            for item in outlet.items
        )
        missing = [f"missing {' '.join(map(str, each))}" for each in (wanted - stored)]
        return sorted(missing + [f"too much {' '.join(map(str, each))}" for each in (stored - wanted)])

    def doubled(self) -> list[str]:
        """Return each version of an item that stands in the spool more than once."""
        paths = sorted((self.home / "spool").glob("*/*.jsonl.gz"))
        texts = Counter((each.url, each.title, each.text) for path in paths for each in read_spool(path))
        return sorted(f"{url} {title!r} {count} times" for (url, title, _), count in texts.items() if count > 1)

    def reasons(self) -> Counter[str]:
        """Return how often each reason was counted, over all sources and runs whose crawl came to its end."""
        with Store(self.home / "sejuk.sqlite", read_only=True) as store:
            rows = store.rows("SELECT rejected FROM fetches")
        return sum((Counter(json.loads(row["rejected"])) for row in rows), Counter())

    def unexplained(self) -> set[str]:
        """Return the kinds of faults that spoilt articles and left no counted reason."""
        counted = set(self.reasons())
        return {kind for outlet in self.outlets for kind in outlet.failed if not counted & FAULTS[kind]}

    def errors(self) -> Counter[str]:
        """Return what was said of whole sources, without addresses."""
        with Store(self.home / "sejuk.sqlite", read_only=True) as store:
            rows = store.rows("SELECT errors FROM fetches")
        said = (
            re.sub(r"https?://\S+|\d{4}-\d\d-\d\dT\S+", "…", each) for row in rows for each in json.loads(row["errors"])
        )
        return Counter(said)


@contextmanager
def soaked(
    home: Path, seed: int, kinds: Sequence[str], a_day: int = 40, faults: int = 4, window: float = 8
) -> Iterator[Soak]:
    """Plan a day, serve it, and hand out the monitor that reads it. Args: window: hours a feed shows an item."""
    start = datetime.now(UTC)
    clock = Clock(start, start)
    outlets = planned(seed, kinds, a_day, faults, timedelta(hours=window), start, clock)
    home.mkdir(parents=True, exist_ok=True)
    with publishing(outlets):
        soak = Soak(home, outlets, clock, start)
        soak.declare()
        yield soak


def chosen_kills(seed: int, runs: int, outlets: int) -> list[Kill]:
    """Choose runs and moments, one for each thing that may die."""
    dice = Random(seed)
    places = sorted(dice.sample(range(runs), len(KILLS)))
    order = dice.sample(KILLS, len(KILLS))
    return [
        Kill(run, what, dice.randint(3, 2 * outlets), dice.uniform(0.0, 0.5))
        for run, what in zip(places, order, strict=True)
    ]


def _strike(monitor: int, kill: Kill | None, count: int) -> None:
    """Kill in the middle of a crawl."""
    if kill and count == kill.answers:
        with suppress(ProcessLookupError):
            if kill.what == "machine":
                os.killpg(monitor, signal.SIGKILL)
            elif kill.what == "monitor":
                os.kill(monitor, signal.SIGKILL)
            elif kill.what == "crawler" and (child := _child(monitor)):
                os.kill(child, signal.SIGKILL)


def _child(pid: int) -> int:
    """Return the crawler that a monitor has started, 0 where there is none."""
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            if b"crawlers" in Path(f"/proc/{each}/cmdline").read_bytes():
                return int(each)
    return 0


def _told(text: str) -> Any:
    """Return which item in which version a text is, or the text where it is not whole."""
    found = _MARK.match(text)
    return (f"{found[1]}-{found[2]}", int(found[3])) if found else (text[:60], -1)
