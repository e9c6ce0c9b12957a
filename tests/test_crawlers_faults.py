"""Every kind of bad input on one real site, all in one crawl: each is told apart, none stops another."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crawling import PROJECT, Crawl
from tests.fault_server import Answer, Site, article, feed, paragraphs

XML = "application/rss+xml"
Summary = dict[str, dict[str, Any]]


def _rss(items: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>{items}</channel></rss>'.encode()


def _one(site: Site, name: str, page: Answer) -> dict[str, Any]:
    """Declare a feed with one teaser whose page answers `page`."""
    site.routes[f"/{name}/berita"] = page
    site.routes[f"/{name}"] = feed(site, [f"/{name}/berita"])
    return {"id": name, "kind": "feed", "address": f"{site.url}/{name}"}


def _feed(site: Site, name: str, answer: Answer) -> dict[str, Any]:
    site.routes[f"/{name}"] = answer
    return {"id": name, "kind": "feed", "address": f"{site.url}/{name}"}


def _redirect(to: str) -> Answer:
    return Answer(status=302, headers={"Location": to})


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Summary, Crawl, Site, Site]]:
    folder = tmp_path_factory.mktemp("faults")
    with Site() as site, Site() as private:
        crawl = Crawl(folder, [site.host])
        private.routes["/rahasia"] = article(1)
        latin = _rss(f"<item><title>Désa aman</title><link>{site.url}/latin/berita</link></item>").replace(
            b"UTF-8", b"iso-8859-1"
        )
        bomb = gzip.compress(b"<p>" + b"0" * (60 << 20) + b"</p>")
        whole = f"<content:encoded><![CDATA[{paragraphs(7) * 2}]]></content:encoded>"
        namespaced = _rss(
            f"<item><title>Penuh</title><link>{site.url}/penuh/berita</link><author>Budi Santoso</author>{whole}</item>"
        ).replace(b"<rss ", b'<rss xmlns:content="http://purl.org/rss/1.0/modules/content/" ')
        (folder / "tanpa-kolom.csv").write_text("id,isi\n1,halo\n", encoding="utf-8")
        (folder / "laporan.csv").write_text(
            "no,isi,waktu,pelapor\n1,\"Warga rukun, hubungi 0812-3456-7890\",26/05/2025 08:30,Budi\n"
            "2,😀😀😀,,\n3,Jalan rusak lagi,27 Mei 2025 10.00 WIB,Budi\n",
            encoding="utf-8",
        )  # fmt: skip
        site.routes["/latin/berita"] = Answer(article(2, "Désa aman").body, type="text/html; charset=iso-8859-1")
        site.routes["/tolak/robots.txt"] = Answer(b"")
        declared = [
            _feed(site, "kosong", Answer(b"", type=XML)),
            _feed(site, "tanpa-isi", Answer(_rss(""), type=XML)),
            _feed(site, "rusak", Answer(b'<?xml version="1.0"?><rss><channel><item><title>x</ti', type=XML)),
            _feed(site, "html", Answer(b"<!doctype html><html><body>Selamat datang</body></html>", type=XML)),
            _feed(site, "latin", Answer(latin, type=XML)),
            _feed(site, "penuh", Answer(namespaced, type=XML)),
            _one(site, "halaman-galat", Answer(b"<title>404 Tidak Ditemukan</title><p>Maaf, halaman tidak ada.")),
            _feed(site, "bom", Answer(bomb, type=XML, headers={"Content-Encoding": "gzip"})),
            _one(site, "bom-berita", Answer(bomb, headers={"Content-Encoding": "gzip"})),
            _one(site, "putar", _redirect("/putar/berita")),
            _one(site, "ke-dalam", _redirect(f"{private.url}/rahasia")),
            _one(site, "ke-localhost", _redirect(f"http://localhost:{private.host.partition(':')[2]}/rahasia")),
            _one(site, "ke-desimal", _redirect(f"http://2130706433:{private.host.partition(':')[2]}/rahasia")),
            _one(site, "ke-enam", _redirect(f"http://[::1]:{private.host.partition(':')[2]}/rahasia")),
            _one(site, "tiada", Answer(status=404)),
            _one(site, "dihapus", Answer(status=410)),
            _one(site, "galat-peladen", Answer(status=500)),
            _feed(site, "sibuk", Answer(status=429, headers={"Retry-After": "7200"})),
            _feed(site, "rehat", Answer(status=503)),
            _one(site, "terlarang", article(3)),
            _feed(site, "semua-terlarang", feed(site, ["/semua-terlarang/berita"])),
            _one(site, "esok", article(4, published="2099-01-01T00:00:00+07:00")),
            _one(site, "besar", article(5, extra=f"<!--{'x' * 100}-->" + paragraphs(5) * 6200)),
            _one(site, "terlalu-besar", Answer(b"<p>" + b"a" * (6 << 20))),
            _one(site, "emoji", Answer("<html><body><article><p>😀😀😀 🎉🎉</p></article></body></html>".encode())),
            {"id": "csv-kolom", "kind": "files", "address": "tanpa-kolom.csv"},
            {"id": "csv", "kind": "files", "address": "laporan.csv", "voice": "public",
             "columns": {"id": "no", "text": "isi", "published": "waktu", "author": "pelapor"}},
            {"id": "mati", "kind": "feed", "address": f"{site.url}/x", "enabled": False},
        ]  # fmt: skip
        robots = "User-agent: *\nDisallow: /terlarang/berita\nDisallow: /semua-terlarang\n"
        site.routes["/robots.txt"] = Answer(robots.encode(), type="text/plain")
        crawl.declare(*declared)
        yield crawl.run("satu", "--contact", "redaksi@example.test"), crawl, site, private


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("kosong", "the feed is empty"),
        ("tanpa-isi", "has no entries"),
        ("rusak", "is not a readable feed"),
        ("html", "HTML in place of a feed"),
        ("bom", "larger than 5 MB"),
        ("sibuk", "answers 429"),
        ("rehat", "answers 503"),
        ("semua-terlarang", "robots.txt forbids it"),
        ("csv-kolom", "tanpa-kolom.csv: column 'text' is missing"),
    ],
)
def test_a_broken_source_says_what_is_wrong(
    crawled: tuple[Summary, Crawl, Site, Site], source: str, message: str
) -> None:
    entry = crawled[0][source]
    assert entry["items"] == 0
    assert message in " ".join(entry["errors"])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("halaman-galat", "error_page"),
        ("bom-berita", "too_large"),
        ("terlalu-besar", "too_large"),
        ("putar", "redirects"),
        ("ke-dalam", "private_address"),
        ("ke-localhost", "private_address"),
        ("ke-desimal", "private_address"),
        ("ke-enam", "private_address"),
        ("tiada", "gone"),
        ("dihapus", "gone"),
        ("galat-peladen", "status_500"),
        ("terlarang", "robots"),
        ("emoji", "no_words"),
    ],
)
def test_a_bad_article_is_counted_with_its_reason(
    crawled: tuple[Summary, Crawl, Site, Site], source: str, reason: str
) -> None:
    entry = crawled[0][source]
    assert (entry["items"], entry["rejected"], entry["errors"]) == (0, {reason: 1}, [])


def test_no_request_reaches_a_private_host(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    assert crawled[3].requests == []


def test_wrong_charset_is_read_right(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    (document,) = crawled[1].documents("latin")
    assert document.title == "Désa aman"
    assert "kampung nomor 2" in document.text


def test_full_feed_needs_no_page_and_keeps_no_name(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    (document,) = crawled[1].documents("penuh")
    assert document.text.startswith("Pertemuan ke-7 berlangsung")
    assert crawled[2].asked("/penuh/berita") == 0
    assert re.fullmatch(r"\d{4}W\d\d:[0-9a-f]{24}", document.author_hash or "")
    assert "Budi" not in document.to_json()


def test_a_date_in_the_future_is_unknown(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    (document,) = crawled[1].documents("esok")
    assert (document.published, document.published_from) == (None, "none")


def test_a_large_article_is_kept_bounded(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    assert len(crawled[2].routes["/besar/berita"].body) > 3 << 20  # type: ignore[union-attr]
    (document,) = crawled[1].documents("besar")
    assert "kampung nomor 5" in document.text
    assert len(document.text) <= 100_000


def test_reports_come_masked_and_dated(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    assert crawled[0]["csv"]["rejected"] == {"no_words": 1}
    first, second = crawled[1].documents("csv")
    assert first.url == "urn:sejuk:csv:1"
    assert first.text == "Warga rukun, hubungi [telepon]"
    assert first.published is not None
    assert first.published.isoformat() == "2025-05-26T01:30:00+00:00"
    assert first.published_from == "file"
    assert second.published is not None
    assert second.published.isoformat() == "2025-05-27T03:00:00+00:00"
    assert first.author_hash == second.author_hash


def test_a_disabled_source_is_not_visited(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    assert "mati" not in crawled[0]
    assert crawled[2].asked("/x") == 0


def test_sites_are_told_who_asks_and_get_no_cookie(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    for _, headers in crawled[2].requests:
        assert headers["User-Agent"].startswith("Sejuk/")
        assert "redaksi@example.test" in headers["User-Agent"]
        assert "Cookie" not in headers


def test_the_next_run_leaves_alone_what_is_settled(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    _, crawl, site, _ = crawled
    before = len(crawl.documents())
    site.requests.clear()
    again = crawl.run("dua")
    assert len(crawl.documents()) == before
    assert sum(entry["items"] for entry in again.values()) == 0
    assert again["penuh"]["unchanged"] + again["penuh"]["known"] == 1
    assert "left alone until" in again["sibuk"]["errors"][0]
    for path in ("/tiada/berita", "/dihapus/berita", "/emoji/berita", "/galat-peladen/berita", "/sibuk"):
        assert site.asked(path) == 0
    assert json.loads((crawl.folder / "dua.json").read_text(encoding="utf-8"))["run_id"] == "dua"


def test_check_reports_every_source(crawled: tuple[Summary, Crawl, Site, Site]) -> None:
    _, crawl, site, _ = crawled
    command = [sys.executable, "-m", "crawlers", "check", "--sources", str(crawl.sources), "--json"]
    site.requests.clear()
    done = subprocess.run(
        [*command, "--allow-host", site.host], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 4, done.stderr
    found = {each["source_id"]: each for each in json.loads(done.stdout)}
    assert found["esok"]["recognised"]
    assert found["esok"]["entries"] == 1
    assert found["semua-terlarang"]["robots"] == "denied"
    assert not found["html"]["recognised"]
    assert found["csv"]["entries"] == 3
    assert found["mati"]["message"].endswith("answers 404")
    assert site.asked("/esok/berita") == 0
