"""Outlets that publish through a simulated day, correct what they published, and fail for hours in every known way."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from tests.fault_server import Answer, Raw, Site, cut, drip

ZONE = ZoneInfo("Asia/Jakarta")
KINDS = ("rss", "sitemap", "wordpress", "listing", "atom")
FAULTS = {  # what fails, and by which of the crawler's words it is counted where article pages fail so
    "storm": {"status_500"},
    "quiet": {"status_429"},
    "reset": {"reset", "cut_short"},
    "half": {"cut_short"},
    "drip": {"timeout"},
    "wall": {"wall", "too_short"},
    "missing": {"gone"},
    "home": {"redirected_home"},
    "robots": {"robots"},
}
_PAGE = 5  # items of a listing's page
_PART = 20  # addresses of a sitemap
_SYLLABLES = "ba ca da ga ka la ma na pa ra sa ta wa bi di ki li mi ni ri si ti bu du ku lu mu nu ru su tu".split()


@dataclass(frozen=True)
class Item:
    """One article: when it appears, and when it is corrected, if ever."""

    outlet: str
    number: int
    published: datetime
    edited: datetime | None

    def version(self, now: datetime) -> int:
        return int(self.edited is not None and self.edited <= now)

    def modified(self, now: datetime) -> datetime:
        return self.edited if self.edited and self.edited <= now else self.published

    def title(self, now: datetime) -> str:
        return f"{'Ralat: ' * self.version(now)}Kabar {self.outlet} nomor {self.number}"

    def body(self, now: datetime) -> str:
        """Return its paragraphs, which nobody else has; the first and the last tell which item this is."""
        dice = Random(f"{self.outlet} {self.number}")
        words = ["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4))) for _ in range(130)]
        middle = "".join(f"<p>{' '.join(words[at : at + 13]).capitalize()}.</p>" for at in range(0, 130, 13))
        name = f"{self.outlet}-{self.number} versi {self.version(now)}"
        return f"<p>Berita {name} dibuka dengan kalimat ini.</p>{middle}<p>Tamat {name} sampai di sini.</p>"


@dataclass(frozen=True)
class Fault:
    """How an outlet fails, from when until when: its listings, its articles, or all of it."""

    kind: str
    start: datetime
    end: datetime
    where: str

    def touches(self, what: str, now: datetime) -> bool:
        if not self.start <= now < self.end:
            return False
        if self.kind == "robots" or what == "robots":
            return self.kind == what
        return self.where in (what, "all")


@dataclass
class Clock:
    """The outlets' time. It goes on with each answer, so that news appears while a crawl is under way."""

    now: datetime
    until: datetime
    answers: int = 0  # since it was set
    on_answer: Callable[[int], None] = lambda count: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, now: datetime, until: datetime) -> None:
        self.now, self.until, self.answers = now, until, 0

    def tick(self) -> None:
        with self._lock:
            self.answers += 1
            self.now = min(self.until, self.now + timedelta(seconds=5))
        self.on_answer(self.answers)


@dataclass
class Outlet:
    """One outlet, its plan for the day, and what it answers now."""

    id: str
    kind: str
    items: Sequence[Item]
    faults: Sequence[Fault]
    site: Site
    clock: Clock
    window: timedelta  # for which its feed shows an item
    dice: Random
    failed: set[str] = field(default_factory=set)  # kinds of faults by which articles were spoilt

    def declaration(self) -> dict[str, Any]:
        """Return its entry in sources.toml."""
        more = {"link": "h2 a", "next": "a.lanjut"} if self.kind == "listing" else {}
        kind = "feed" if self.kind in ("rss", "atom") else self.kind
        path = {"rss": "/feed", "atom": "/atom", "sitemap": "/peta.xml", "listing": "/indeks"}.get(self.kind, "")
        return {"id": self.id, "kind": kind, "address": self.site.url + path, "max_minutes": 0.2, **more}

    def answer(self, path: str) -> Answer | Raw:
        """Answer a request as things stand."""
        self.clock.tick()
        now = self.clock.now
        what = "robots" if path == "/robots.txt" else "articles" if path.startswith("/berita/") else "listings"
        if path in ("/", "/consent", "/persetujuan"):
            return Answer(b"<html><body><p>Selamat datang di beranda, silakan masuk.</p></body></html>")
        whole = self._whole(path, now)
        for fault in self.faults:
            if fault.touches(what, now):
                if what == "articles":
                    self.failed.add(fault.kind)
                return self._spoilt(fault.kind, whole, path)
        return whole

    def _spoilt(self, kind: str, whole: Answer, path: str) -> Answer | Raw:
        answers: dict[str, Callable[[], Answer | Raw]] = {
            "storm": lambda: Answer(b"galat", 500),
            "quiet": lambda: Answer(b"sibuk", 429, headers={"Retry-After": str(self.dice.choice((900, 5400)))}),
            "reset": lambda: cut(whole, self.dice.randrange(len(whole.body)), reset=True),
            "half": lambda: cut(whole, len(whole.body) // 2),
            "drip": lambda: drip(lambda: time.sleep(0.1)),
            "wall": lambda: Answer(status=302, headers={"Location": self.dice.choice(("/consent", "/persetujuan"))}),
            "missing": lambda: Answer(b"tidak ada", 404),
            "home": lambda: Answer(status=302, headers={"Location": "/"}),
            "robots": lambda: Answer(b"User-agent: *\nDisallow: /berita/\n", type="text/plain"),
        }
        return answers[kind]()

    def _whole(self, path: str, now: datetime) -> Answer:
        if path == "/robots.txt":
            return Answer(b"User-agent: *\nDisallow: /admin/\n", type="text/plain")
        live = sorted((each for each in self.items if each.published <= now), key=lambda each: each.published)[::-1]
        if path.startswith("/berita/"):
            found = next((each for each in live if path == f"/berita/{each.number}"), None)
            return self._page(found, now) if found else Answer(b"tidak ada", 404)
        return {
            "rss": self._rss, "atom": self._atom, "sitemap": self._sitemap, "wordpress": self._posts,
            "listing": self._listing,
        }[self.kind](live, path, now)  # fmt: skip

    def _url(self, item: Item) -> str:
        return f"{self.site.url}/berita/{item.number}"

    def _page(self, item: Item, now: datetime) -> Answer:
        title = item.title(now)
        page = f"""<!doctype html><html lang="id"><head><meta charset="utf-8"><title>{title} - {self.id}</title>
        <meta property="article:published_time" content="{item.published.isoformat()}"></head>
        <body><nav><a href="/">Beranda</a></nav><article><h1>{title}</h1>{item.body(now)}</article>
        <footer>Hak cipta</footer></body></html>"""
        return Answer(page.encode())

    def _recent(self, live: Sequence[Item], now: datetime) -> Sequence[Item]:
        return [each for each in live if each.published > now - self.window] or live[:1]

    def _rss(self, live: Sequence[Item], path: str, now: datetime) -> Answer:
        items = "".join(
            f"<item><title>{each.title(now)}</title><link>{self._url(each)}</link>"
            f"<pubDate>{format_datetime(each.published)}</pubDate></item>"
            for each in self._recent(live, now)
        )
        body = f'<rss version="2.0"><channel><title>U</title>{items}</channel></rss>'
        return Answer(body.encode(), type="application/rss+xml", conditional=True)

    def _atom(self, live: Sequence[Item], path: str, now: datetime) -> Answer:
        entries = "".join(
            f'<entry><title>{each.title(now)}</title><link href="{self._url(each)}"/><id>{self._url(each)}</id>'
            f"<published>{each.published.isoformat()}</published><updated>{each.modified(now).isoformat()}</updated>"
            f'<content type="html"><![CDATA[{each.body(now)}]]></content></entry>'
            for each in self._recent(live, now)
        )
        body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>U</title>{entries}</feed>'
        return Answer(body.encode(), type="application/atom+xml", conditional=True)

    def _sitemap(self, live: Sequence[Item], path: str, now: datetime) -> Answer:
        parts = [live[::-1][at : at + _PART] for at in range(0, len(live), _PART)]
        if path == "/peta.xml":
            rows = "".join(
                f"<sitemap><loc>{self.site.url}/bagian-{number}.xml.gz</loc></sitemap>" for number in range(len(parts))
            )
            return Answer(f"<sitemapindex>{rows}</sitemapindex>".encode(), type="text/xml")
        part = parts[int(re.sub(r"\D", "", path))]
        rows = "".join(
            f"<url><loc>{self._url(each)}</loc><lastmod>{each.modified(now).isoformat()}</lastmod></url>"
            for each in part
        )
        body = gzip.compress(f"<urlset>{rows}</urlset>".encode(), mtime=0)
        return Answer(body, type="application/gzip", conditional=True)

    def _posts(self, live: Sequence[Item], path: str, now: datetime) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        rows = [(each.modified(now).astimezone(ZONE).replace(tzinfo=None), each) for each in live]
        if "modified_after" in asked:
            rows = [row for row in rows if row[0] > datetime.fromisoformat(asked["modified_after"])]
        if asked["orderby"] == "modified":
            rows.sort(key=lambda row: row[0], reverse=True)
        size = min(int(asked["per_page"]), _PART)
        start = (int(asked["page"]) - 1) * size
        posts = [
            {
                "id": each.number, "link": self._url(each), "title": {"rendered": each.title(now)},
                "content": {"rendered": each.body(now)}, "author": 1, "modified": modified.isoformat("T", "seconds"),
                "date_gmt": each.published.replace(tzinfo=None).isoformat("T", "seconds"),
            }
            for modified, each in rows[start : start + size]
        ]  # fmt: skip
        total = {"X-WP-TotalPages": str(-(-len(rows) // size)), "X-WP-Total": str(len(rows))}
        return Answer(json.dumps(posts).encode(), type="application/json", headers=total)

    def _listing(self, live: Sequence[Item], path: str, now: datetime) -> Answer:
        number = int(path.rpartition("=")[2]) if "=" in path else 1
        shown, more = live[(number - 1) * _PAGE : number * _PAGE], len(live) > number * _PAGE
        links = "".join(f"<h2><a href='/berita/{each.number}'>{each.title(now)}</a></h2>" for each in shown)
        onward = f"<a class='lanjut' href='/indeks?hal={number + 1}'>Lama</a>" if more else ""
        return Answer(f"<html><body>{links}{onward}</body></html>".encode(), conditional=True)


def planned(
    seed: int, kinds: Sequence[str], a_day: int, faults: int, window: timedelta, start: datetime, clock: Clock
) -> list[Outlet]:
    """Plan a day of outlets of these kinds: about `a_day` items each, and so many times of trouble.

    Args: window: how long a feed shows an item.
    """
    dice = Random(seed)
    outlets = []
    for place, kind in enumerate(kinds):
        name = f"{kind}-{place}"
        count = max(4, round(dice.uniform(0.6, 1.4) * a_day))
        times = [start - timedelta(minutes=10 * back) for back in range(_PAGE, 0, -1)]  # what a first visit finds
        times += sorted(start + timedelta(hours=24 * dice.random()) for _ in range(count))
        items = []
        for number, at in enumerate(times):
            is_edited = kind != "listing" and dice.random() < 0.2
            edited = at + timedelta(minutes=dice.uniform(20, 90)) if is_edited else None
            items.append(Item(name, number, at, edited))
        slot = timedelta(hours=0.9 * 24 / faults)
        trouble = [_fault(dice, start + slot * (at + 0.1), slot * 0.9, window) for at in range(faults)]
        outlets.append(Outlet(name, kind, items, trouble, Site(), clock, window, Random(dice.random())))
    return outlets


def _fault(dice: Random, start: datetime, longest: timedelta, window: timedelta) -> Fault:
    """Choose a time of trouble; a feed is never out of reach for as long as it shows an item."""
    where = dice.choice(("listings", "articles", "articles", "all"))
    length = min(longest * 0.9, window * (1.0 if where == "articles" else 0.4)) * dice.uniform(0.4, 1.0)
    begin = start + (longest - length) * dice.random()
    return Fault(dice.choice([*FAULTS]), begin, begin + length, where)


@contextmanager
def publishing(outlets: Sequence[Outlet]) -> Iterator[None]:
    """Serve the outlets on loopback until the block ends."""
    with ExitStack() as stack:
        for outlet in outlets:
            outlet.site.otherwise = outlet.answer
            stack.enter_context(outlet.site)
        yield
