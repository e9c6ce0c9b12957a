"""The page under load: a year of 148 desa, 50 readers at once; answer times, memory, weight of the first view.

    python -m benchmarks.page [--readers 50] [--seconds 20] [--think 1.0] [--home FOLDER]

Readers are signed in and read as people do: a page, then a moment of thought. `--think 0` has every reader ask again
at once, which measures throughput. The server is `run_monitor.py serve`'s application in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from analysis.gazetteer import Gazetteer
from benchmarks import year
from pipelines import users, visits
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store
from pipelines.users import Role

MIX = {"map": 5, "day": 3, "swap": 4, "desa": 4, "kecamatan": 1, "kabupaten": 1, "series": 4, "sources": 1, "data": 1}
SERVE = """
import sys; from datetime import UTC, datetime; from pathlib import Path; import uvicorn
from dashboard.app import create_app; from pipelines.config import load_settings
settings = load_settings(environment={}, home=Path(sys.argv[1]))
app = create_app(settings, lambda: datetime(2026, 3, 31, 5, 30, tzinfo=UTC))
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""


def main() -> None:
    """Fill a year, serve it, read it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--think", type=float, default=1.0)
    parser.add_argument("--home", type=Path, help="a home that benchmarks.year has filled")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(environment={}), home=(asked.home or Path(folder)).absolute())
        if not asked.home:
            year.fill(settings)
        secrets = [_reader(settings, number) for number in range(asked.readers)]
        with _served(settings) as (port, process):
            base = f"http://127.0.0.1:{port}"
            print(f"first view {first_view(base, secrets[0]) / 1000:.0f} kB gzipped; memory idle {_memory(process)} MB")
            paths = _paths(settings)
            _draw_all(base, secrets[0], paths)
            print("between two builds: what was drawn is kept")
            report(_load(base, secrets, paths, asked.seconds, asked.think), asked.seconds)
            _change(settings)
            print("right after a build: everything is drawn anew")
            report(_load(base, secrets, paths, asked.seconds, asked.think), asked.seconds)
            print(f"memory after {_memory(process)} MB")


def first_view(base: str, secret: str) -> int:
    """Return the bytes of the map and everything it loads, each gzipped."""
    with httpx.Client(base_url=base, cookies={"sejuk": secret}) as client:
        page = client.get("/")
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        return sum(len(gzip.compress(body)) for body in (page.content, *(client.get(f).content for f in files)))


def report(answers: list[tuple[str, float]], seconds: float) -> None:
    """Print median and 99th percentile, of all and of each kind."""
    print(f"{len(answers)} answers, {len(answers) / seconds:.0f} a second")
    kinds = Counter(kind for kind, _ in answers)
    for kind in ("all", *kinds):
        took = sorted(1000 * spent for name, spent in answers if kind in ("all", name))
        late = took[int(len(took) * 0.99)]
        print(f"{kind:10} {len(took):6} median {statistics.median(took):6.1f} ms   p99 {late:6.1f} ms")


def _reader(settings: Settings, number: int) -> str:
    now = year.NOW + timedelta(minutes=10)
    with Store(settings.database) as store:
        name = f"pembaca-{number}"
        with contextlib.suppress(users.UserRefused):
            users.add(store, name, [Role.PEMBACA], "empat-kata-acak-sekali", "bench", now)
        return users.sign_in(store, name, "empat-kata-acak-sekali", name, now)


@contextlib.contextmanager
def _served(settings: Settings) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(settings.home), str(port)], cwd=PROJECT)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def _memory(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) // 1024


def _paths(settings: Settings) -> dict[str, list[str]]:
    gazetteer = Gazetteer.load(settings.region)
    days = [(year.NOW.date() - timedelta(days=back)).isoformat() for back in range(14)]
    voices = ("semua", "pers", "resmi", "warga")
    desa, kecamatan = sorted(gazetteer.desa), sorted(gazetteer.kecamatan)
    return {
        "map": ["/"],
        "day": [f"/?day={day}" for day in days],
        "swap": [f"/?day={day}&suara={voice}" for day in days for voice in voices],
        "desa": [f"/desa/{code}" for code in desa],
        "kecamatan": [f"/kecamatan/{code}" for code in kecamatan],
        "kabupaten": ["/kabupaten"],
        "series": [f"/desa/{code}/tren.json" for code in desa],
        "sources": ["/sumber"],
        "data": ["/data"],
    }


def _change(settings: Settings) -> None:
    """Enter a visit, which changes every view."""
    desa = min(Gazetteer.load(settings.region).desa)
    with Store(settings.database) as store:
        visits.save_visits(store, [visits.Visit(desa, year.NOW.date(), "sambang")], "bench", datetime.now(UTC))


def _draw_all(base: str, secret: str, paths: dict[str, list[str]]) -> None:
    with httpx.Client(base_url=base, cookies={"sejuk": secret}, timeout=30) as client:
        for each in paths.values():
            for path in each:
                client.get(path)


def _load(
    base: str, secrets: list[str], paths: dict[str, list[str]], seconds: float, think: float
) -> list[tuple[str, float]]:
    return asyncio.run(_all_readers(base, secrets, paths, seconds, think))


async def _all_readers(
    base: str, secrets: list[str], paths: dict[str, list[str]], seconds: float, think: float
) -> list[tuple[str, float]]:
    """Have every reader read; they are made before the clock starts, for making them takes the loop a second."""
    answers: list[tuple[str, float]] = []
    async with contextlib.AsyncExitStack() as open_ones:
        clients = [httpx.AsyncClient(base_url=base, cookies={"sejuk": secret}, timeout=30) for secret in secrets]
        for client in clients:
            await open_ones.enter_async_context(client)
        end = time.perf_counter() + seconds
        await asyncio.gather(*(_read(c, paths, end, think, answers, seed) for seed, c in enumerate(clients)))
    return answers


async def _read(
    client: httpx.AsyncClient,
    paths: dict[str, list[str]],
    end: float,
    think: float,
    answers: list[tuple[str, float]],
    seed: int,
) -> None:
    rng = random.Random(seed)
    await asyncio.sleep(rng.random() * think)
    while time.perf_counter() < end:
        kind = rng.choices(list(MIX), list(MIX.values()))[0]
        headers = {"HX-Request": "true"} if kind == "swap" else {}
        start = time.perf_counter()
        answer = await client.get(rng.choice(paths[kind]), headers=headers)
        answers.append((kind, time.perf_counter() - start))
        assert answer.status_code == 200, answer.status_code
        await asyncio.sleep(rng.uniform(0.5, 1.5) * think)


if __name__ == "__main__":
    main()
