"""Bluesky on a real network of its own, and its stream and search against servers that break as documented."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analysis.records import Voice
from analysis.text import document_id
from crawlers.privacy import address_of_link, post_address
from crawlers.words import region_words
from pipelines.config import PROJECT, load_settings
from pipelines.process import process
from pipelines.store import Store, utc_now
from tests.crawling import Crawl
from tests.servers.bluesky import Bluesky, error
from tests.servers.jetstream import Jetstream
from tests.servers.speaking import Answer

SCRIPT = PROJECT / "tests" / "servers" / "bluesky.sh"
LOGIN = "satu.test:sandi-aplikasi-rahasia"


def crawl_of(folder: Path, host: str, address: str, *sources: dict[str, Any], login: str = "") -> Crawl:
    crawl = Crawl(folder, [host], {"SEJUK_SECRET_BLUESKY_LOGIN": login})
    base = {"id": "sky", "kind": "bluesky", "address": address, "voice": "public", "queries": ["Karangsejuk"]}
    crawl.declare(*(base | {"enabled": False} | source for source in sources or ({},)))
    return crawl


def run(crawl: Crawl, run_id: str, *more: str) -> dict[str, Any]:
    return crawl.run(run_id, "--enabled", "sky", *more)["sky"]


def address(author: str, key: str) -> str:
    return post_address("bluesky", f"at://{author}/app.bsky.feed.post/{key}", b"rahasia")


def kept(folder: Path) -> bytes:
    """Return every byte that a crawl left."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "sources.toml"]
    return b"".join(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in files)


# -- the real network -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """Addresses of the network, and how its users speak."""

    pds: str
    appview: str
    jetstream: str

    def call(self, method: str, body: Any = None, token: str = "", base: str = "", **query: str) -> Any:
        url = f"{base or self.pds}/xrpc/{method}?{urllib.parse.urlencode(query)}"
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
            return json.loads(answer.read() or b"{}")

    def join(self, name: str) -> dict[str, Any]:
        account = {"handle": f"{name}.test", "email": f"{name}@example.test", "password": f"rahasia-{name}"}
        return dict(self.call("com.atproto.server.createAccount", account))

    def post(self, user: dict[str, Any], text: str) -> str:
        record = {
            "$type": "app.bsky.feed.post",
            "text": text,
            "createdAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        told = {"repo": user["did"], "collection": "app.bsky.feed.post", "record": record}
        return str(self.call("com.atproto.repo.createRecord", told, user["accessJwt"])["uri"]).rpartition("/")[2]

    def delete(self, user: dict[str, Any], key: str) -> None:
        told = {"repo": user["did"], "collection": "app.bsky.feed.post", "rkey": key}
        self.call("com.atproto.repo.deleteRecord", told, user["accessJwt"])

    def searched(self, query: str, count: int) -> None:
        """Wait until the AppView finds so many posts."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            told = self.call("app.bsky.feed.searchPosts", base=self.appview, q=query, limit="100")
            if len(told["posts"]) >= count:
                return
            time.sleep(0.3)
        raise AssertionError("the AppView does not index")


def _missing() -> str:
    programs = [each for each in ("node", "redis-server") if not shutil.which(each)]
    if programs:
        return f"{', '.join(programs)} not installed"
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return "the package postgresql is not installed"
    folder = os.environ.get("BLUESKY_NPM", "")
    there = folder and (Path(folder) / "node_modules" / "@atproto" / "dev-env").is_dir()
    return "" if there else "BLUESKY_NPM names no folder with the npm package @atproto/dev-env"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if reason := _missing():
        if os.environ.get("REQUIRE_SYSTEM") == "1":
            pytest.fail(f"REQUIRE_SYSTEM=1, but {reason}", pytrace=False)
        pytest.skip(f"Bluesky: {reason}")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())  # short, for PostgreSQL's socket
    try:
        done = subprocess.run(
            [str(SCRIPT), "up", str(folder), str(_free_ports()), os.environ["BLUESKY_NPM"]],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield Network(**json.loads((folder / "addresses.json").read_text(encoding="utf-8")))
    finally:
        subprocess.run([str(SCRIPT), "down", str(folder)], check=False, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports() -> int:
    """Return a port that is free with the five after it."""
    for port in range(21000, 32000, 7):
        try:
            for each in range(port, port + 6):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
    raise AssertionError("no ports")


def test_a_real_network_is_read_sifted_and_its_deletions_are_kept(network: Network, tmp_path: Path) -> None:
    satu, dua = network.join("satu"), network.join("dua")
    own = [
        network.post(satu, "Warga Karangsejuk dan @dua.test berembuk di balai desa"),
        network.post(dua, "#KarangSejuk rukun kembali"),
        network.post(satu, "Ronda malam di karangsejuk, hubungi 0812-3456-7890"),
    ]
    network.post(dua, "Harga cabai naik di pasar kota")
    host = urllib.parse.urlsplit(network.jetstream).netloc
    crawl = crawl_of(tmp_path, host, f"ws://{host}")
    assert run(crawl, "satu")["items"] == 3
    expected = [address(user["did"], key) for user, key in zip((satu, dua, satu), own, strict=True)]
    assert crawl.addresses() == Counter(expected)
    texts = {document.text for document in crawl.documents()}
    assert "Warga Karangsejuk dan [akun] berembuk di balai desa" in texts
    assert "Ronda malam di karangsejuk, hubungi [telepon]" in texts
    assert len({document.author_hash for document in crawl.documents()}) == 2
    assert not [word for word in (satu["did"].encode(), b"satu.test", b"dua.test") if word in kept(tmp_path)]

    settings = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    voices = {"sky": Voice.PUBLIC}
    with Store(settings.database) as store:
        process(settings, store, voices, "satu", utc_now())
        gone = address(satu["did"], own[0])
        assert store.documents_known([document_id(gone)])
        network.delete(satu, own[0])
        found = run(crawl, "dua")
        assert (found["items"], found["rejected"], found["errors"]) == (0, {"withdrawn": 1}, [])
        counts = process(settings, store, voices, "dua", utc_now())
        assert counts["withdrawn"] == 1
        assert not store.documents_known([document_id(gone)])
        assert len(store.rows("SELECT * FROM stories")) == 2
        assert gone not in crawl.addresses()
        assert "berembuk" not in kept(tmp_path / "spool").decode()
    assert run(crawl, "tiga")["items"] == 0


def test_a_real_search_is_paged_and_signed_in(network: Network, tmp_path: Path) -> None:
    user = network.join("tiga")
    keys = [network.post(user, f"Musyawarah Bukitrangkul nomor {number}") for number in range(112)]
    network.searched("Bukitrangkul", 100)
    host = urllib.parse.urlsplit(network.pds).netloc
    crawl = crawl_of(tmp_path, host, network.pds, {"queries": ["Bukitrangkul"]}, login="tiga.test:rahasia-tiga")
    found = run(crawl, "satu")
    assert found["errors"] == []
    assert crawl.addresses() == Counter(address(user["did"], key) for key in keys)
    assert run(crawl, "dua")["items"] == 0
    assert b"rahasia-tiga" not in kept(tmp_path)
    wrong = crawl_of(tmp_path, host, network.pds, login="tiga.test:salah")
    assert run(wrong, "tiga")["rejected"]["login_refused"] == 1


# -- a stream that breaks -------------------------------------------------------------------------


@pytest.fixture
def stream() -> Iterator[Jetstream]:
    with Jetstream() as server:
        yield server


def spoken(stream: Jetstream, count: int, every: int = 3) -> list[str]:
    """Tell so many posts, each third about the region; returns the addresses of those."""
    names = []
    for number in range(count):
        is_own = number % every == 0
        key = stream.tell(f"Musyawarah {number} di {'Karangsejuk' if is_own else 'Negeri Jauh'}")
        names += [address("did:plc:satu", key)] * is_own
    return names


def test_kills_at_any_moment_lose_and_double_nothing(stream: Jetstream, tmp_path: Path) -> None:
    expected = spoken(stream, 2400)
    crawl = crawl_of(tmp_path, stream.host, stream.url, {"max_items": 5000})
    for attempt in range(4):
        process = crawl.start(f"mati-{attempt}", "--enabled", "sky")
        before, deadline = len(crawl.documents()), time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if len(crawl.documents()) >= before + 70:
                break
            time.sleep(0.005)
        process.kill()
        process.communicate()
    expected += spoken(stream, 9)
    assert run(crawl, "akhir")["errors"] == []
    assert crawl.addresses() == Counter(expected)
    assert len(set(stream.cursors)) > 2  # each went on where the one before had come to


def test_a_stream_that_breaks_goes_on_where_it_stood(stream: Jetstream, tmp_path: Path) -> None:
    expected = spoken(stream, 1300)
    crawl = crawl_of(tmp_path, stream.host, stream.url)
    stream.breaks_after = 700
    found = run(crawl, "satu")
    assert (found["rejected"], "closed the stream" in found["errors"][0]) == ({"stream_broken": 1}, True)
    stream.garbage = "bukan JSON"
    assert "something else than JSON" in run(crawl, "dua")["errors"][0]
    stream.garbage = json.dumps({"time_us": 1, "kind": "commit", "commit": {"collection": "app.bsky.feed.post"}})
    assert run(crawl, "tiga")["rejected"] == {"bad_answer": 1}
    stream.breaks_after = 0
    assert run(crawl, "empat")["errors"] == []
    assert crawl.addresses() == Counter(expected)


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (503, "platform_error"), (400, "stream_broken")])
def test_a_refused_handshake_is_counted(stream: Jetstream, tmp_path: Path, status: int, reason: str) -> None:
    stream.refuses = status
    crawl = crawl_of(tmp_path, stream.host, stream.url)
    found = run(crawl, "satu")
    assert (found["rejected"], len(found["errors"])) == ({reason: 1}, 1)
    again = run(crawl, "dua")
    assert ("left alone until" in again["errors"][0]) == (status != 400)


def test_deleted_posts_do_not_come_back_and_bounds_hold(stream: Jetstream, tmp_path: Path) -> None:
    names = spoken(stream, 12, every=1)
    stream.tell("", operation="delete", rkey=stream.events[4]["commit"]["rkey"])
    crawl = crawl_of(tmp_path, stream.host, stream.url, {"max_items": 5})
    taken = [run(crawl, f"r{number}") for number in range(4)]
    assert [each["items"] for each in taken] == [5, 5, 2, 0]
    assert taken[0]["rejected"] == {"not_caught_up": 1}
    withdrawn = [document.url for document in crawl.documents() if document.withdrawn]
    assert withdrawn == [names[4]]
    assert crawl.addresses() == Counter([*names, names[4]])


def test_a_private_address_is_not_streamed_from(stream: Jetstream, tmp_path: Path) -> None:
    spoken(stream, 1)
    crawl = crawl_of(tmp_path, "127.0.0.1:1", stream.url)
    assert "private or loopback" in run(crawl, "satu")["errors"][0]
    assert not stream.cursors


# -- a search that says no ------------------------------------------------------------------------

REFUSALS: tuple[tuple[Answer, str, bool], ...] = (
    (error(400, "InvalidRequest"), "bad_request", True),
    (error(400, "BadQueryString"), "bad_query", True),
    (error(400, "ExpiredToken"), "login_refused", True),
    (error(401, "AuthenticationRequired"), "login_refused", True),
    (error(401, "AuthMissing"), "login_refused", True),
    (error(401, "AccountTakedown"), "login_refused", True),
    ((403, {}, "<html>Request forbidden by administrative rules.</html>"), "forbidden", True),
    (error(404, "XRPCNotSupported"), "not_supported", True),
    ((404, {}, "<html>"), "not_found", True),
    (error(429, "RateLimitExceeded", {"RateLimit-Reset": "1"}), "rate_limited", True),
    (error(500, "InternalServerError"), "platform_error", True),
    (error(501, "MethodNotImplemented"), "not_supported", True),
    (error(502, "UpstreamFailure"), "platform_error", True),
    (error(503, "NotEnoughResources"), "platform_error", True),
    (error(504, "UpstreamTimeout"), "platform_error", True),
    ((200, {}, {"post": []}), "bad_answer", True),
)


def test_each_refusal_of_a_search_is_counted_and_nothing_is_lost(tmp_path: Path) -> None:
    with Bluesky() as server:
        expected = [post_address("bluesky", server.view(number, "Karangsejuk rukun"), b"rahasia") for number in (1, 2)]
        ids = [f"sky-{number}" for number in range(len(REFUSALS))]
        crawl = crawl_of(tmp_path, server.host, server.url, *({"id": name} for name in ids))
        server.refuses = [answer for answer, _, _ in REFUSALS]
        found = crawl.run("satu", "--enabled", ",".join(ids))
        for name, (answer, reason, fails) in zip(ids, REFUSALS, strict=True):
            assert (found[name]["rejected"], bool(found[name]["errors"])) == ({reason: 1}, fails), answer
        crawl.forget_pauses()
        crawl.run("dua", "--enabled", ",".join(ids))
        for name in ids:
            assert crawl.addresses(name) == Counter(expected), name


def test_who_wants_only_signed_in_readers_is_left_and_the_login_is_never_told(tmp_path: Path) -> None:
    with Bluesky(LOGIN) as server:
        server.view(1, "Karangsejuk untuk umum")
        server.view(2, "Karangsejuk tidak untuk umum", ("!no-unauthenticated",))
        crawl = crawl_of(tmp_path, server.host, server.url, login=LOGIN)
        process = crawl.start("satu", "--enabled", "sky")
        _, said = process.communicate(timeout=60)
        assert [document.text for document in crawl.documents()] == ["Karangsejuk untuk umum"]
        assert not [
            word for word in ("sandi-aplikasi", "jwt-rahasia") if word.encode() in kept(tmp_path) + said.encode()
        ]
        without = crawl_of(tmp_path, server.host, server.url)
        assert run(without, "dua")["rejected"] == {"forbidden": 1}


# -- names ----------------------------------------------------------------------------------------


def test_only_names_that_mean_the_region_let_a_post_in() -> None:
    words = region_words(PROJECT / "data" / "regions" / "pesawaran", ["PSU"])
    taken = ["Pesawaran hari ini", "#gedongtataan", "di Way Khilau", "Pulau Pahawang indah", "hasil PSU kemarin"]
    let_pass = [
        "Sukajaya",
        "es kedondong segar",
        "kejadian tadi malam",
        "partai hanura",
        "kursi pesawat",
        "Kampung Baru",
    ]
    assert [text for text in taken if not words.found_in(text)] == []
    assert [text for text in let_pass if words.found_in(text)] == []
    assert not region_words(Path("/nonexistent")).found_in("Pesawaran")


def test_a_post_is_found_by_the_link_that_a_person_gives() -> None:
    name = "at://did:plc:abc/app.bsky.feed.post/3kxyz"
    for link in (name, "https://bsky.app/profile/did:plc:abc/post/3kxyz"):
        assert address_of_link(link, b"k") == post_address("bluesky", name, b"k")
