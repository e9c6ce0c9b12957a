"""YouTube through its documented interface: no comment lost or doubled, no unit spent that is not there."""

from __future__ import annotations

import gzip
import json
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crawlers.privacy import address_of_link, post_address
from crawlers.state import State
from pipelines import retention
from pipelines.config import PROJECT, load_settings
from pipelines.process import process
from pipelines.store import Store
from tests.crawling import Crawl
from tests.servers.speaking import Answer
from tests.servers.youtube import Youtube, error
from tests.test_process import CLASH, NOW, VOICES, every_source_read, raw, spooled

KEY = "kunci-yang-rahasia"
CHANNEL = "UCkabar"


@pytest.fixture
def server() -> Iterator[Youtube]:
    with Youtube(KEY) as server:
        yield server


def crawl_of(server: Youtube, folder: Path, *sources: dict[str, Any], key: str = KEY) -> Crawl:
    crawl = Crawl(folder, [server.host], {"SEJUK_SECRET_YOUTUBE_KEY": key})
    base = {"id": "yt", "kind": "youtube", "address": server.url, "voice": "public", "enabled": False}
    crawl.declare(*(base | source for source in sources or ({"channels": [CHANNEL]},)))
    return crawl


def run(crawl: Crawl, run_id: str, *more: str) -> dict[str, Any]:
    return crawl.run(run_id, "--enabled", "yt", *more)["yt"]


def address(ident: str) -> str:
    return post_address("youtube", ident, b"rahasia")


def talk(server: Youtube, threads: int, below: str = CHANNEL, replies: int = 0) -> list[str]:
    names = []
    for number in range(threads):
        first = server.comment(below, f"Warga nomor {number} berharap desa tetap rukun")
        names += [first, *(server.comment(first, f"Setuju {number} {each}") for each in range(replies))]
    return [address(name) for name in names]


def test_threads_and_all_their_replies_are_taken_once(server: Youtube, tmp_path: Path) -> None:
    expected = talk(server, 130)
    long = server.comment(CHANNEL, "Rapat desa malam ini jam delapan")
    expected += [address(long), *(address(server.comment(long, f"Saya hadir nomor {each}")) for each in range(207))]
    crawl = crawl_of(server, tmp_path)
    assert run(crawl, "satu")["items"] == 338
    spent = server.charged["units"]
    assert spent == 2 + 3
    assert run(crawl, "dua")["items"] == 0
    assert server.charged["units"] == spent + 2  # pages within two days of the newest, and no replies again
    late = server.comment(long, "Saya juga hadir")
    assert run(crawl, "tiga")["items"] == 1
    assert crawl.addresses() == Counter([*expected, address(late)])


def test_searches_find_videos_that_are_read_for_two_weeks(server: Youtube, tmp_path: Path) -> None:
    server.found["rukun desa"] = ["vid1", "vid2"]
    expected = talk(server, 3, "vid1")
    server.threads["vid2"] = []
    crawl = crawl_of(server, tmp_path, {"queries": ["rukun desa"]})
    assert run(crawl, "satu")["items"] == 3
    expected += talk(server, 2, "vid2")
    assert run(crawl, "dua")["items"] == 2
    assert server.charged["searches"] == 1  # not again within six hours
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as state, state:
        old = (datetime.now(UTC) - timedelta(days=15)).isoformat()
        kept = dict(state.execute("SELECT name, value FROM reached WHERE name LIKE 'video %'"))
        for name, value in kept.items():
            aged = json.dumps(json.loads(value) | {"since": old})
            state.execute("UPDATE reached SET value = ? WHERE name = ?", (aged, name))
    run(crawl, "tiga")
    asked = len(server.asked)
    run(crawl, "empat")
    assert len(server.asked) == asked
    assert crawl.addresses() == Counter(expected)


def test_a_day_never_costs_more_than_its_quota(server: Youtube, tmp_path: Path) -> None:
    expected = talk(server, 450)
    crawl = crawl_of(server, tmp_path, {"channels": [CHANNEL], "limits": {"units": 3}})
    found = run(crawl, "satu")
    assert (found["items"], found["rejected"], found["errors"]) == (300, {"quota_spent": 1}, [])
    assert run(crawl, "dua")["rejected"] == {"quota_spent": 1}
    assert server.charged["units"] == 3
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as state, state:
        state.execute("UPDATE spent SET period = '2026-01-01'")  # another day
    run(crawl, "tiga")
    assert (server.charged["units"], crawl.addresses()) == (5, Counter(expected))  # it went on at the fourth page


def test_what_is_spent_is_on_the_disk_before_it_is_used(server: Youtube, tmp_path: Path) -> None:
    talk(server, 300, replies=1)
    crawl = crawl_of(server, tmp_path, {"channels": [CHANNEL], "max_items": 9000})
    for attempt in range(4):
        process = crawl.start(f"mati-{attempt}", "--enabled", "yt")
        before, deadline = len(server.asked), time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None and len(server.asked) < before + 2:
            time.sleep(0.002)
        process.kill()
        process.communicate()
        with closing(sqlite3.connect(tmp_path / "state.sqlite")) as state:
            written = state.execute("SELECT sum(amount) FROM spent").fetchone()[0]
        assert written >= server.charged["units"]
    crawl.forget_pauses()
    run(crawl, "akhir")
    assert set(crawl.addresses().values()) == {1}
    assert len(crawl.addresses()) == 600


def test_a_ledger_refuses_what_is_not_there(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    dice = random.Random(3)
    granted = sum(cost for cost in (dice.randint(1, 9) for _ in range(200)) if state.spend("k", "units", "d", cost, 99))
    assert 90 < granted == state.spent("k", "units", "d") <= 99
    assert state.spend("k", "units", "next day", 99, 99)
    state.close()


def test_neither_key_nor_author_is_kept_or_told(server: Youtube, tmp_path: Path) -> None:
    server.comment(CHANNEL, "Kata @budi-santoso-99 jangan ribut", "UCsusilo")
    server.comment(CHANNEL, "Betul sekali itu", "UCsusilo")
    crawl = crawl_of(server, tmp_path)
    process = crawl.start("satu", "--enabled", "yt")
    _, said = process.communicate(timeout=60)
    assert {document.text for document in crawl.documents()} == {"Kata [akun] jangan ribut", "Betul sekali itu"}
    assert len({document.author_hash for document in crawl.documents()}) == 1
    kept = said.encode() + b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    assert not [word for word in (KEY.encode(), b"susilo", b"budi", b"Ug0000") if word in kept]


def test_a_missing_key_is_named_and_nothing_is_asked(server: Youtube, tmp_path: Path) -> None:
    found = run(crawl_of(server, tmp_path, key=""), "satu")
    assert "SEJUK_SECRET_YOUTUBE_KEY" in found["errors"][0]
    assert not server.asked


REFUSALS: tuple[tuple[Answer, str, bool], ...] = (
    (error(403, "quotaExceeded", "youtube.quota"), "quota_exceeded", True),
    (error(403, "dailyLimitExceeded", "usageLimits"), "quota_exceeded", True),
    (error(403, "rateLimitExceeded", "usageLimits"), "rate_limited", True),
    (error(403, "userRateLimitExceeded", "usageLimits"), "rate_limited", True),
    (error(400, "badRequest", "global", "API_KEY_INVALID"), "key_refused", True),
    (error(400, "keyInvalid", "usageLimits"), "key_refused", True),
    (error(403, "accessNotConfigured", "usageLimits"), "key_refused", True),
    (error(403, "ipRefererBlocked", "usageLimits"), "key_refused", True),
    (error(401, "authError", "global"), "key_refused", True),
    (error(403, "commentsDisabled", "youtube.commentThread"), "comments_disabled", False),
    (error(403, "forbidden", "youtube.commentThread"), "forbidden", True),
    (error(404, "channelNotFound", "youtube.commentThread"), "channel_not_found", True),
    (error(404, "videoNotFound", "youtube.commentThread"), "video_gone", False),
    (error(404, "commentThreadNotFound", "youtube.commentThread"), "comment_gone", False),
    (error(400, "processingFailure", "youtube.commentThread"), "processing_failure", True),
    (error(400, "operationNotSupported", "youtube.commentThread"), "bad_request", True),
    (error(400, "invalidPageToken", "youtube.parameter"), "page_expired", False),
    (error(400, "missingRequiredParameter", "youtube.parameter"), "bad_request", True),
    (error(500, "backendError", "global"), "platform_error", True),
    (error(503, "serviceUnavailable", "global"), "platform_error", True),
    ((404, {}, "<html>Not Found</html>"), "not_found", True),
    ((429, {"Retry-After": "30"}, ""), "rate_limited", True),
    ((200, {}, "<html>"), "no_json", True),
    ((200, {}, {"kind": "?"}), "bad_answer", True),
)


def test_each_refusal_is_counted_and_nothing_is_lost(server: Youtube, tmp_path: Path) -> None:
    expected = talk(server, 2)
    names = [f"yt-{number}" for number in range(len(REFUSALS))]
    crawl = crawl_of(server, tmp_path, *({"id": name, "channels": [CHANNEL]} for name in names))
    server.refuses = [answer for answer, _, _ in REFUSALS]
    found = crawl.run("satu", "--enabled", ",".join(names))
    for name, (answer, reason, fails) in zip(names, REFUSALS, strict=True):
        assert (found[name]["rejected"], bool(found[name]["errors"])) == ({reason: 1}, fails), answer
    assert KEY not in json.dumps(found)
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as state:
        until = dict(state.execute("SELECT source_id, paused_until FROM sources"))
        charged = state.execute("SELECT sum(amount) FROM spent").fetchone()[0]
    assert charged == len(REFUSALS)  # a refused request costs too, and is not made again in the visit
    pacific = datetime.fromisoformat(until["yt-0"]).astimezone(ZoneInfo("America/Los_Angeles"))
    assert (pacific + timedelta(seconds=30)).hour == 0
    crawl.forget_pauses()
    crawl.run("dua", "--enabled", ",".join(names))
    for name in names:
        assert crawl.addresses(name) == Counter(expected), name


def test_an_expired_page_begins_the_walk_anew(server: Youtube, tmp_path: Path) -> None:
    expected = talk(server, 250)
    crawl = crawl_of(server, tmp_path, {"channels": [CHANNEL], "limits": {"units": 1}})
    run(crawl, "satu")
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as state, state:
        state.execute("UPDATE reached SET value = replace(value, 't100', 'kedaluwarsa')")
        state.execute("UPDATE spent SET period = '2026-01-01'")
    crawl_of(server, tmp_path)
    assert run(crawl, "dua")["rejected"] == {"page_expired": 1}
    run(crawl, "tiga")
    assert crawl.addresses() == Counter(expected)


def test_what_youtube_gave_goes_within_thirty_days_whatever_the_setting(tmp_path: Path) -> None:
    base = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    settings = replace(base, retention=replace(base.retention, raw_days=365))
    with Store(settings.database) as store:
        spooled(settings, "r1", raw("kabar", 1, CLASH), raw("warga", 2, "Ronda malam ramai.", author_hash="h"))
        every_source_read(store, NOW)
        store.db.execute("UPDATE sources SET kind = 'youtube' WHERE source_id = 'warga'")
        process(settings, store, VOICES, "r1", NOW)
        for path in settings.spool.glob("*/*.gz"):
            os.utime(path, (NOW.timestamp(), NOW.timestamp()))
        assert retention.expire_platforms(settings, store, NOW + timedelta(days=28))["expired"] == 0
        retention.purge(settings, store, NOW + timedelta(days=29, hours=1))
        left = {row["source_id"]: row for row in store.rows("SELECT * FROM documents")}
        assert (left["warga"]["text"], left["warga"]["author_hash"]) == ("", None)
        assert left["kabar"]["text"] == CLASH
        assert len(store.rows("SELECT * FROM fingerprints")) == 1
    assert [path.parent.name for path in settings.spool.glob("*/*.gz")] == ["kabar"]


def test_a_comment_is_found_by_the_link_that_a_person_gives() -> None:
    link = "https://www.youtube.com/watch?v=abc&lc=UgxA-1.9"
    assert address_of_link(link, b"k") == post_address("youtube", "UgxA-1.9", b"k")
