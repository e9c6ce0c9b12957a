"""A country on paper: 514 kabupaten, 10 million documents a day, from costs measured in the same run.

    python -m benchmarks.scale [--documents 10000] [--pages 600] [--hosts 5000] …

Measured with the real parts, in CPU seconds: pages by the crawler against nginx (alone, through a frontier in Redis,
and with extraction replaced by a constant), sources without news, the chain on generated documents, grouping an hour's
more against a tenth and the whole of them, the start of a run without work, sizes. Simulated from that: a day with its
peak, in steps of five minutes, each stage with a queue. What follows from an assumption is printed with it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import redis

from analysis.classifier import Classifier
from analysis.records import Voice
from analysis.story_match import WINDOW
from benchmarks.crawling import WITHOUT_EXTRACTION, cpu_of, crawled, nginx, unchanged, write_listings, write_site
from benchmarks.pipeline import NOW, documents, spool, stages
from crawlers.sources import FRONTIER_VARIABLE
from crawlers.spool import SpoolWriter
from pipelines.config import PROJECT, load_settings
from pipelines.process import take_in
from pipelines.retention import purge
from pipelines.store import Store
from tests import services

DAY = 86_400
STEP = 300  # seconds of the simulation
VILLAGES = 84_000  # desa and kelurahan of the country, about
LATE = {"crawl": 15 * 60, "chain": 60 * 60}  # seconds that the worst document may wait for a stage's machines
MORE = 1000  # documents of an hour, grouped against those held
HELD = int(WINDOW.total_seconds() // 3600)  # hours for which a text is held to be compared
CHAIN = ("clean and group", "locate", "classify")


@dataclass(frozen=True)
class Costs:
    """What was measured; seconds are of one core."""

    page: float  # fetched, extracted, masked, spooled
    fetch: float  # the same without extraction
    shared: float  # the same as `page`, through a frontier
    redis: float  # Redis's own, a page
    redis_bytes: float  # a page, that stay
    visit: float  # of an unchanged source
    crawler_mb: float
    stages: dict[str, float]  # a document; grouping against `documents` held
    growth: float  # exponent by which grouping's cost a document grows with the documents held
    tables: float  # an hourly run of a region
    start: float  # of `process` and `tables` without work
    held_bytes: float  # memory a document held
    spool_bytes: float  # a document
    store_bytes: float  # a document with its story, place and score
    kept_bytes: float  # what of it stays when its text has gone


# -- measuring ------------------------------------------------------------------------------------


def measure(pages: int, count: int) -> Costs:
    """Measure every cost once."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, root = Path(scratch), Path(scratch) / "site"
        write_site(root, pages)
        folder.chmod(0o755)
        with nginx(folder, root) as host, services.redis(folder) as address:
            write_listings(root, host, pages)
            source = {"id": "situs", "kind": "sitemap", "address": f"http://{host}/peta.xml", "max_items": pages}
            idle, _ = cpu_of(crawled(folder / "idle", host, [source | {"max_items": 1}], "satu"))
            page, megabytes = cpu_of(crawled(folder / "whole", host, [source], "satu"))
            fetch, _ = cpu_of(crawled(folder / "off", host, [source], "satu", WITHOUT_EXTRACTION))
            visit = unchanged(folder, host)
            with redis.Redis.from_url(address) as client:
                before = client.info("cpu")
                os.environ[FRONTIER_VARIABLE] = address
                shared, _ = cpu_of([*crawled(folder / "frontier", host, [source], "satu"), "--frontier", "uji"])
                del os.environ[FRONTIER_VARIABLE]
                used = sum(client.info("cpu")[key] - before[key] for key in ("used_cpu_user", "used_cpu_sys"))
                held = client.memory_usage("sejuk:uji:urls:situs", samples=0)
    _, small, early, less = _chain(count // 10)
    many, large, late, more = _chain(count)
    return Costs(
        page=(page - idle) / pages,
        fetch=(fetch - idle) / pages,
        shared=(shared - idle) / pages,
        redis=used / pages,
        redis_bytes=held / pages,
        visit=visit,
        crawler_mb=megabytes,
        stages={stage: many[stage] / count for stage in CHAIN} | {CHAIN[0]: late},
        growth=max(0.0, math.log10(late / early)),
        tables=many["tables again"],
        start=_start(),
        held_bytes=max(0.0, more - less) / (count * 0.9),
        spool_bytes=large[0] / count,
        store_bytes=(large[1] - small[1]) / (count * 0.9),
        kept_bytes=(large[2] - small[2]) / (count * 0.9),
    )


def _chain(count: int) -> tuple[dict[str, float], tuple[int, ...], float, float]:
    """Run the chain; return CPU seconds a stage, bytes of spool, store, store without texts, and of `take_more`."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(environment={}), home=Path(folder))
        spool(settings, count, HELD)
        seconds = {}
        with Store(settings.database) as store:
            for stage, action in stages(settings, store, Classifier.load(settings.model)).items():
                started = time.process_time()
                action()
                seconds[stage] = time.process_time() - started
        sizes = (sum(path.stat().st_size for path in settings.spool.rglob("*.gz")), settings.database.stat().st_size)
        without_texts = Path(folder) / "later.sqlite"
        with closing(sqlite3.connect(settings.database)) as full, closing(sqlite3.connect(without_texts)) as copy:
            full.backup(copy)
        command = [sys.executable, "-c", f"from benchmarks.scale import take_more; take_more({folder!r})"]
        told = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
        with Store(without_texts) as later:
            purge(settings, later, NOW + timedelta(days=2 * settings.retention.raw_days))
            later.db.vacuum()
        return seconds, (*sizes, without_texts.stat().st_size), *json.loads(told)


def take_more(home: str) -> None:
    """Take in an hour's documents in a process of its own; print CPU seconds a document, and most memory in bytes."""
    settings = replace(load_settings(environment={}), home=Path(home))
    with SpoolWriter(settings.spool / "bench" / "2026-03-31-more.jsonl.gz") as writer:
        for document in documents(MORE, settings, seed=2, hours=1):
            writer.write(replace(document, url=f"{document.url}/more"))
    with Store(settings.database) as store:
        started = time.process_time()
        take_in(settings, store, {"bench": Voice.PRESS}, "more", NOW)
        seconds = time.process_time() - started
    print(json.dumps([seconds / MORE, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


def _start() -> float:
    """Return what `process` and `tables` cost where there is nothing to do."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "run_monitor.py", "--home", home]
        return sum(cpu_of([*command, each])[0] for each in ("process", "tables"))


# -- the day --------------------------------------------------------------------------------------


def profile(peak: float) -> list[float]:
    """Return each step's share of the day's documents; the busiest is `peak` times the mean, at the start."""
    turns = [math.cos(2 * math.pi * step * STEP / DAY) for step in range(DAY // STEP)]
    low, high = 0.0, 20.0
    for _ in range(50):
        sharpness = (low + high) / 2
        weights = [math.exp(sharpness * turn) for turn in turns]
        low, high = (sharpness, high) if max(weights) * len(weights) / sum(weights) < peak else (low, sharpness)
    return [weight / sum(weights) for weight in weights]


def worst_wait(arriving: list[float], rate: float) -> float:
    """Return the longest wait in seconds in two equal days at a rate a second; infinite where it falls behind."""
    if sum(arriving) > rate * DAY:
        return math.inf
    waiting = longest = 0.0
    for count in arriving * 2:
        waiting = max(0.0, waiting + count - rate * STEP)
        longest = max(longest, waiting / rate)
    return longest


def cores(arriving: list[float], cost: float, late: float, use: float) -> int:
    """Return the fewest cores that keep the worst wait, each used to a part."""
    count = 1
    while worst_wait(arriving, count * use / cost) > late:
        count += 1
    return count


def read_of_hosts(documents: float, hosts: int, delay: float, even: bool) -> float:
    """Return the part of a day's documents that politeness lets be read: even hosts, or the n-th with 1/n as many."""
    weights = [1.0 if even else 1 / number for number in range(1, hosts + 1)]
    return sum(min(documents * weight / sum(weights), DAY / delay) for weight in weights) / documents


def plan(costs: Costs, options: argparse.Namespace) -> None:
    """Print what the day takes."""
    day, regions = options.day, options.regions
    share = profile(options.peak)
    arriving = [day * each for each in share]
    held = day / regions * HELD / 24
    grouping = costs.stages[CHAIN[0]] * max(1.0, held / options.documents) ** costs.growth
    runs = regions * options.runs
    constant = {
        "sources with nothing new": runs * options.sources * costs.visit,
        "start of a region's run": runs * costs.start,
        "tables of a region": runs * costs.tables * VILLAGES / regions / 148,
    }
    stage = {
        "fetch a page": costs.fetch,
        "extract its text": costs.page - costs.fetch,
        "share it over a frontier": max(0.0, costs.shared - costs.page) + costs.redis,
        "clean and group": grouping,
        "locate": costs.stages["locate"],
        "classify": costs.stages["classify"],
    }
    total = sum(stage.values()) * day + sum(constant.values())
    print(f"\n{'stage':36}{'ms each':>9}{'core-hours a day':>18}{'part':>7}")
    for name, cost in stage.items():
        print(f"{name:36}{cost * 1000:9.2f}{cost * day / 3600:18.1f}{cost * day / total:7.0%}")
    for name, seconds in constant.items():
        print(f"{name:36}{'':9}{seconds / 3600:18.1f}{seconds / total:7.0%}")
    print(f"{'together':36}{'':9}{total / 3600:18.1f}")
    crawl = sum(list(stage.values())[:3])
    chain = sum(list(stage.values())[3:])
    need = {
        "crawl": cores(arriving, crawl, LATE["crawl"], options.use) + constant["sources with nothing new"] / DAY,
        "chain": cores(arriving, chain, LATE["chain"], options.use)
        + (constant["start of a region's run"] + constant["tables of a region"]) / DAY,
    }
    per_second = day * max(share) / STEP
    memory = per_second * options.delay / 8 * costs.crawler_mb / 1024
    print(f"\npeak hour: {per_second:.0f} documents a second, {options.peak:g} times the mean")
    for name, count in need.items():
        machines = max(math.ceil(count / options.cores), math.ceil(memory / options.memory) if name == "crawl" else 1)
        print(f"{name}: {count:.1f} cores, machines of {options.cores} cores: {machines}, and one to spare")
    print(f"crawler processes at the peak: {per_second * options.delay / 8:.0f} (8 hosts each), {memory:.1f} GB")
    print(
        f"hosts that give {day:,} pages at {options.delay:g} s: {math.ceil(per_second * options.delay):,} at the peak"
    )
    for hosts in (options.hosts // 5, options.hosts, options.hosts * 5):
        parts = [read_of_hosts(day, hosts, options.delay, even) for even in (True, False)]
        print(
            f"  {hosts:6,} hosts read: {parts[0]:.0%} where all give as much, {parts[1]:.0%} where the n-th gives 1/n"
        )
    cost = costs.stages[CHAIN[0]] * (HELD / 24 / options.documents) ** costs.growth
    by_time = (options.use * DAY / options.peak / cost) ** (1 / (1 + costs.growth))
    by_memory = options.memory * 2**30 / max(1.0, costs.held_bytes) / HELD * 24
    print(f"a region's documents a day, grouped by one process: {day / regions:,.0f} in the mean; at most")
    print(f"  {by_time:,.0f} by time, {by_memory:,.0f} by memory ({options.memory} GB)")
    print(f"memory for what a mean region holds ({HELD / 24:g} days): {held * costs.held_bytes / 2**20:,.0f} MB")
    daily = {name: getattr(costs, f"{name}_bytes") * day / 2**30 for name in ("spool", "store", "kept", "redis")}
    print(
        f"storage, 30 days: spool {daily['spool'] * 30:,.0f} GB, store {daily['store'] * 30:,.0f} GB; for good, a day:"
    )
    print(f"  {daily['kept']:.1f} GB of the store, and {daily['redis']:.1f} GB of Redis's memory")


def main() -> None:
    """Measure, and print what follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=600, help="of the measured crawl, at least 400")
    parser.add_argument("--documents", type=int, default=10_000, help="of the measured chain")
    parser.add_argument("--day", type=int, default=10_000_000, help="documents a day")
    parser.add_argument("--regions", type=int, default=514)
    parser.add_argument("--sources", type=int, default=20, help="of a region")
    parser.add_argument("--runs", type=int, default=24, help="of a region in a day")
    parser.add_argument("--hosts", type=int, default=5_000, help="of the country")
    parser.add_argument("--delay", type=float, default=2.0, help="seconds between two requests to a host")
    parser.add_argument("--peak", type=float, default=2.5, help="the busiest hour against the mean")
    parser.add_argument("--use", type=float, default=0.7, help="part of a core that is planned")
    parser.add_argument("--cores", type=int, default=4, help="of a machine")
    parser.add_argument("--memory", type=int, default=16, help="GB of a machine")
    options = parser.parse_args()
    costs = measure(max(options.pages, 400), options.documents)
    for name, value in vars(costs).items():
        print(f"{name:14} {value}")
    plan(costs, options)


if __name__ == "__main__":
    main()
