"""X through its documented interface: paid posts are never more than allowed, and its terms have to be confirmed."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crawlers.privacy import address_of_link, post_address
from pipelines import audit, grants
from pipelines.config import PROJECT, load_settings
from pipelines.store import Store, utc_now
from run_monitor import cli
from tests.crawling import Crawl
from tests.servers.speaking import Answer
from tests.servers.x import X, problem

TOKEN = "token-yang-rahasia"


@pytest.fixture
def server() -> Iterator[X]:
    with X(TOKEN) as server:
        yield server


def crawl_of(server: X, folder: Path, *sources: dict[str, Any]) -> Crawl:
    crawl = Crawl(folder, [server.host], {"SEJUK_SECRET_X_TOKEN": TOKEN})
    base = {"id": "x", "kind": "x", "address": f"{server.url}/2", "voice": "public", "queries": ["pesawaran"]}
    crawl.declare(*(base | {"enabled": False} | source for source in sources or ({},)))
    return crawl


def run(crawl: Crawl, run_id: str, *more: str) -> dict[str, Any]:
    return crawl.run(run_id, "--enabled", "x", *more)["x"]


def addresses(names: list[str]) -> Counter[str]:
    return Counter(post_address("x", name, b"rahasia") for name in names)


def filled(server: X, count: int) -> list[str]:
    return [server.publish(f"Musyawarah nomor {number} di balai desa") for number in range(count)]


def spent(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "state.sqlite")) as state:
        return int(state.execute("SELECT sum(amount) FROM spent").fetchone()[0])


def test_every_post_is_taken_and_paid_once(server: X, tmp_path: Path) -> None:
    names = filled(server, 230)
    crawl = crawl_of(server, tmp_path)
    assert run(crawl, "satu")["items"] == 230
    assert run(crawl, "dua")["items"] == 0
    names += filled(server, 4)
    assert run(crawl, "tiga")["items"] == 4
    assert crawl.addresses() == addresses(names)
    assert server.charged == spent(tmp_path) == 234
    assert all(query["query"] == "pesawaran -is:retweet" for _, query, _ in server.asked)


def test_a_month_never_costs_more_than_its_limit(server: X, tmp_path: Path) -> None:
    names = filled(server, 300)
    crawl = crawl_of(server, tmp_path, {"limits": {"posts": 130}})
    found = run(crawl, "satu")
    assert (found["items"], found["rejected"], found["errors"]) == (130, {"posts_spent": 1}, [])
    assert (server.charged, run(crawl, "dua")["requests"]) == (130, 0)
    crawl_of(server, tmp_path, {"limits": {"posts": 400}})
    run(crawl, "tiga")
    assert crawl.addresses() == addresses(names)  # it went on at the page where it stood
    assert server.charged == 300


def test_kills_at_any_moment_lose_and_double_nothing_and_pay_no_more_than_was_written_down(
    server: X, tmp_path: Path
) -> None:
    names = filled(server, 420)
    crawl = crawl_of(server, tmp_path)
    for attempt in range(3):
        process = crawl.start(f"mati-{attempt}", "--enabled", "x")
        before, deadline = len(crawl.documents()), time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None and len(crawl.documents()) < before + 30:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert server.charged <= spent(tmp_path)
    run(crawl, "akhir")
    assert crawl.addresses() == addresses(names)
    assert server.charged <= spent(tmp_path) <= 1000


def test_no_author_is_kept(server: X, tmp_path: Path) -> None:
    server.publish("Warga @budi_santoso setuju bermusyawarah", author="7788990011")
    crawl = crawl_of(server, tmp_path)
    run(crawl, "satu")
    (document,) = crawl.documents()
    assert re.fullmatch(r"\d{4}W\d\d:[0-9a-f]{24}", document.author_hash or "")
    told = document.to_json() + (tmp_path / "state.sqlite").read_bytes().decode("latin-1")
    assert not re.search("7788990011|budi", told)


def test_an_old_floor_is_not_sent_and_an_edit_replaces(server: X, tmp_path: Path) -> None:
    first = server.publish("Ada keributan di pasar")
    crawl = crawl_of(server, tmp_path)
    run(crawl, "satu")
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as state, state:
        state.execute("UPDATE reached SET value = replace(value, ?, '1500000000000000000')", (first,))
    server.publish("Ralat: pasar ramai karena diskon", edit_history_tweet_ids=[first, "2"])
    long = server.publish("terpotong…", note_tweet={"text": "Panjang sekali tulisan ini"})
    found = run(crawl, "dua")
    assert (found["items"], found["errors"]) == (2, [])
    assert crawl.addresses() == Counter({**addresses([first, first]), **addresses([long])})
    assert {document.text for document in crawl.documents()} >= {
        "Ralat: pasar ramai karena diskon",
        "Panjang sekali tulisan ini",
    }


REFUSALS: tuple[tuple[Answer, str, bool], ...] = (
    (problem(400, "invalid-request", "Invalid Request"), "bad_request", True),
    ((401, {}, {"title": "Unauthorized", "type": "about:blank", "status": 401}), "key_refused", True),
    (problem(402, "credits", "CreditsDepleted"), "credits_spent", True),
    (problem(403, "client-forbidden", "Client Forbidden"), "forbidden", True),
    (problem(403, "unsupported-authentication", "Unsupported Authentication"), "key_refused", True),
    (problem(403, "not-authorized-for-resource", "Authorization Error"), "forbidden", True),
    (problem(404, "resource-not-found", "Not Found"), "not_found", True),
    (problem(429, "usage-capped", "UsageCapExceeded"), "usage_capped", True),
    ((429, {"x-rate-limit-reset": "1"}, {"title": "Too Many Requests"}), "rate_limited", True),
    ((500, {}, ""), "platform_error", True),
    (problem(503, "service-unavailable", "Service Unavailable"), "platform_error", True),
    ((200, {}, {"data": []}), "bad_answer", True),
    ((200, {}, {"meta": {"result_count": 0}, "errors": [{"type": "…"}]}), "partly_refused", False),
)


def test_each_refusal_is_counted_and_nothing_is_lost(server: X, tmp_path: Path) -> None:
    names = filled(server, 2)
    ids = [f"x-{number}" for number in range(len(REFUSALS))]
    crawl = crawl_of(server, tmp_path, *({"id": name, "limits": {"posts": 5000}} for name in ids))
    server.refuses = [answer for answer, _, _ in REFUSALS]
    found = crawl.run("satu", "--enabled", ",".join(ids))
    for name, (answer, reason, fails) in zip(ids, REFUSALS, strict=True):
        assert (found[name]["rejected"], bool(found[name]["errors"])) == ({reason: 1}, fails), answer
    assert TOKEN not in json.dumps(found)
    crawl.forget_pauses()
    crawl.run("dua", "--enabled", ",".join(ids))
    for name in ids:
        assert crawl.addresses(name) == addresses(names), name


def test_the_last_request_of_a_window_is_heeded(server: X, tmp_path: Path) -> None:
    filled(server, 150)
    server.remaining = 0
    crawl = crawl_of(server, tmp_path)
    found = run(crawl, "satu")
    assert (found["items"], found["rejected"]) == (100, {"rate_limit_reached": 1})
    assert "left alone until" in run(crawl, "dua")["errors"][0]


def test_its_terms_have_to_be_confirmed_and_the_log_says_which(tmp_path: Path) -> None:
    config = tmp_path / "sejuk.toml"
    config.write_text('region = "pesawaran"\n', encoding="utf-8")
    line = ["--config", str(config), "--home", str(tmp_path), "sources", "enable", "x-pesawaran"]
    line += ["--basis", "izin tertulis X", "--purpose", "mendengar desa", "--by", "Sari"]
    refused = CliRunner().invoke(cli, line, input="n\n")
    assert (refused.exit_code, "afiliasi politik" in refused.output.replace("\n", " ")) == (1, True)
    settings = replace(load_settings(environment={}, home=tmp_path), region=PROJECT / "data/regions/pesawaran")
    with Store(settings.database) as store:
        assert not audit.latest(store)
        with pytest.raises(grants.GrantRefused, match="confirm"):
            grants.enable(settings, store, "x-pesawaran", "b", "p", "Sari", utc_now())
    assert CliRunner().invoke(cli, line, input="y\n").exit_code == 0
    with Store(settings.database) as store:
        detail = json.loads(audit.latest(store)[0]["detail"])
        assert "afiliasi politik" in detail["terms_confirmed"]
        assert [source.id for source in grants.in_force(settings, store) if source.kind == "x" and source.enabled] == [
            "x-pesawaran"
        ]


def test_a_post_is_found_by_the_link_that_a_person_gives() -> None:
    link = "https://x.com/siapa/status/1790000000000000000?s=20"
    assert address_of_link(link, b"k") == post_address("x", "1790000000000000000", b"k")
