"""Mastodon through its documented interface: every post once, whatever happens, and no word of who wrote it."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.privacy import address_of_link, post_address
from tests.crawling import Crawl
from tests.servers.mastodon import Mastodon

TOKEN = "token-yang-rahasia"


@pytest.fixture
def server() -> Iterator[Mastodon]:
    with Mastodon() as server:
        yield server


def crawl_of(server: Mastodon, folder: Path, tags: tuple[str, ...] = ("pesawaran",), **more: Any) -> Crawl:
    crawl = Crawl(folder, [server.host], {"SEJUK_SECRET_MASTODON_TOKEN": TOKEN})
    source = {"id": "mas", "kind": "mastodon", "address": server.url, "voice": "public", "queries": list(tags)}
    crawl.declare(source | {"enabled": False} | more)
    return crawl


def run(crawl: Crawl, run_id: str, *more: str) -> dict[str, Any]:
    return crawl.run(run_id, "--enabled", "mas", *more)["mas"]


def filled(server: Mastodon, count: int, tag: str = "pesawaran") -> list[str]:
    posts = [server.publish(tag, f"Musyawarah warga nomor {number} selesai damai") for number in range(count)]
    return [post_address("mastodon", post["url"], b"rahasia") for post in posts]


def test_every_post_is_taken_once_forward_and_back(server: Mastodon, tmp_path: Path) -> None:
    crawl = crawl_of(server, tmp_path, ("pesawaran", "gedongtataan"))
    first = filled(server, 95) + filled(server, 3, "gedongtataan")
    assert run(crawl, "satu")["items"] == 98
    assert run(crawl, "dua")["items"] == 0
    later = filled(server, 90)
    found = run(crawl, "tiga")
    assert (found["items"], found["errors"]) == (90, [])
    assert crawl.addresses() == Counter(first + later)
    assert {query.get("limit") for _, query, _ in server.asked} == {"40"}
    assert any("min_id" in query for _, query, _ in server.asked)


def test_nothing_names_the_author(server: Mastodon, tmp_path: Path) -> None:
    server.publish("pesawaran", "Kata @wulan-99@kampung.example dan <b>Budi</b> 0812-3456-7890 di balai desa", "budi")
    server.publish("pesawaran", "Kabar kedua", "budi", spoiler_text="Peringatan isi")
    server.publish("pesawaran", "Kabar ketiga", "wulan")
    crawl = crawl_of(server, tmp_path)
    run(crawl, "satu")
    documents = crawl.documents()
    texts = {document.text for document in documents}
    assert "Kata [akun] dan Budi [telepon] di balai desa #pesawaran" in texts
    assert "Peringatan isi\nKabar kedua #pesawaran" in texts
    assert len({document.author_hash for document in documents}) == 2
    assert all(document.published_from == "api" and document.title == "" for document in documents)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".gz")
    kept += b"".join(gzip.decompress(path.read_bytes()) for path in tmp_path.rglob("*.gz"))
    for word in (b"kampung.example", b"wulan", b"/@", TOKEN.encode()):
        assert word not in kept.replace(server.url.encode(), b"")


def test_what_was_not_meant_for_everybody_is_left(server: Mastodon, tmp_path: Path) -> None:
    for more in (
        {"visibility": "unlisted"},
        {"account": {"noindex": True}},
        {"account": {"bot": True}},
        {"reblog": {"id": "1"}},
    ):
        server.publish("pesawaran", "Tidak untuk umum", **more)  # type: ignore[arg-type]
    found = run(crawl_of(server, tmp_path), "satu")
    assert (found["items"], found["errors"]) == (0, [])
    assert found["rejected"] == {"bot": 1, "noindex": 1, "not_public": 1, "reblog": 1}


def test_an_edit_replaces_what_was_said(server: Mastodon, tmp_path: Path) -> None:
    post = server.publish("pesawaran", "Ada keributan di pasar")
    crawl = crawl_of(server, tmp_path)
    run(crawl, "satu")
    post["content"], post["edited_at"] = "<p>Ralat: pasar ramai karena diskon</p>", "2026-05-21T00:00:00.000Z"
    assert run(crawl, "dua", "--since", "2026-05-01")["items"] == 1
    assert crawl.documents()[-1].text == "Ralat: pasar ramai karena diskon"
    assert len(crawl.addresses()) == 1


def test_a_backfill_reads_back_to_its_day(server: Mastodon, tmp_path: Path) -> None:
    filled(server, 200)
    crawl = crawl_of(server, tmp_path, max_items=50)
    assert run(crawl, "satu")["items"] == 50
    assert run(crawl, "dua")["items"] == 0
    taken = [run(crawl, f"isi-{number}", "--since", "2026-05-01")["items"] for number in range(4)]
    assert (sum(taken), max(crawl.addresses().values())) == (150, 1)


REFUSALS: tuple[tuple[int, Any, str, bool], ...] = (
    (401, {"error": "The access token is invalid"}, "unauthorized", True),
    (403, {"error": "This action is outside the authorized scopes"}, "forbidden", True),
    (404, {"error": "Record not found"}, "no_such_tag", False),
    (404, "<html>apa?</html>", "not_found", True),
    (410, {"error": "Gone"}, "gone", True),
    (422, {"error": "This method requires an authenticated user"}, "unprocessable", True),
    (429, {"error": "Too many requests"}, "rate_limited", True),
    (500, {"error": "Internal error"}, "platform_error", True),
    (503, {"error": "There was a temporary problem"}, "platform_error", True),
    (418, {"error": "?"}, "refused", True),
    (200, "<html>", "no_json", True),
    (200, {"posts": []}, "bad_answer", True),
    (200, [{"id": "1"}], "bad_answer", True),
)


def test_each_refusal_is_counted_and_nothing_is_lost(server: Mastodon, tmp_path: Path) -> None:
    expected = filled(server, 3)
    names = [f"mas-{number}" for number in range(len(REFUSALS))]
    crawl = Crawl(tmp_path, [server.host], {"SEJUK_SECRET_MASTODON_TOKEN": TOKEN})
    source = {"kind": "mastodon", "address": server.url, "voice": "public", "queries": ["pesawaran"], "enabled": False}
    crawl.declare(*(source | {"id": name} for name in names))
    server.refuses = [(status, {}, body) for status, body, _, _ in REFUSALS]
    found = crawl.run("satu", "--enabled", ",".join(names))
    for name, (_, _, reason, fails) in zip(names, REFUSALS, strict=True):
        assert (found[name]["rejected"], bool(found[name]["errors"])) == ({reason: 1}, fails), name
    assert TOKEN not in json.dumps(found)
    crawl.forget_pauses()
    crawl.run("dua", "--enabled", ",".join(names))
    for name in names:
        assert crawl.addresses(name) == Counter(expected), name


def test_a_server_that_is_at_its_limit_is_left_alone(server: Mastodon, tmp_path: Path) -> None:
    expected = filled(server, 100)
    server.remaining = 0
    crawl = crawl_of(server, tmp_path)
    found = run(crawl, "satu")
    assert (found["items"], found["rejected"], found["errors"]) == (40, {"rate_limit_reached": 1}, [])
    assert "left alone until" in run(crawl, "dua")["errors"][0]
    assert len(server.asked) == 1
    server.remaining = 299
    crawl.forget_pauses()
    run(crawl, "tiga")
    assert crawl.addresses() == Counter(expected)


def test_a_token_is_sent_where_there_is_one(tmp_path: Path) -> None:
    with Mastodon(TOKEN) as server:
        filled(server, 1)
        assert run(crawl_of(server, tmp_path), "satu")["items"] == 1


def test_kills_at_any_moment_lose_and_double_nothing(server: Mastodon, tmp_path: Path) -> None:
    expected = filled(server, 160)
    crawl = crawl_of(server, tmp_path)
    for attempt in range(4):
        process = crawl.start(f"mati-{attempt}", "--enabled", "mas")
        spool, before = tmp_path / "spool", len(crawl.documents())
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if spool.exists() and len(crawl.documents()) >= before + 15:
                break
            time.sleep(0.005)
        process.kill()
        process.communicate()
    expected += filled(server, 45)
    run(crawl, "akhir")
    run(crawl, "lagi")
    assert crawl.addresses() == Counter(expected)


def test_a_platform_is_not_read_unless_it_was_switched_on(server: Mastodon, tmp_path: Path) -> None:
    filled(server, 1)
    crawl = crawl_of(server, tmp_path)
    assert crawl.run("satu") == {}
    assert "disabled" in crawl.run("dua", "--only", "mas")["mas"]["errors"][0]
    assert not server.asked


def test_a_post_is_found_by_the_link_that_a_person_gives() -> None:
    link = "https://kampung.example/@budi/110000000000001000"
    assert address_of_link(f" {link}?x=1", b"k") == post_address("mastodon", link, b"k")
    assert address_of_link("https://kabar.example/berita/1", b"k") == "https://kabar.example/berita/1"
    assert post_address("mastodon", link, b"k") != post_address("mastodon", link, b"lain")
