"""HTML -> title, text and time of publication. Bad HTML gives a reason, never an exception."""

from __future__ import annotations

import html as entities
import json
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlsplit

import lxml.html  # type: ignore[import-untyped]  # lxml ships no types
import readability
import trafilatura
from lxml.etree import LxmlError  # type: ignore[import-untyped]
from lxml.html import HtmlElement

from crawlers.bounds import bounded
from crawlers.dates import find_date, parse_date

log = logging.getLogger(__name__)

MIN_TEXT = 80  # characters; below it a page is a video, a gallery or an error, not an article
_ENOUGH = 250  # characters; below it a second opinion is asked for
_MAX_TEXT = 100_000  # characters kept of one article
_MAX_TITLE = 500  # characters kept of a title

_BLOCKS = frozenset(
    ("p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "tr", "ul", "ol", "table")
).union(("section", "article", "header", "footer", "pre", "dt", "dd"))
_DROPPED = "//script|//style|//noscript|//iframe|//figure|//figcaption|//aside|//form|//nav|//button|//svg|//template"
_RELATED = [
    "//*[contains(@class,'related') or contains(@class,'terkait') or contains(@class,'baca-juga')"
    " or contains(@class,'bacajuga') or contains(@class,'sharedaddy') or contains(@class,'post-tags')]",
    "//*[contains(@id,'related') or contains(@id,'baca-juga')]",
]
_TEASER = re.compile(
    r"^\W*(?:(?:baca|simak|lihat|tonton|cek|ikuti)\s*(?:juga|pula|selengkapnya|artikel|berita)\b"
    r"|(?:editor|penulis|reporter|pewarta|kontributor|laporan|sumber berita|uploader|copyright)\s*[:©(]"
    r"|copyright\b|hak cipta\b|©|\(c\)\s*\d|dilarang (?:keras )?(?:mengutip|mengambil|menyalin)"
    r"|artikel ini (?:telah|sudah) tayang|berita ini (?:telah|sudah) tayang|follow (?:us|berita)|iklan\W*$"
    r"|advertisement\W*$|scroll (?:untuk|ke bawah|to)|lanjutkan membaca|the post .* appeared first on"
    r"|(?:dapatkan|update) (?:update )?berita .*(?:google news|whatsapp|telegram)"
    r"|bagikan (?:ini|artikel)|share this)",
    re.IGNORECASE,
)
_INLINE_TEASER = re.compile(r"\s*[(\[]?(?:baca|simak|lihat)\s+(?:juga|pula)\s*:.*$", re.IGNORECASE)
_RELATED_HEADING = re.compile(
    r"^\W*(?:(?:berita|artikel|postingan|konten|pos) (?:terkait|lainnya|terbaru|populer|sebelumnya)"
    r"|related (?:posts?|news|articles?)|terpopuler|rekomendasi(?: untuk anda)?|you may (?:also )?like)\W*$",
    re.IGNORECASE,
)
_ERROR_TITLE = re.compile(
    r"\b(?:404|500|502|503|forbidden|error|tidak ditemukan|not found|just a moment|attention required"
    r"|under maintenance|sedang dalam perbaikan|access denied)\b",
    re.IGNORECASE,
)
_WALL = re.compile(
    r"\b(?:enable|turn on|accept|uses?|(?:meng)?aktifkan|nyalakan|terima|(?:me)?(?:ny|s)etujui|(?:meng)?gunakan)"
    r"\W+(?:\w+\W+){0,3}?(?:cookies?|kuki|javascript)\b"
    r"|\b(?:verify(?:ing)? (?:that )?you are (?:a )?human|checking your browser|bukan (?:seorang )?robot)\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s+(?:[|–—•·»]|-|::)\s+|\s+\|\s*|\s*\|\s+")


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a page says. `reason` is "" or why there is no article (too_short, no_words, error_page, wall)."""

    title: str
    text: str
    published: datetime | None = None
    published_from: str = "none"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Selectors:
    """CSS selectors of a declared listing's articles; empty ones are found out."""

    title: str = ""
    body: str = ""
    date: str = ""


def extract(
    page: str, url: str, now: datetime, local: tzinfo, outlet: str = "", selectors: Selectors | None = None
) -> Extracted:
    """Extract the article of a page.

    Args: page: decoded HTML; now: when it was fetched; outlet: its name, taken off the title.
    """
    page = bounded(page)
    tree = _tree(page)
    if tree is None:
        return Extracted("", "", reason="no_words")
    chosen = selectors or Selectors()
    meta = _meta(tree)
    title = _title(tree, meta, url, outlet, chosen.title)
    published, origin = _published(tree, meta, chosen.date, now, local)
    body = _selected(tree, chosen.body)
    text = fragment_text(body) if body is not None else _article_text(page, url)
    text = without_title(text, title)
    if published is None:
        published = find_date(text[:300], now, local)
        origin = "text" if published else "none"
    return judged(Extracted(title, text, published, origin))


def judged(found: Extracted, least: int = MIN_TEXT) -> Extracted:
    """Return what was found with the reason for which it is no article, if any.

    Args: least: characters that a text needs; 0 for posts and reports, which may be short.
    """
    short = len(found.text) < max(least, 1)
    if _ERROR_TITLE.search(found.title) and len(found.text) < _ENOUGH * 2:
        return replace(found, reason="error_page")
    if not any(character.isalpha() for character in found.text):
        return replace(found, reason="no_words")
    if least and len("".join(line for line in found.text.split("\n") if not _WALL.search(line))) < least:
        is_wall = _WALL.search(f"{found.title}\n{found.text}") is not None
        return replace(found, reason="wall" if is_wall else "too_short")
    return replace(found, reason="too_short") if short else found


def fragment_text(fragment: str | HtmlElement) -> str:
    """Return the readable text of an HTML fragment (a feed's or a WordPress body), a line a paragraph."""
    tree = _tree(f"<div>{bounded(fragment)}</div>") if isinstance(fragment, str) else fragment
    if tree is None:
        return ""
    for path in (_DROPPED, *_RELATED):
        for node in tree.xpath(path.replace("//", ".//")):
            node.drop_tree()
    return tidy("".join(_pieces(tree)))


def plain(markup: str) -> str:
    """Return a title without tags and entities, on one line.

    >>> plain("Warga &#8220;Gedong Tataan&#8221; <b>damai</b> &amp; rukun")
    'Warga “Gedong Tataan” damai & rukun'
    """
    bare = re.sub(r"</?[a-zA-Z][^<>]*>", "", markup)
    return " ".join(entities.unescape(entities.unescape(bare)).split())[:_MAX_TITLE]


def tidy(text: str) -> str:
    """Return text without teasers, bylines, related lists and copyright lines; one line a paragraph."""
    lines: list[str] = []
    for line in unicodedata.normalize("NFC", text).split("\n"):
        line = _INLINE_TEASER.sub("", " ".join(line.split()))
        if not line or _TEASER.match(line):
            continue
        if _RELATED_HEADING.match(line):
            if lines:
                break
            continue
        if not lines or lines[-1] != line:
            lines.append(line)
    return "\n".join(lines)[:_MAX_TEXT]


def without_site(title: str, names: Iterable[str]) -> str:
    """Return a title without the outlet's name at its end.

    >>> without_site("Warga Padang Cermin Bermusyawarah - Contoh News", ["contohnews.id"])
    'Warga Padang Cermin Bermusyawarah'
    """
    known = [key for name in names if len(key := _letters(name)) >= 3]
    while parts := list(_SEPARATOR.finditer(title)):
        tail = _letters(title[parts[-1].end() :])
        if not tail or not any(tail in name or name in tail for name in known):
            break
        title = title[: parts[-1].start()]
    return title.strip()


def without_title(text: str, title: str) -> str:
    """Return text whose first line is not the title again."""
    first, _, rest = text.partition("\n")
    return rest if title and rest and _letters(first) == _letters(title) else text


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _tree(page: str) -> HtmlElement | None:
    clean = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", page).strip()
    clean = re.sub(r"^<\?xml[^>]*\?>", "", clean)
    try:
        tree = lxml.html.fromstring(clean) if clean else None
    except (LxmlError, ValueError, AssertionError):
        return None
    return tree if isinstance(tree, HtmlElement) else None


def _pieces(node: HtmlElement) -> Iterator[str]:
    """Yield the text of a tree in order, with line ends around blocks (no recursion: depth is unbounded)."""
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        is_block = item.tag in _BLOCKS or item.tag == "br"
        if item.tail and item is not node:
            stack.append(_one_line(item.tail))
        if not isinstance(item.tag, str):
            continue
        if is_block:
            yield "\n"
            stack.append("\n")
        stack.extend(reversed(item))
        if item.text:
            stack.append(_one_line(item.text))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _meta(tree: HtmlElement) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.iter("meta"):
        name = node.get("property") or node.get("name") or node.get("itemprop")
        if name and node.get("content"):
            found.setdefault(name.strip().lower(), node.get("content").strip())
    return found


def _selected(tree: HtmlElement, selector: str) -> HtmlElement | None:
    found = tree.cssselect(selector) if selector else []
    return found[0] if found else None


def _title(tree: HtmlElement, meta: dict[str, str], url: str, outlet: str, selector: str) -> str:
    chosen = _selected(tree, selector)
    headings = [plain(node.text_content()) for node in tree.iter("h1")]
    heading = headings[0] if len(headings) == 1 else ""
    candidates = [
        chosen.text_content() if chosen is not None else "",
        meta.get("og:title", ""),
        heading,
        tree.findtext(".//title") or "",
    ]
    raw = next((plain(candidate) for candidate in candidates if candidate.strip()), "")
    host = urlsplit(url).hostname or ""
    labels = [label for label in host.split(".") if len(label) > 3]
    return without_site(raw, [outlet, meta.get("og:site_name", ""), *labels])


def _published(
    tree: HtmlElement, meta: dict[str, str], selector: str, now: datetime, local: tzinfo
) -> tuple[datetime | None, str]:
    chosen = _selected(tree, selector)
    if chosen is not None:
        text = chosen.get("datetime") or chosen.text_content()
        if found := parse_date(text, now, local) or find_date(text, now, local):
            return found, "meta" if chosen.get("datetime") else "text"
    names = ("article:published_time", "datepublished", "pubdate", "publishdate", "dtk:publishdate", "date")
    stated = [meta[name] for name in names if name in meta]
    stated += _json_ld_dates(tree)
    stated += [node.get("datetime") for node in tree.iter("time") if node.get("datetime")][:1]
    for text in stated:
        if found := parse_date(text, now, local):
            return found, "meta"
    shown = " ".join(node.text_content() for node in tree.cssselect("[class*='date'], [class*='time']")[:5])
    found = find_date(shown, now, local)
    return found, "text" if found else "none"


def _json_ld_dates(tree: HtmlElement) -> list[str]:
    found: list[str] = []
    for node in tree.iter("script"):
        if node.get("type") != "application/ld+json" or not node.text:
            continue
        try:
            stack: list[Any] = [json.loads(node.text, strict=False)]
        except (ValueError, RecursionError):
            continue
        while stack:
            item = stack.pop()
            if isinstance(item, dict):
                if isinstance(item.get("datePublished"), str):
                    found.append(item["datePublished"])
                stack.extend(item.values())
            elif isinstance(item, list):
                stack.extend(item)
    return found


def _article_text(page: str, url: str) -> str:
    first = _by_trafilatura(page, url)
    if len(first) >= _ENOUGH:
        return first
    return max(first, _by_readability(page, url), key=len)


def _by_trafilatura(page: str, url: str) -> str:
    try:
        found = trafilatura.extract(
            page,
            url=url,
            favor_precision=True,
            include_comments=False,
            include_tables=False,
            prune_xpath=_RELATED,
        )
    except Exception as error:  # the parser of other people's pages: whatever it meets, the page is left out
        log.warning("extraction event=trafilatura_failed url=%s error=%r", url, error)
        return ""
    return tidy(found or "")


def _by_readability(page: str, url: str) -> str:
    try:
        return fragment_text(readability.Document(page, url=url).summary(html_partial=True))
    except Exception as error:  # as above
        log.debug("extraction event=readability_failed url=%s error=%r", url, error)
        return ""
