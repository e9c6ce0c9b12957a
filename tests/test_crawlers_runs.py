"""Runs that follow each other: nothing lost, nothing doubled, whatever ends them."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.crawling import PROJECT, Crawl
from tests.fault_server import Answer, Site, article, feed


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def _news(site: Site, count: int, wait: float = 0.0) -> list[str]:
    """Put `count` articles and a feed of them on the site; returns their addresses."""
    paths = [f"/2025/05/berita-{number}" for number in range(count)]

    def slow(path: str) -> Answer:
        time.sleep(wait)
        return article(int(path.rpartition("-")[2]))

    for path in paths:
        site.routes[path] = slow
    site.routes["/feed"] = feed(site, paths)
    return [site.url + path for path in paths]


def _source(site: Site, kind: str = "feed", path: str = "/feed", **more: object) -> dict[str, object]:
    return {"id": "portal", "kind": kind, "address": site.url + path, **more}


def test_kills_at_any_moment_lose_and_double_nothing(site: Site, tmp_path: Path) -> None:
    urls = _news(site, 24, wait=0.03)
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    moments = random.Random(20250524)
    kills = 0
    for attempt in range(3):
        process = crawl.start(f"mati-{attempt}")
        enough = _spooled(tmp_path) + moments.randint(1, 2000)
        while process.poll() is None and _spooled(tmp_path) < enough:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 2
    assert 0 < len(crawl.documents()) < 24
    crawl.run("akhir")
    assert Counter(document.url for document in crawl.documents()) == Counter(urls)


def _spooled(folder: Path) -> int:
    """Return how many bytes stand in the spool."""
    return sum(path.stat().st_size for path in (folder / "spool").glob("*/*.gz"))


def test_a_torn_tail_is_read_again(site: Site, tmp_path: Path) -> None:
    urls = _news(site, 5)
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    crawl.run("satu")
    (path,) = (tmp_path / "spool" / "portal").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    (tmp_path / "state.sqlite").unlink()  # as if the machine had failed before anything was recorded
    for rest in tmp_path.glob("state.sqlite-*"):
        rest.unlink()
    assert len(crawl.documents()) == 4
    crawl.run("dua")
    assert Counter(document.url for document in crawl.documents()) == Counter(urls)


def test_what_left_the_feed_before_it_could_be_read_is_still_asked_for(site: Site, tmp_path: Path) -> None:
    _news(site, 6)
    for number in (1, 2):
        site.routes[f"/2025/05/berita-{number}"] = Answer(status=500)
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    assert crawl.run("satu")["portal"]["items"] == 4
    _news(site, 6)
    site.routes["/feed"] = feed(site, ["/2025/05/berita-5"])
    assert crawl.run("dua")["portal"]["items"] == 0  # they are due in an hour
    crawl.let_time_pass()
    assert crawl.run("tiga")["portal"]["items"] == 2
    assert (len(crawl.addresses()), set(crawl.addresses().values())) == (6, {1})


def test_a_second_run_asks_once_and_gets_304(site: Site, tmp_path: Path) -> None:
    _news(site, 3)
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    first = crawl.run("satu")["portal"]
    second = crawl.run("dua")["portal"]
    assert (first["items"], first["requests"]) == (3, 5)
    assert (second["items"], second["unchanged"], second["requests"]) == (0, 1, 2)
    assert second["status"] == {"304": 1, "404": 1}  # the site has no robots.txt
    assert first["last_published"] == "2025-05-26T01:30:00+00:00"


def test_an_edited_post_comes_again_under_its_address(site: Site, tmp_path: Path) -> None:
    def sitemap(*rows: tuple[str, str]) -> Answer:
        inner = "".join(f"<url><loc>{site.url}{at}</loc><lastmod>{day}</lastmod></url>" for at, day in rows)
        return Answer(f"<urlset>{inner}</urlset>".encode(), type="text/xml")

    site.routes |= {"/a": article(1), "/b": article(2), "/peta": sitemap(("/a", "2025-05-26"), ("/b", "2025-05-26"))}
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site, "sitemap", "/peta"))
    assert crawl.run("satu")["portal"]["items"] == 2
    site.routes |= {
        "/a": article(1, "Ralat: warga sepakat damai"),
        "/peta": sitemap(("/a", "2025-05-27"), ("/b", "2025-05-28")),
    }
    again = crawl.run("dua")["portal"]
    assert (again["items"], again["unchanged"]) == (1, 1)
    assert [(each.url, each.title) for each in crawl.documents()][2:] == [
        (f"{site.url}/a", "Ralat: warga sepakat damai")
    ]
    assert crawl.run("tiga")["portal"]["known"] == 2


def test_an_article_that_failed_is_tried_again_when_due(site: Site, tmp_path: Path) -> None:

    site.routes |= {"/feed": feed(site, ["/a"]), "/a": Answer(status=500)}
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    assert crawl.run("satu")["portal"]["rejected"] == {"status_500": 1}
    assert site.asked("/a") == 3  # with two retries
    site.routes["/a"] = article(1)
    assert crawl.run("dua")["portal"]["known"] == 1
    with sqlite3.connect(tmp_path / "state.sqlite") as state:
        state.execute("UPDATE urls SET retry_at = '2025-01-01T00:00:00+00:00'")
    state.close()
    assert crawl.run("tiga")["portal"]["items"] == 1


def test_sitemap_index_with_loops_packed_parts_and_bounds(site: Site, tmp_path: Path) -> None:

    part = f"<urlset><url><loc>{site.url}/berita/1</loc></url><url><loc>{site.url}/iklan/2</loc></url></urlset>"
    names = ["/peta", "/bagian.xml.gz", "/wp-sitemap-users-1.xml", "/rusak"]
    index = "".join(f"<sitemap><loc>{site.url}{name}</loc></sitemap>" for name in names)
    site.routes |= {
        "/peta": Answer(f"<sitemapindex>{index}</sitemapindex>".encode(), type="text/xml"),
        "/bagian.xml.gz": Answer(gzip.compress(part.encode()), type="application/gzip"),
        "/rusak": Answer(b"tidak ada apa-apa", type="text/xml"),
        "/berita/1": article(1),
    }
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site, "sitemap", "/peta", include=["^/berita/"]))
    found = crawl.run("satu")["portal"]
    assert found["items"] == 1
    assert found["errors"] == [f"{site.url}/rusak: is broken XML"]
    assert [site.asked(name) for name in (*names, "/iklan/2")] == [1, 1, 0, 1, 0]


def test_listing_follows_its_selectors(site: Site, tmp_path: Path) -> None:
    page = "<html><body><h2><a href='/b/1#x'>Satu</a></h2><h2><a href='/b/2'>Dua</a></h2>"
    page += "<a href='/c'>C</a>{}</body></html>"
    body = "<html><body><div class='judul'>Musyawarah</div><span class='tgl'>Senin, 26 Mei 2025 | 08:30 WIB</span>"
    body += "<div class='isi'><p>Warga dua kampung bertemu di balai desa dan sepakat menjaga ketenangan bersama.</p>"
    body += "<p>Baca juga: Judul lain</p></div><div>Iklan besar sekali yang tidak boleh terbawa</div></body></html>"
    site.routes |= {
        "/indeks": Answer(page.format("<a class='next' href='/indeks2'>&gt;</a>").encode()),
        "/indeks2": Answer(b"<html><body><h2><a href='/b/3'>Tiga</a></h2></body></html>"),
        **{f"/b/{number}": Answer(body.replace("dua", f"ke-{number}").encode()) for number in (1, 2, 3)},
    }
    crawl = Crawl(tmp_path, [site.host])
    selectors = {"link": "h2 a", "next": "a.next", "title": ".judul", "body": ".isi", "date": ".tgl"}
    crawl.declare(_source(site, "listing", "/indeks", **selectors))
    assert crawl.run("satu")["portal"]["items"] == 3
    first = min(crawl.documents(), key=lambda document: document.url)
    assert first.url == f"{site.url}/b/1"
    assert first.title == "Musyawarah"
    assert first.text == "Warga ke-1 kampung bertemu di balai desa dan sepakat menjaga ketenangan bersama."
    assert (str(first.published), first.published_from) == ("2025-05-26 01:30:00+00:00", "text")


def test_a_first_visit_takes_the_newest_and_a_backfill_the_rest(site: Site, tmp_path: Path) -> None:
    rows = "".join(f"<url><loc>{site.url}/b/{day}</loc><lastmod>2025-05-{day}</lastmod></url>" for day in range(10, 20))
    site.routes |= {"/peta": Answer(f"<urlset>{rows}</urlset>".encode())}
    site.routes |= {f"/b/{day}": article(day, published=f"2025-05-{day}T08:00:00+07:00") for day in range(10, 20)}
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site, "sitemap", "/peta", max_items=4))
    assert crawl.run("satu")["portal"]["items"] == 4
    assert {document.url[-2:] for document in crawl.documents()} == {"16", "17", "18", "19"}
    assert crawl.run("dua")["portal"]["items"] == 0
    assert crawl.run("tiga", "--since", "2025-05-14")["portal"]["items"] == 2
    assert {document.url[-2:] for document in crawl.documents()} == {"14", "15", "16", "17", "18", "19"}


def test_a_host_sets_the_pace(site: Site, tmp_path: Path) -> None:
    _news(site, 3)
    times: list[float] = []
    plain = site.routes["/2025/05/berita-0"]
    answers = iter([Answer(status=429, headers={"Retry-After": "1"})])

    def timed(path: str) -> Answer:
        times.append(time.monotonic())
        assert callable(plain)
        return next(answers, plain(path))

    site.routes |= {f"/2025/05/berita-{number}": timed for number in range(3)}
    site.routes["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 0.4\n", type="text/plain")
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    assert crawl.run("satu")["portal"]["items"] == 3
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.38
    assert gaps[0] >= 0.99  # Retry-After


def test_robots_that_cannot_be_had_allow_nothing(site: Site, tmp_path: Path) -> None:
    _news(site, 1)
    site.routes["/robots.txt"] = Answer(b"galat", status=500)
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    found = crawl.run("satu")["portal"]
    assert (found["items"], found["robots_denied"]) == (0, 1)


def test_sigterm_finishes_in_order(site: Site, tmp_path: Path) -> None:
    urls = _news(site, 16, wait=0.05)
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site), {"id": "kedua", "kind": "feed", "address": f"{site.url}/feed"})
    process = crawl.start("henti")
    while _spooled(tmp_path) < 1000:
        time.sleep(0.02)
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    summary = json.loads((tmp_path / "henti.json").read_text(encoding="utf-8"))
    assert [each["errors"] for each in summary["sources"]] == [["stopped before its end; the next run goes on"]] * 2
    assert summary["sources"][0]["items"] == len(crawl.documents("portal")) < 16
    crawl.run("lanjut", "--only", "portal")
    assert Counter(document.url for document in crawl.documents("portal")) == Counter(urls)


@pytest.mark.parametrize(("kilobytes", "code", "said"), [(4, 1, "disk"), (200, 0, "File too large")])
def test_a_full_disk_loses_nothing(site: Site, tmp_path: Path, kilobytes: int, code: int, said: str) -> None:
    """A bound on the size of files stands for the full disk: first for the URL state, then for the spool."""
    letters = random.Random(7)
    urls = _news(site, 8)
    for number in range(8):
        words = ("".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(8000))
        site.routes[f"/2025/05/berita-{number}"] = article(number, extra=f"<p>{' '.join(words)}.</p>")
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    command = f"ulimit -f {kilobytes}; trap '' XFSZ; exec {' '.join(crawl.command('penuh'))}"
    done = subprocess.run(["bash", "-c", command], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert len(crawl.documents()) < 8
    crawl.run("lanjut")
    assert Counter(document.url for document in crawl.documents()) == Counter(urls)


def test_one_crawl_at_a_time(site: Site, tmp_path: Path) -> None:
    crawl = Crawl(tmp_path, [site.host])
    crawl.declare(_source(site))
    with open(tmp_path / "state.sqlite.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(crawl.command("dua"), cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "another crawl is running" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "tiada"], "no source tiada"),
        (["--since", "kemarin"], "--since"),
        (["--allow-host", "localhost"], "HOST:PORT"),
        (["--run-id", "../x"], "--run-id"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, arguments: list[str], said: str) -> None:
    crawl = Crawl(tmp_path, [])
    crawl.declare({"id": "a", "kind": "feed", "address": "https://contoh.id/feed"})
    done = subprocess.run([*crawl.command("satu"), *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert not os.listdir(tmp_path)[1:]
