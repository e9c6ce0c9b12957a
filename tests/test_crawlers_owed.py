"""What a list named once is had at last, though the list has long gone on: its page is owed until it is had or gone."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.records import Voice
from crawlers.items import RawDocument
from crawlers.spool import SpoolWriter, is_growing, spool_path
from pipelines.config import PROJECT, load_settings
from pipelines.process import take_in
from pipelines.store import Store
from tests.crawling import Crawl
from tests.fault_server import Answer, Raw, Site, article, cut, feed, paged, paragraphs

NOW = datetime(2025, 5, 26, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def _declared(site: Site, folder: Path, kind: str = "feed", path: str = "/feed", **more: object) -> Crawl:
    crawl = Crawl(folder, [site.host])
    crawl.declare({"id": "portal", "kind": kind, "address": site.url + path, **more})
    return crawl


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"belum ada", 404), "gone"),
        (Answer(status=302, headers={"Location": "/"}), "redirected_home"),
        (Answer(status=302, headers={"Location": "/persetujuan"}), "too_short"),
        (cut(article(1), 9999, length="300"), "cut_short"),  # and the length is said to be whole
        (cut(article(1), 9999, length="1000"), "cut_short"),  # in the middle of what it tells
        (Answer(article(1).body, 429, headers={"Retry-After": "7200"}), "status_429"),
    ],
)
def test_a_page_that_was_not_there_is_asked_for_again(
    site: Site, tmp_path: Path, answer: Answer | Raw, reason: str
) -> None:
    site.routes |= {"/feed": feed(site, ["/berita/1"]), "/berita/1": answer}
    site.routes |= dict.fromkeys(("/", "/persetujuan"), Answer(b"<html><body><p>Selamat datang.</p></body></html>"))
    crawl = _declared(site, tmp_path)
    assert crawl.run("satu")["portal"]["rejected"] == {reason: 1}
    site.routes |= {"/feed": feed(site, ["/berita/2"]), "/berita/1": article(1), "/berita/2": article(2)}
    crawl.let_time_pass()
    crawl.forget_pauses()
    assert crawl.run("dua")["portal"]["items"] == 2
    assert set(crawl.addresses()) == {f"{site.url}/berita/{number}" for number in (1, 2)}


def test_a_page_that_never_ends_as_html_should_is_taken_as_it_is(site: Site, tmp_path: Path) -> None:
    page = Answer(article(1).body.replace(b"</body></html>", b""))
    site.routes |= {"/feed": feed(site, ["/berita/1"]), "/berita/1": page}
    crawl = _declared(site, tmp_path)
    assert crawl.run("satu")["portal"]["rejected"] == {"cut_short": 1}
    crawl.let_time_pass()
    assert crawl.run("dua")["portal"]["items"] == 1


def test_a_page_that_is_gone_for_good_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    site.routes |= {"/feed": feed(site, ["/berita/1"]), "/berita/1": Answer(b"dihapus", 410)}
    crawl = _declared(site, tmp_path)
    assert crawl.run("satu")["portal"]["rejected"] == {"gone": 1}
    crawl.let_time_pass()
    crawl.run("dua")
    assert site.asked("/berita/1") == 1


def test_a_list_that_cannot_be_read_keeps_no_page_of_another_from_being_had(site: Site, tmp_path: Path) -> None:
    def index(*parts: str) -> Answer:
        rows = "".join(f"<sitemap><loc>{site.url}{part}</loc></sitemap>" for part in parts)
        return Answer(f"<sitemapindex>{rows}</sitemapindex>".encode())

    def part(*paths: str) -> Answer:
        return Answer(
            f"<urlset>{''.join(f'<url><loc>{site.url}{path}</loc></url>' for path in paths)}</urlset>".encode()
        )

    site.routes |= {"/peta": index("/baik", "/rusak"), "/baik": part("/berita/1", "/berita/2"), "/rusak": Answer()}
    site.routes |= {"/berita/1": Answer(status=500), "/berita/2": article(2)}
    crawl = _declared(site, tmp_path, "sitemap", "/peta")
    assert crawl.run("satu")["portal"]["rejected"] == {"status_500": 1}
    site.routes |= {"/baik": part("/berita/2"), "/berita/1": article(1)}
    crawl.let_time_pass()
    again = crawl.run("dua")["portal"]
    assert (again["items"], len(again["errors"])) == (1, 1)


# -- killed between the list and the spool -----------------------------------------------------------


def test_whole_texts_of_a_feed_that_were_listed_and_not_kept_are_had_from_their_pages(
    site: Site, tmp_path: Path
) -> None:
    """The feed carries the articles; the crawl is killed while it keeps them, and meanwhile the feed goes on."""
    numbers = range(150)
    items = "".join(
        f"<item><title>Warga kampung {number}</title><link>{site.url}/berita/{number}</link>"
        f"<content:encoded><![CDATA[{paragraphs(number)}{paragraphs(number)}]]></content:encoded></item>"
        for number in numbers
    )
    space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    site.routes |= {f"/berita/{number}": article(number) for number in numbers}
    site.routes["/feed"] = Answer(f'<rss version="2.0" {space}><channel>{items}</channel></rss>'.encode())
    crawl = _declared(site, tmp_path)
    process = crawl.start("mati")
    while not list((tmp_path / "spool").glob("*/*.gz")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = len(crawl.documents())
    assert kept < len(numbers)
    site.routes |= {"/feed": feed(site, ["/berita/150"]), "/berita/150": article(150)}
    assert crawl.run("lanjut")["portal"]["items"] == len(numbers) - kept + 1
    assert crawl.addresses() == Counter(f"{site.url}/berita/{number}" for number in range(151))


# -- pages of a list that went on --------------------------------------------------------------------


def _asked_pages(site: Site) -> list[int]:
    found = (re.fullmatch(r"/indeks(?:\?hal=(\d+))?", path) for path, _ in site.requests)
    return [int(each[1] or 1) for each in found if each]


def test_a_list_is_read_as_far_as_it_holds_something_new(site: Site, tmp_path: Path) -> None:
    paged(site, 5)
    crawl = _declared(site, tmp_path, "listing", "/indeks", link="h2 a", next="a.n")
    assert crawl.run("satu")["portal"]["items"] == 6
    paged(site, 20)  # nobody looked for long
    site.requests.clear()
    assert crawl.run("dua")["portal"]["items"] == 15
    assert _asked_pages(site) == [1, 2, 3, 4, 5, 6, 7, 8, 9]  # the ninth holds what is known
    site.requests.clear()
    assert crawl.run("tiga")["portal"]["items"] == 0
    assert _asked_pages(site) == [1, 2, 3]


def test_a_visit_that_was_stopped_among_the_pages_is_made_up_for(site: Site, tmp_path: Path) -> None:
    paged(site, 5)
    crawl = _declared(site, tmp_path, "listing", "/indeks", link="h2 a", next="a.n")
    crawl.run("satu")
    paged(site, 20, broken=6)
    assert crawl.run("dua")["portal"]["items"] == 10
    paged(site, 20)
    assert crawl.run("tiga")["portal"]["items"] == 5  # though the first five pages hold nothing new
    assert crawl.addresses() == Counter(f"{site.url}/berita/{number}" for number in range(21))
    site.requests.clear()
    crawl.run("empat")
    assert _asked_pages(site) == [1, 2, 3]


def test_a_feed_that_turned_over_between_two_visits_is_told(site: Site, tmp_path: Path) -> None:
    site.routes |= {f"/berita/{number}": article(number) for number in range(9)}
    crawl = _declared(site, tmp_path)

    def visit(run_id: str, *numbers: int) -> dict[str, int]:
        site.routes["/feed"] = feed(site, [f"/berita/{number}" for number in numbers])
        found: dict[str, int] = crawl.run(run_id)["portal"]["rejected"]
        return found

    assert visit("satu", 2, 1, 0) == {}
    assert visit("dua", 4, 3, 2) == {}
    assert visit("tiga", 8, 7, 6) == {"gap": 1}  # the fifth was never seen


# -- a crawl that outlives its monitor ---------------------------------------------------------------


def test_a_file_that_may_still_grow_is_taken_in_later_and_whole(tmp_path: Path) -> None:
    settings = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    voices = {"portal": Voice.PRESS}

    def written(writer: SpoolWriter, number: int) -> None:
        text = f"Warga kampung {number} berkumpul di balai desa untuk bermusyawarah."
        writer.write(RawDocument("portal", f"https://portal.invalid/{number}", f"Berita {number}", text, NOW))

    path = spool_path(settings.spool, "portal", NOW.date(), "satu")
    with Store(settings.database) as store:
        with SpoolWriter(path) as writer:
            written(writer, 1)
            assert is_growing(path)
            assert take_in(settings, store, voices, "a", NOW)["documents"] == 0
            written(writer, 2)
        assert not is_growing(path)
        assert take_in(settings, store, voices, "b", NOW)["documents"] == 2
