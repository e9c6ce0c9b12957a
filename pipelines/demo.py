"""The demonstration: an invented region's news sites and post server on loopback.

Real spiders crawl them over HTTP. Times are counted back from the day of the first run, which is
remembered in the demonstration's home, so that a second run finds nothing new.
"""

from __future__ import annotations

import csv
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

from analysis.errors import MonitorError
from pipelines.config import PROJECT

STORIES = PROJECT / "data" / "demo" / "stories.psv"
REGION = PROJECT / "data" / "regions" / "contoh"
NEWS_PORT, POSTS_PORT = 8931, 8932  # fixed, for an address is what a document is known by
SITES = {"kabar": "Kabar Contoh", "suara": "Suara Contoh", "simpul": "Simpul Contoh", "humas": "Humas Contoh"}


@dataclass(frozen=True, slots=True)
class DemoStory:
    """One invented item; `number` is its line in the file."""

    number: int
    site: str
    published: datetime
    author: str
    title: str
    text: str


def read_stories(anchor: date, zone: ZoneInfo, file: Path = STORIES) -> list[DemoStory]:
    """Read the invented items, dated back from `anchor`."""
    stories = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        site, days_ago, hour, author, title, text = line.split("|")
        day = anchor - timedelta(days=int(days_ago))
        published = datetime.combine(day, time(int(hour), number % 60), zone)
        stories.append(DemoStory(number, site, published, author, title, text))
    return stories


def anchor_day(home: Path, today: date) -> date:
    """Return the day the demonstration was first run in this home."""
    file = home / "anchor"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(today.isoformat(), encoding="ascii")
    return date.fromisoformat(file.read_text(encoding="ascii").strip())


def write_sources(home: Path, stories: list[DemoStory]) -> Path:
    """Write the field reports and the declarations of the demonstration; return the sources file."""
    reports = home / "laporan.csv"
    with reports.open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(["id", "published", "title", "text"])
        table.writerows([s.number, s.published.isoformat(), s.title, s.text] for s in stories if s.site == "laporan")
    declarations = (PROJECT / "data" / "demo" / "sources.toml").read_text(encoding="utf-8")
    file = home / "sources.toml"
    file.write_text(declarations.replace("{reports}", reports.as_posix()), encoding="utf-8")
    return file


@contextmanager
def serving(stories: list[DemoStory]) -> Iterator[None]:
    """Serve the news sites and the post server on loopback while the context lasts.

    Raises: MonitorError where a port is taken.
    """
    pages = {NEWS_PORT: news_pages(stories), POSTS_PORT: post_pages(stories)}
    servers = []
    try:
        for port, content in pages.items():
            servers.append(_start(port, content))
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


Page = tuple[str, bytes]  # content type, body


def news_pages(stories: list[DemoStory]) -> dict[str, Page]:
    """Return every page of the four news sites by its path."""
    pages: dict[str, Page] = {"/robots.txt": ("text/plain", b"User-agent: *\nDisallow: /admin/\n")}
    for site, name in SITES.items():
        own = [story for story in stories if story.site == site]
        links = "".join(f'<li><a class="judul" href="/{site}/{s.number}">{escape(s.title)}</a></li>' for s in own)
        pages[f"/{site}/"] = _html(f"<html lang=id><title>{name}</title><body><ul>{links}</ul></body></html>")
        for story in own:
            pages[f"/{site}/{story.number}"] = _html(_article(story, name))
    pages["/kabar/feed.xml"] = _xml(_rss("Kabar Contoh", _of(stories, "kabar"), NEWS_PORT, full=False))
    pages["/simpul/sitemap.xml"] = _xml(_sitemap(_of(stories, "simpul")))
    pages["/suara/wp-json/wp/v2/posts"] = _json([_wordpress_post(s) for s in _of(stories, "suara")])
    return pages


def post_pages(stories: list[DemoStory]) -> dict[str, Page]:
    """Return the pages of the post server: one public feed with whole posts."""
    posts = _of(stories, "warga")
    return {
        "/robots.txt": ("text/plain", b"User-agent: *\nAllow: /\n"),
        "/tag/contohraya.rss": _xml(_rss("Warga Contoh", posts, POSTS_PORT, full=True)),
    }


def _of(stories: list[DemoStory], site: str) -> list[DemoStory]:
    return sorted((s for s in stories if s.site == site), key=lambda s: s.published, reverse=True)


def _article(story: DemoStory, name: str) -> str:
    paragraphs = "".join(f"<p>{escape(sentence)}.</p>" for sentence in story.text.rstrip(".").split(". "))
    return (
        f'<html lang="id"><head><title>{escape(story.title)} - {name}</title>'
        f'<meta property="og:title" content="{escape(story.title)}">'
        f'<meta property="article:published_time" content="{story.published.isoformat()}"></head>'
        f'<body><nav><a href="/">Beranda</a> <a href="/daerah">Daerah</a></nav>'
        f"<article><h1>{escape(story.title)}</h1>{paragraphs}"
        f"<p>Baca juga: Jadwal layanan keliling pekan ini</p></article>"
        f"<footer>Hak cipta {name}. Dilarang mengutip tanpa izin.</footer></body></html>"
    )


def _rss(name: str, stories: list[DemoStory], port: int, full: bool) -> str:
    items = "".join(
        f"<item><title>{escape(s.title)}</title><link>http://127.0.0.1:{port}/{s.site}/{s.number}</link>"
        f"<guid>http://127.0.0.1:{port}/{s.site}/{s.number}</guid>"
        f"<pubDate>{format_datetime(s.published)}</pubDate>"
        + (f"<author>{s.author}@contoh.invalid</author>" if s.author else "")
        + (f"<description>{escape(s.text)}</description>" if full else "")
        + "</item>"
        for s in stories
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'


def _sitemap(stories: list[DemoStory]) -> str:
    urls = "".join(
        f"<url><loc>http://127.0.0.1:{NEWS_PORT}/simpul/{s.number}</loc>"
        f"<lastmod>{s.published.isoformat()}</lastmod></url>"
        for s in stories
    )
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'


def _wordpress_post(story: DemoStory) -> dict[str, object]:
    utc = story.published.astimezone(ZoneInfo("UTC")).replace(tzinfo=None).isoformat()
    return {
        "id": story.number,
        "date_gmt": utc,
        "modified_gmt": utc,
        "link": f"http://127.0.0.1:{NEWS_PORT}/suara/{story.number}",
        "title": {"rendered": escape(story.title)},
        "content": {"rendered": f"<p>{escape(story.text)}</p>"},
    }


def _html(body: str) -> Page:
    return "text/html; charset=utf-8", body.encode()


def _xml(body: str) -> Page:
    return "application/xml; charset=utf-8", body.encode()


def _json(body: object) -> Page:
    return "application/json; charset=utf-8", json.dumps(body).encode()


def _start(port: int, pages: dict[str, Page]) -> ThreadingHTTPServer:
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(pages))
    except OSError as error:
        raise MonitorError(
            f"port {port} on this machine is taken ({error.strerror}); stop what uses it, then run the demo again"
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    """Make a handler that answers these pages, with ETag and 304 as real sites do."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            page = pages.get(path)
            if page is None:
                self.send_error(404)
                return
            kind, body = page
            if path.endswith("/posts") and _later_page(query):
                body = b"[]"
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                self.send_header("ETag", tag)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", tag)
            if path.endswith("/posts"):
                self.send_header("X-WP-Total", str(len(json.loads(body))))
                self.send_header("X-WP-TotalPages", "1")
            self.end_headers()
            self.wfile.write(body)

        log_message: Callable[..., None] = lambda *_: None

    return Handler


def _later_page(query: str) -> bool:
    return any(part.startswith("page=") and part != "page=1" for part in query.split("&"))
