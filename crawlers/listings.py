"""Listings -> entries: pure readers of feeds, sitemaps, WordPress answers and link lists."""

from __future__ import annotations

import calendar
import codecs
import hashlib
import io
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser
import lxml.html  # type: ignore[import-untyped]  # lxml ships no types
from lxml import etree

from crawlers.bounds import before, bounded
from crawlers.dates import parse_date, parse_iso, plausible
from crawlers.errors import ListingError
from crawlers.extraction import fragment_text, plain
from crawlers.sources import Source

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>", re.IGNORECASE)
_ENCODING = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
_HTML = re.compile(r"^\s*(?>(?:<!--.*?-->\s*)*)<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(
    r"ascii|iso8859-\d+|cp\d+|mac-\w+|koi8-\w|utf-(?:16|32)(?:-[bl]e)?|gb\w+|big5\w*|euc_\w+|shift_jis\w*"
)
_MAX_ENTRIES = 500  # of one feed or answer, the newest; feeds have 10 to 100
_MAX_TAGS = 100_000  # of one feed, with the articles in it
_FULL = 600  # characters; a feed's body this long is the article, not its teaser


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed article. `version` changes when it was edited; None where the listing cannot tell.

    `text` holds the whole article where the listing carries it, else "" and its page is read.
    """

    url: str
    title: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    published: datetime | None = None
    published_from: str = "none"
    version: str | None = None
    author: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a query of a platform was read; it is recorded in its turn, once all before it stands in the spool."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A post that its author deleted: what was stored of it is removed."""

    url: str


def decode(body: bytes, declared: str = "") -> str:
    """Return text whatever charset was claimed: UTF-8 where it is valid, else what is declared, else Latin.

    >>> decode("Désa Sukajaya — “aman”".encode("utf-8"), "iso-8859-1")
    'Désa Sukajaya — “aman”'
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", errors="replace")
    inside = _ENCODING.search(body[:1024])
    for name in (declared, inside[1].decode() if inside else "", "windows-1252"):
        with suppress(LookupError, ValueError):
            if _CHARSET.fullmatch(codecs.lookup(name).name):  # Python knows others that are no charsets: punycode
                return body.decode(name)
    return body.decode("utf-8" if "utf" in declared.lower() else "windows-1252", errors="replace")


# -- feeds ----------------------------------------------------------------------------------------


def read_feed(page: str, url: str, now: datetime, local: tzinfo) -> tuple[Entry, ...]:
    """Read RSS or Atom, also a damaged one as far as it goes.

    Raises: ListingError (empty, HTML, not a feed).
    """
    if not page.strip():
        raise ListingError("the feed is empty")
    if _HTML.match(page):
        raise ListingError('answers HTML in place of a feed; look for another address or kind = "listing"')
    page = before(before(_DECLARATION.sub("", page), "<(?:item|entry)\\b", _MAX_ENTRIES), "<", _MAX_TAGS)
    body = page.encode("utf-8", errors="replace")
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    feed = feedparser.parse(io.BytesIO(body), response_headers=headers)
    entries = tuple(_feed_entry(each, now, local) for each in feed.entries if is_web(each.get("link")))
    if not entries:
        if feed.get("bozo") or not feed.get("version"):
            raise ListingError(f"is not a readable feed: {feed.get('bozo_exception', 'no entries')}")
        raise ListingError("the feed has no entries")
    return entries


def _feed_entry(entry: Any, now: datetime, local: tzinfo) -> Entry:
    bodies = [part.get("value", "") for part in entry.get("content", [])]
    text = max((fragment_text(body) for body in bodies if body), key=len, default="")
    stated = entry.get("published") or entry.get("created") or ""
    published = parse_date(stated, now, local)
    if published is None and (parsed := entry.get("published_parsed")):
        published = plausible(datetime.fromtimestamp(calendar.timegm(parsed), UTC), now)
    title, summary = plain(entry.get("title", "")), entry.get("summary", "")
    if not title:  # a post: what it says stands whole in the item
        text = text or fragment_text(summary)
    return Entry(
        url=entry["link"].strip(),
        title=title,
        text=text if len(text) >= _FULL or not title else "",
        published=published,
        published_from="feed" if published else "none",
        version=digest_of(entry.get("updated", ""), entry.get("title", ""), summary, text),
        author=entry.get("author", ""),
    )


# -- sitemaps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sitemap:
    """A sitemap's entries, newest first, and the (address, lastmod) of the sitemaps an index names."""

    entries: tuple[Entry, ...]
    children: tuple[tuple[str, str], ...]


def read_sitemap(page: str, now: datetime, local: tzinfo) -> Sitemap:
    """Read a sitemap, a news sitemap or a sitemap index, also a damaged one as far as it goes.

    Raises: ListingError (empty, HTML, not a sitemap).
    """
    if not page.strip():
        raise ListingError("the sitemap is empty")
    if _HTML.match(page):
        raise ListingError("answers HTML in place of a sitemap; look it up in the site's robots.txt")
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(_DECLARATION.sub("", page).encode("utf-8", errors="replace"), parser)
    except (etree.LxmlError, ValueError):
        root = None
    kind = etree.QName(root).localname if root is not None else ""
    if kind not in ("urlset", "sitemapindex"):
        raise ListingError(f"is not a sitemap (it begins with <{kind}>)" if kind else "is broken XML")
    rows = [_tags(node) for node in root if isinstance(node.tag, str)]
    rows = sorted((row for row in rows if is_web(row.get("loc"))), key=_newest_first, reverse=True)
    if kind == "sitemapindex":
        return Sitemap((), tuple((row["loc"], row.get("lastmod", "")) for row in rows))
    return Sitemap(tuple(_sitemap_entry(row, now, local) for row in rows), ())


def _tags(node: Any) -> dict[str, str]:
    return {
        etree.QName(child).localname: child.text.strip()
        for child in reversed(list(node.iter()))
        if isinstance(child.tag, str) and child.text and child.text.strip()
    }


def _newest_first(row: dict[str, str]) -> str:
    return row.get("lastmod") or row.get("publication_date") or ""


def _sitemap_entry(row: dict[str, str], now: datetime, local: tzinfo) -> Entry:
    published = parse_iso(row.get("publication_date", ""), now, local)
    return Entry(
        url=row["loc"],
        title=plain(row.get("title", "")),
        published=published,
        published_from="feed" if published else "none",
        version=row.get("lastmod") or row.get("publication_date"),
    )


# -- WordPress ------------------------------------------------------------------------------------


def read_posts(page: str, now: datetime, local: tzinfo) -> tuple[Entry, ...]:
    """Read an answer of `/wp-json/wp/v2/posts`.

    Raises: ListingError (not JSON, an error of the interface).
    """
    try:
        posts = json.loads(page)
    except (ValueError, RecursionError) as error:
        raise ListingError(f"the WordPress interface answers no JSON ({error})") from error
    if isinstance(posts, dict) and "message" in posts:
        raise ListingError(f"the WordPress interface says: {plain(str(posts['message']))}")
    if not isinstance(posts, list):
        raise ListingError("the WordPress interface answers no list of posts")
    return tuple(_post_entry(post, now, local) for post in posts[:_MAX_ENTRIES] if _is_post(post))


def _is_post(post: Any) -> bool:
    return isinstance(post, dict) and is_web(post.get("link"))


def _post_entry(post: dict[str, Any], now: datetime, local: tzinfo) -> Entry:
    stated = str(post.get("date_gmt") or "")
    published = parse_date(f"{stated}+00:00", now, local) if stated else None
    published = published or parse_date(str(post.get("date") or ""), now, local)
    author = post.get("author")
    return Entry(
        url=post["link"],
        title=plain(_rendered(post, "title")),
        text=fragment_text(_rendered(post, "content")),
        published=published,
        published_from="api" if published else "none",
        version=str(post.get("modified") or post.get("modified_gmt") or "") or None,
        author=f"{urlsplit(post['link']).hostname}:{author}" if author else "",
    )


def _rendered(post: dict[str, Any], key: str) -> str:
    value = post.get(key)
    return str(value.get("rendered") or "") if isinstance(value, dict) else ""


# -- link lists -----------------------------------------------------------------------------------


def read_links(page: str, url: str, source: Source) -> tuple[tuple[Entry, ...], str]:
    """Read an HTML list by the declared selectors; returns entries and the next page's address, if any.

    Raises: ListingError (no link matches).
    """
    try:
        tree = lxml.html.fromstring(bounded(page))
        found = [(each.get("href"), each) for each in tree.cssselect(source.link)]
        following = tree.cssselect(source.next) if source.next else []
    except (etree.LxmlError, etree.ParserError, ValueError) as error:
        raise ListingError(f"is not readable HTML: {error}") from error
    entries: dict[str, Entry] = {}
    for href, node in found:
        address = urljoin(url, (href or "").strip()).partition("#")[0]
        if href and is_web(address):
            entries.setdefault(address, Entry(address, plain(node.text_content())))
    if not entries:
        raise ListingError(f"no link matches {source.link!r}; the page has changed, or needs a browser")
    onward = urljoin(url, following[0].get("href", "")) if following else ""
    return tuple(entries.values()), onward if is_web(onward) else ""


# -- shared ---------------------------------------------------------------------------------------


def is_web(address: Any) -> bool:
    """Tell whether this is an http or https address."""
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
        return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def digest_of(*parts: str) -> str:
    """Return a short fingerprint of texts, by which a change is known."""
    return hashlib.blake2s("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
