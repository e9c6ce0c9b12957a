"""Servers that mean harm or are broken: the visit ends, memory stays bounded, others do not suffer, each is counted.

All of them are read in one crawl, beside a sound source on a host of its own.
"""

from __future__ import annotations

import gzip
import json
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import pytest
from backports import zstd

from tests.crawling import PROJECT, Crawl
from tests.fault_server import Answer, Raw, Site, article, cut, drip, feed, paragraphs

MB = 1 << 20
SOUND = 30  # articles of the sound source
DICE = random.Random(20250524)
XML = "application/rss+xml"
LAUGHS = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "ha">{}]>'.format(
    "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
)


@dataclass(frozen=True)
class Outcome:
    """What the crawl of all hostile sources left."""

    summary: dict[str, dict[str, Any]]
    megabytes: float
    seconds: float
    crawl: Crawl
    site: Site


def _page(
    site: Site, name: str, answer: Answer | Raw | Callable[[str], Answer | Raw], count: int = 1
) -> dict[str, Any]:
    """Declare a feed of `count` teasers whose pages answer so."""
    paths = [f"/{name}/{number}" for number in range(count)]
    site.routes |= dict.fromkeys(paths, answer)
    site.routes[f"/{name}"] = feed(site, paths)
    return {"id": name, "kind": "feed", "address": f"{site.url}/{name}"}


def _listing(site: Site, name: str, kind: str, answer: Answer | Raw, **more: Any) -> dict[str, Any]:
    site.routes[f"/{name}"] = answer
    return {"id": name, "kind": kind, "address": f"{site.url}/{name}", **more}


def _bombs(site: Site) -> Iterator[dict[str, Any]]:
    huge = b"<p>" + b"0" * (250 * MB)
    packed = {
        "gzip": gzip.compress(huge, 1),
        "br": brotli.compress(huge, quality=1),
        "zstd": zstd.compress(huge, options={zstd.CompressionParameter.window_log: 27}),
    }
    packed["br, gzip"] = gzip.compress(packed["br"])
    for name, body in packed.items():
        yield _page(site, f"bom-{name.replace(', ', '-')}", Answer(body, headers={"Content-Encoding": name}))
    yield _listing(site, "bom-peta", "sitemap", Answer(packed["gzip"], type="application/gzip"))
    item = f"<item><title>&a9;</title><link>{site.url}/tawa/1</link></item>"
    site.routes["/tawa/1"] = article(1)
    yield _listing(
        site, "tawa", "feed", Answer(f"{LAUGHS}<rss version='2.0'><channel>{item}</channel></rss>".encode(), type=XML)
    )
    urls = f"<urlset><url><loc>{site.url}/tawa/&a9;</loc></url><url><loc>{site.url}/tawa/1</loc></url></urlset>"
    yield _listing(site, "tawa-peta", "sitemap", Answer(f"{LAUGHS}{urls}".encode(), type="text/xml"))


def _broken(site: Site) -> Iterator[dict[str, Any]]:
    whole = article(3)
    yield _page(site, "separuh", cut(whole, 900))
    yield _page(site, "tanpa-panjang", Raw(lambda c: c.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + whole.body[:900])))
    yield _page(site, "panjang-kurang", cut(whole, 9999, length="300"))
    for name, length in (
        ("panjang-minus", "-5"),
        ("panjang-kata", "banyak"),
        ("panjang-dua", "9\r\nContent-Length: 8"),
    ):
        yield _page(site, name, cut(whole, 9999, length=length))
    yield _page(site, "bukan-http", Raw(lambda connection: connection.sendall(b"\x00\x01 halo\r\n\r\n")))
    yield _page(site, "putus", lambda path: cut(whole, DICE.randrange(0, 700), reset=True), count=3)
    yield _page(site, "salah-kemas", Answer(whole.body, headers={"Content-Encoding": "gzip"}))
    yield _page(site, "kemas-asing", Answer(random.Random(1).randbytes(4000), headers={"Content-Encoding": "lzma9"}))
    yield _page(site, "pdf", Answer(b"%PDF-1.7\n" + random.Random(2).randbytes(4000), type="application/pdf"))
    for name, charset in (("aksara-tiada", "undefined"), ("aksara-puny", "punycode"), ("aksara-dusta", "utf-16")):
        body = article(4, "Désa rukun").body.decode().encode("windows-1252", "xmlcharrefreplace")
        yield _page(site, name, Answer(body, type=f"text/html; charset={charset}"))


def _endless(site: Site) -> Iterator[dict[str, Any]]:
    rows = "".join(f"<url><loc>{site.url}/{number}</loc></url>" for number in range(100_000))
    yield _listing(site, "seratus-ribu", "sitemap", Answer(f"<urlset>{rows}</urlset>".encode()), max_items=2)

    def index(path: str) -> Answer:
        names = [f"{path}x", f"{path}y", "/peta-putar"]
        inner = "".join(f"<sitemap><loc>{site.url}{name}</loc></sitemap>" for name in names)
        return Answer(f"<sitemapindex>{inner}</sitemapindex>".encode())

    for name in [f"/peta-putar{end}" for end in ("", "x", "y", "xx", "xy", "yx", "yy", "xxx", "xxy")]:
        site.routes[name] = index
    yield {"id": "peta-putar", "kind": "sitemap", "address": f"{site.url}/peta-putar"}

    def month(path: str) -> Answer:
        number = int(path.rpartition("=")[2]) if "=" in path else 0
        page = f"<html><body><a class=b href='/kalender/{number}'>Agenda {number}</a>"
        return Answer(f"{page}<a class=n href='/kalender?bulan={number + 1}'>Bulan berikut</a></body></html>".encode())

    site.routes["/kalender"] = month
    site.routes |= {f"/kalender/{number}": article(number) for number in range(60)}
    yield {"id": "kalender", "kind": "listing", "address": f"{site.url}/kalender", "link": "a.b", "next": "a.n"}
    for name, markup in (
        ("tautan", "<a href='/x'>tautan</a> "), ("baris", "warga<br>"), ("senarai", "<li>Warga"), ("dalam", "<div>"),
        ("komentar", "<!--x-->"),
    ):  # fmt: skip
        yield _page(site, f"padat-{name}", Answer(f"<html><body>{markup * (4 * MB // len(markup))}</html>".encode()))
    many = " ".join(f"a{number}=1" for number in range(400_000))
    yield _page(site, "padat-atribut", Answer(f"<html><body><p {many}>{paragraphs(1)}</html>".encode()))
    yield _listing(site, "padat-umpan", "feed", Answer(b"<rss><channel>" + b"<item>" * 700_000, type=XML))
    yield _listing(site, "padat-pembuka", "feed", Answer(b"<!--x-->" * 500_000, type=XML))


def _walls(site: Site) -> Iterator[dict[str, Any]]:
    yield _page(site, "kuki", lambda path: Answer(status=302, headers={"Location": path, "Set-Cookie": "a=b"}))
    site.routes["/persetujuan/consent"] = article(7)
    yield _page(site, "izin", Answer(status=302, headers={"Location": "/persetujuan/consent"}))
    words = (
        "Silakan aktifkan cookie dan JavaScript di peramban Anda untuk melanjutkan membaca berita di situs kami ini."
    )
    yield _page(site, "dinding", Answer(f"<html><title>Portal</title><body><p>{words}</p></body></html>".encode()))
    for number in range(9):
        site.routes[f"/rantai/{number}"] = Answer(status=301, headers={"Location": f"/rantai/{number + 1}"})
    site.routes["/rantai/9"] = article(9)
    yield _page(site, "ke-berkas", Answer(status=302, headers={"Location": "file:///etc/passwd"}))
    site.routes["/rantai"] = feed(site, ["/rantai/0"])
    yield {"id": "rantai", "kind": "feed", "address": f"{site.url}/rantai"}
    yield _page(site, "badai", Answer(status=500), count=40)


def _certificate(folder: Path) -> ssl.SSLContext:
    """Return a context whose certificate nobody vouches for."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=uji"]
    files = ["-keyout", folder / "key", "-out", folder / "cert", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("hostile")
    with (
        Site() as site, Site() as sound, Site() as slow, Site() as viscous, Site() as mute,
        Site(tls=_certificate(folder)) as secret,
    ):  # fmt: skip
        declared = [*_bombs(site), *_broken(site), *_endless(site), *_walls(site)]
        declared += [_page(sound, "sehat", article(1), count=SOUND)]
        sound.routes |= {f"/sehat/{number}": article(number) for number in range(SOUND)}
        slow.routes["/tetes"] = drip(lambda: time.sleep(0.05))
        declared += [{"id": "tetes", "kind": "feed", "address": f"{slow.url}/tetes", "max_minutes": 0.3}]
        declared += [_page(viscous, "tetes-berita", drip(lambda: time.sleep(0.05))) | {"max_minutes": 0.5}]
        mute.routes["/robots.txt"] = cut(Answer(b"User-agent: *\nDisallow: /"), 60, reset=True)
        declared += [_page(mute, "robots-putus", article(2))]
        secret.routes |= {"/rahasia": feed(secret, ["/rahasia/0"]), "/rahasia/0": article(1)}
        declared += [{"id": "rahasia", "kind": "feed", "address": f"{secret.url}/rahasia"}]
        declared += [{"id": "bukan-tls", "kind": "feed", "address": f"{sound.url.replace('http', 'https')}/x"}]
        crawl = Crawl(folder, [each.host for each in (site, sound, slow, viscous, mute, secret)])
        crawl.declare(*declared)
        started = time.monotonic()
        summary, megabytes = crawl.measured("satu")
        yield Outcome(summary, megabytes, time.monotonic() - started, crawl, site)


def test_memory_stays_bounded(outcome: Outcome) -> None:
    assert outcome.megabytes < 300


def test_a_sound_source_beside_them_gives_everything(outcome: Outcome) -> None:
    entry = outcome.summary["sehat"]
    assert (entry["items"], entry["errors"]) == (SOUND, [])
    assert set(outcome.crawl.addresses("sehat").values()) == {1}


def test_no_fault_of_ours_is_among_the_errors(outcome: Outcome) -> None:
    assert not [each for entry in outcome.summary.values() for each in entry["errors"] if "unexpected" in each]


@pytest.mark.parametrize(
    ("source", "rejected"),
    [
        ("bom-gzip", {"too_large": 1}),
        ("bom-br", {"too_large": 1}),
        ("bom-zstd", {"too_large": 1}),
        ("bom-br-gzip", {"too_large": 1}),
        ("tetes-berita", {"timeout": 1}),
        ("separuh", {"cut_short": 1}),
        ("tanpa-panjang", {"cut_short": 1}),
        ("panjang-kurang", {"cut_short": 1}),
        ("panjang-minus", {"bad_answer": 1}),
        ("panjang-kata", {"bad_answer": 1}),
        ("panjang-dua", {"bad_answer": 1}),
        ("bukan-http", {"bad_answer": 1}),
        ("salah-kemas", {"garbled": 1}),
        ("kemas-asing", {"not_text": 1}),
        ("pdf", {"not_text": 1}),
        ("kuki", {"redirects": 1}),
        ("rantai", {"redirects": 1}),
        ("izin", {"wall": 1}),
        ("dinding", {"wall": 1}),
        ("ke-berkas", {"status_302": 1}),
    ],
)
def test_each_has_its_counted_reason(outcome: Outcome, source: str, rejected: dict[str, int]) -> None:
    entry = outcome.summary[source]
    assert (entry["items"], entry["rejected"], entry["errors"]) == (0, rejected, [])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("bom-peta", "damaged or larger than 5 MB"),
        ("tetes", "takes too long to answer"),
        ("robots-putus", "robots.txt cannot be had (breaks the connection off), so nothing is allowed"),
        ("rahasia", "has no valid certificate"),
        ("bukan-tls", "speaks no TLS"),
        ("padat-umpan", "is not a readable feed"),
        ("padat-pembuka", "is not a readable feed"),
    ],
)
def test_a_listing_that_cannot_be_had_says_why(outcome: Outcome, source: str, message: str) -> None:
    assert outcome.summary[source]["items"] == 0
    assert message in " ".join(outcome.summary[source]["errors"])


def test_entities_are_never_expanded(outcome: Outcome) -> None:
    assert outcome.summary["tawa"]["items"] == 1
    assert outcome.summary["tawa-peta"]["rejected"] == {"gone": 1}  # the address up to the entity
    assert all("haha" not in each.title + each.text for each in outcome.crawl.documents("tawa*"))


def test_resets_at_random_bytes_are_told_apart_from_articles(outcome: Outcome) -> None:
    entry = outcome.summary["putus"]
    assert entry["items"] == 0
    assert sum(entry["rejected"].values()) == 3
    assert set(entry["rejected"]) <= {"reset", "cut_short"}


def test_a_storm_of_500_ends_the_visit_and_not_the_patience(outcome: Outcome) -> None:
    entry = outcome.summary["badai"]
    assert entry["rejected"]["status_500"] in (5, 6)  # one may be under way
    assert entry["errors"] == ["5 pages in a row could not be had (status_500); the next run goes on"]
    assert entry["requests"] <= 2 + 3 * 7


@pytest.mark.parametrize("source", ["aksara-tiada", "aksara-puny", "aksara-dusta"])
def test_a_charset_that_is_none_is_not_believed(outcome: Outcome, source: str) -> None:
    (document,) = outcome.crawl.documents(source)
    assert document.title == "Désa rukun"
    assert "kampung nomor 4" in document.text


def test_a_hundred_thousand_links_are_settled_within_the_bound(outcome: Outcome) -> None:
    entry = outcome.summary["seratus-ribu"]
    assert entry["rejected"] == {"gone": 2}
    assert entry["errors"] == []


def test_loops_and_calendars_end(outcome: Outcome) -> None:
    asked = [path for path, _ in outcome.site.requests]
    sitemaps = [path for path in asked if path.startswith("/peta-putar")]
    assert len(sitemaps) == len(set(sitemaps)) <= 7
    assert [path for path in asked if path.startswith("/kalender?")] == ["/kalender?bulan=1", "/kalender?bulan=2"]
    assert outcome.summary["kalender"]["items"] == 3


@pytest.mark.parametrize("source", ["tautan", "baris", "senarai", "dalam", "komentar"])
def test_dense_markup_costs_little(outcome: Outcome, source: str) -> None:
    entry = outcome.summary[f"padat-{source}"]
    assert entry["items"] + sum(entry["rejected"].values()) == 1
    assert entry["errors"] == []


def test_endless_attributes_hide_no_article(outcome: Outcome) -> None:
    (document,) = outcome.crawl.documents("padat-atribut")
    assert "kampung nomor 1" in document.text


def test_the_run_ends_in_time(outcome: Outcome) -> None:
    assert outcome.seconds < 120  # a few seconds each where nothing is bounded: hours


# -- names that change their address ----------------------------------------------------------------

LAUNCHER = """
import socket, sys
changes_after, asked, real = int(sys.argv.pop(1)), 0, socket.getaddrinfo
def changing(host, *rest, **more):
    global asked
    if host == "ganti.test":
        asked += 1
        host = "127.0.0.2" if asked <= changes_after else "127.0.0.1"
    return real(host, *rest, **more)
socket.getaddrinfo = changing
import crawlers.network
judge = crawlers.network.is_public
crawlers.network.is_public = lambda address: address == "127.0.0.2" or judge(address)  # stands for a public one
from crawlers.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("through_redirect", [False, True])
def test_a_name_that_changes_to_a_private_address_is_refused_when_connecting(
    tmp_path: Path, through_redirect: bool
) -> None:
    """The feed is read from the public address; before the article's page is asked for, the name changes."""
    closing = {"Connection": "close"}  # so that each request looks the name up
    with Site(("127.0.0.2", 0)) as public, Site(("127.0.0.1", public.port)) as private:
        address = f"http://ganti.test:{public.port}"
        hop = Answer(status=302, headers={"Location": f"{address}/dalam", **closing})
        item = f"<item><title>Berita</title><link>{address}/{'lompat' if through_redirect else 'dalam'}</link></item>"
        body = f'<rss version="2.0"><channel>{item}</channel></rss>'.encode()
        public.routes |= {"/feed": Answer(body, type=XML, headers=closing), "/lompat": hop}
        public.routes["/robots.txt"] = Answer(b"", headers=closing)
        private.routes |= {"/dalam": article(1), "/feed": feed(private, ["/dalam"])}
        crawl = Crawl(tmp_path, [])
        crawl.declare({"id": "ganti", "kind": "feed", "address": f"{address}/feed"})
        _, _, _, *arguments = crawl.command("satu")
        lookups = 2 + through_redirect  # robots.txt, the feed, the redirect
        command = [sys.executable, "-c", LAUNCHER, str(lookups), "crawl", *arguments[1:]]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        (entry,) = json.loads((tmp_path / "satu.json").read_text(encoding="utf-8"))["sources"]
        assert (entry["rejected"], entry["errors"]) == ({"private_address": 1}, [])
        assert [path for path, _ in public.requests][:2] == ["/robots.txt", "/feed"]
        assert private.requests == []


# -- robots.txt that changes -------------------------------------------------------------------------


def test_a_robots_txt_that_changes_is_obeyed_as_it_stands(tmp_path: Path) -> None:
    with Site() as site:
        paths = [f"/berita/{number}" for number in range(3)]
        site.routes |= {path: article(number) for number, path in enumerate(paths)}
        site.routes["/feed"] = feed(site, paths)
        crawl = Crawl(tmp_path, [site.host])
        crawl.declare({"id": "portal", "kind": "feed", "address": f"{site.url}/feed"})

        def run(run_id: str, rules: str) -> tuple[int, dict[str, int]]:
            site.routes["/robots.txt"] = Answer(f"User-agent: *\n{rules}".encode(), type="text/plain")
            entry = crawl.run(run_id)["portal"]
            return entry["items"], entry["rejected"]

        assert run("satu", "Disallow: /berita/1\nDisallow: /berita/2") == (1, {"robots": 2})
        crawl.let_time_pass()
        assert run("dua", "Disallow: /") == (0, {})
        assert [site.asked(path) for path in paths] == [1, 0, 0]
        crawl.let_time_pass()
        assert run("tiga", "") == (2, {})
        assert set(crawl.addresses().values()) == {1}
