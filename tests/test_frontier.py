"""Crawlers that share one frontier: each host is read by one of them at a time, and whatever dies, nothing is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis as redis_client

from analysis.errors import ConfigError, MonitorError
from crawlers.errors import StateError
from crawlers.frontier import Frontier
from crawlers.state import State
from pipelines.collect import collect, declared_sources
from pipelines.config import load_settings
from pipelines.scrapyd import hand_out
from pipelines.store import Store
from tests import services
from tests.crawling import Crawl
from tests.fault_server import Answer, Site, article, feed, paged

services.need("redis-server")

PAGES = 6  # of a site
AUTHOR = "<author>Budi Santoso</author>"


class Portal(Site):
    """A site of pages, slow until all crawlers are at work, that counts how many are asked for at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self._now = 0
        self.wait = 0.3  # seconds a page takes
        self._lock = threading.Lock()
        self.paths = [f"/2025/05/berita-{number}" for number in range(PAGES)]
        self.routes |= dict.fromkeys(self.paths, self._page)
        self.routes["/feed"] = feed(self, self.paths, AUTHOR)

    def _page(self, path: str) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.wait)
        with self._lock:
            self._now -= 1
        return article(int(path.rpartition("-")[2]))


@pytest.fixture
def portals() -> Iterator[list[Portal]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Portal()) for _ in range(10)]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with services.redis(tmp_path) as address:
        yield address


def _crawl(folder: Path, portals: list[Portal], address: str) -> Crawl:
    crawl = Crawl(folder, [portal.host for portal in portals], {"SEJUK_SECRET_FRONTIER": address})
    feeds = enumerate(portal.url + "/feed" for portal in portals)
    crawl.declare(*({"id": f"portal-{n}", "kind": "feed", "address": each} for n, each in feeds))
    return crawl


def _all(portals: list[Portal]) -> Counter[str]:
    return Counter(portal.url + path for portal in portals for path in portal.paths)


def _of(crawl: Crawl, run_id: str) -> int:
    """Return how many sources a run has spooled documents of."""
    return len(list(crawl.folder.glob(f"spool/*/*-{run_id}.jsonl.gz")))


def _both_at_work(crawl: Crawl, portals: list[Portal]) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
    """Start two crawlers; return them when each has read something and much is left."""
    first, second = (crawl.start(run_id, "--frontier", "uji") for run_id in ("satu", "dua"))
    until = time.monotonic() + 60
    while not (_of(crawl, "satu") > 1 and _of(crawl, "dua")):
        assert time.monotonic() < until
        time.sleep(0.01)
    for portal in portals:
        portal.wait = 0.03
    assert sum(crawl.addresses().values()) < 10 * PAGES / 2
    return first, second


def _everything(address: str) -> str:
    """Return all that stands in the Redis."""
    with redis_client.Redis.from_url(address, decode_responses=True) as client:
        found = [(key, client.type(key)) for key in client.scan_iter()]
        queued = [client.zrange(key, 0, -1) for key, kind in found if kind == "zset"]
        return str([found, queued, [client.hgetall(key) for key, kind in found if kind == "hash"]])


def test_a_killed_crawler_is_taken_over_and_each_item_is_stored_once(
    portals: list[Portal], address: str, tmp_path: Path
) -> None:
    crawl = _crawl(tmp_path, portals, address)
    first, second = _both_at_work(crawl, portals)
    first.kill()
    first.communicate()
    left = _everything(address)
    assert "uji:queue:portal-" in left
    assert "Budi" not in left  # not even while a page waits
    _, said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert crawl.addresses() == _all(portals)
    assert [portal.most for portal in portals] == [1] * 10
    assert ":queue:" not in _everything(address)
    again = crawl.run("tiga", "--frontier", "uji")
    assert sum(entry["items"] for entry in again.values()) == 0
    assert sum(portal.asked("/robots.txt") for portal in portals) >= 20  # each crawler asks for itself


def test_a_crawler_that_slept_too_long_leaves_the_host_to_the_other(
    portals: list[Portal], address: str, tmp_path: Path
) -> None:
    crawl = _crawl(tmp_path, portals, address)
    first, second = _both_at_work(crawl, portals)
    first.send_signal(signal.SIGSTOP)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert "no longer leaves the host" in said
    assert set(crawl.addresses()) == set(_all(portals))
    assert sum(crawl.addresses().values()) <= 10 * PAGES + 8  # the page in hand of each host that it held


def test_a_redis_that_dies_ends_the_crawl_and_loses_nothing(portals: list[Portal], tmp_path: Path) -> None:
    portals = portals[:2]
    with services.redis(tmp_path) as address:
        crawl = _crawl(tmp_path, portals, address)
        process = crawl.start("satu", "--frontier", "uji")
        while not _of(crawl, "satu"):
            time.sleep(0.01)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 1), said
    assert "Connection refused" in said  # told for each source, or once for all that were still to begin
    with services.redis(tmp_path) as address:  # with nothing in it: what was spooled is known again
        crawl = _crawl(tmp_path, portals, address)
        crawl.run("dua", "--frontier", "uji")
    assert crawl.addresses() == _all(portals)


def test_only_web_sources_are_shared(portals: list[Portal], address: str, tmp_path: Path) -> None:
    (tmp_path / "laporan.csv").write_text("id,text\n1,Warga rukun dan damai di balai desa\n", encoding="utf-8")
    crawl = _crawl(tmp_path, portals[:1], address)
    feed_source = {"id": "portal-0", "kind": "feed", "address": portals[0].url + "/feed", "max_items": 2}
    crawl.declare(feed_source, {"id": "laporan", "kind": "files", "address": "laporan.csv"})
    done = crawl.run("satu", "--frontier", "uji")
    assert [done[name]["items"] for name in ("portal-0", "laporan")] == [2, 1]
    with closing(State(tmp_path / "state.sqlite")) as alone, closing(Frontier(address, "uji")) as shared:
        assert (alone.visited("laporan"), shared.visited("laporan")) == (True, False)
        assert (alone.visited("portal-0"), shared.visited("portal-0")) == (False, True)


# -- Scrapyd --------------------------------------------------------------------------------------


def test_visits_are_handed_to_scrapyd_and_come_back(
    portals: list[Portal], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = portals[:2]
    crawl = _crawl(tmp_path, few, address)
    node = {
        "SEJUK_SECRET_FRONTIER": address,
        "SEJUK_HOME": str(tmp_path),
        "SEJUK_REGION": "contoh",
        "SEJUK_SOURCES": str(crawl.sources),
        "SEJUK_CRAWL_ALLOW_HOSTS": ",".join(crawl.hosts),
    }
    for portal in few:
        portal.wait = 0
    monkeypatch.setenv("SEJUK_SECRET_FRONTIER", address)
    dead = f"http://127.0.0.1:{services.free_port()}"
    with services.scrapyd(tmp_path / "scrapyd", node) as alive, Store(tmp_path / "sejuk.sqlite") as store:
        settings = load_settings(environment=node | {"SEJUK_CRAWL_SCRAPYD": f"{dead},{alive}"})
        sources = declared_sources(settings)
        counts = collect(settings, store, sources, "satu")
        assert (counts["handed"], counts["failed"]) == (2, 0)
        until = time.monotonic() + 120
        while sum(len(json.loads(path.read_text())["sources"]) for path in tmp_path.glob("crawl-satu-*.json")) < 2:
            assert time.monotonic() < until, _logs(tmp_path)
            time.sleep(0.1)
        assert crawl.addresses() == _all(few)
        counts = collect(settings, store, sources, "dua")
        assert (counts["sources"], counts["failed"], counts["items"]) == (2, 0, 2 * PAGES)
        taken = store.rows("SELECT source_id, items FROM fetches ORDER BY source_id")
        assert taken == [{"source_id": f"portal-{n}", "items": PAGES} for n in range(2)]
        assert "event=item" in _logs(tmp_path)
        with pytest.raises(MonitorError, match=r"no Scrapyd takes the visit to tiada .*spider 'tiada' not found"):
            hand_out([alive], [replace(sources[0], id="tiada")], "tiga")
    with pytest.raises(MonitorError, match="no Scrapyd takes"):
        hand_out([dead], sources, "empat")
    monkeypatch.delenv("SEJUK_SECRET_FRONTIER")
    with pytest.raises(ConfigError, match="need a frontier"):
        hand_out([dead], sources, "lima")


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("scrapyd/logs/sejuk/*/*.log"))


def test_a_list_that_went_on_is_caught_up_with(address: str, tmp_path: Path) -> None:
    with Site() as site:
        paged(site, 5)
        crawl = Crawl(tmp_path, [site.host], {"SEJUK_SECRET_FRONTIER": address})
        source = {"id": "daftar", "kind": "listing", "address": f"{site.url}/indeks", "link": "h2 a", "next": "a.n"}
        crawl.declare(source, {"id": "umpan", "kind": "feed", "address": f"{site.url}/feed"})
        site.routes["/feed"] = feed(site, ["/berita/0"])
        assert crawl.run("satu", "--frontier", "uji")["daftar"]["items"] == 6
        paged(site, 20, broken=6)
        site.routes["/feed"] = feed(site, ["/berita/9"])
        again = crawl.run("dua", "--frontier", "uji")
        assert (again["daftar"]["items"], again["umpan"]["rejected"]) == (10, {"gap": 1})
        paged(site, 20)
        assert crawl.run("tiga", "--frontier", "uji")["daftar"]["items"] == 5
        assert crawl.addresses("daftar") == Counter(f"{site.url}/berita/{number}" for number in range(21))


# -- the two states say the same --------------------------------------------------------------------

NOW = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)


def _said(state: State) -> list[object]:
    """Take a state through what visits do with it; return all that it says."""
    said: list[object] = []

    def look(hours: float = 0) -> None:
        at = NOW + timedelta(hours=hours)
        for url in ("a", "b", "c", "d", "e"):
            wanted = [
                state.wants("s", url, version, at, backfill) for version in (None, "1") for backfill in (False, True)
            ]
            said.append((url, wanted, state.awaits_retry("s", url), state.same("s", url, "h"), state.knows("s", url)))
        said.append((sorted(state.due("s", at)), state.settled("s"), state.visited("s"), state.cursor("s")))
        said.append((state.paused_until("s"), state.validators("s", "feed"), state.positions("s", "gap")))

    look()
    state.want("s", [("a", "1"), ("b", None), ("c", None), ("d", None)], NOW)
    state.skip("s", ["a", "e"])
    look()
    state.mark_seen("s", "a", "1", "h")
    state.mark("s", "b", "gone", None)
    for hours in (0, 2, 5):
        state.mark_failed("s", "c", NOW + timedelta(hours=hours))
        look(hours + 1.5)
    for hours in range(6):
        state.mark_failed("s", "d", NOW + timedelta(hours=hours))
    look(1000)
    state.want("s", [("c", "2")], NOW)
    state.settle("s", "satu.jsonl.gz", [("a", "h"), ("b", "h")])
    state.settle("s", "dua.jsonl.gz", ())
    state.save_validators("s", "feed", '"x"', None)
    state.keep_position("s", "gap", "3", NOW)
    state.finish("s", NOW, "2026")
    state.finish("s", NOW, None)
    state.pause("s", NOW)
    look(1000)
    return said


def test_a_frontier_says_what_the_state_of_one_machine_says(address: str, tmp_path: Path) -> None:
    with closing(State(tmp_path / "state.sqlite")) as alone, closing(Frontier(address, "uji")) as shared:
        assert _said(shared) == _said(alone)
    with closing(Frontier(address, "lain")) as other:
        assert not other.knows("s", "a")  # a region's addresses are its own
    with pytest.raises(StateError, match="cannot be reached"):
        Frontier(f"redis://127.0.0.1:{services.free_port()}", "uji")


PLATFORMS_ALONE = {"known_addresses", "withdraw", "spend", "refund", "spent"}


def test_nothing_that_web_sources_ask_of_a_state_is_missing() -> None:
    """What a state gains has to be gained by the frontier, too."""
    asked = {name for name, each in vars(State).items() if "_db" in getattr(each, "__code__", _none).co_names}
    assert asked - vars(Frontier).keys() == PLATFORMS_ALONE


_none = (lambda: None).__code__
