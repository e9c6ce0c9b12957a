"""Clean texts: whitespace, entities, invisible characters, language, identity."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from datetime import datetime, timedelta

import courlan
import pycld2

MAX_TEXT = 200_000  # characters kept of one document; longer texts are cut (a long article has 30,000)
FUTURE_TOLERANCE = timedelta(days=1)  # clocks of sites run ahead; further ahead is a wrong date
LANGUAGES = {"id": "id", "ms": "id", "jw": "jv", "jv": "jv", "su": "su"}  # CLD2 code -> ours

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r" ?\n[ \n]*")
_WORD = re.compile(r"\w+")


def clean_text(text: str) -> str:
    """Return the text with entities decoded, invisible and control characters gone, spaces collapsed.

    Paragraph breaks stay as single newlines; nothing that a reader would see is removed.

    >>> clean_text("Warga&nbsp;Desa  Su\\u00adka\\u200bmaju\\n\\n \\nrapat &amp; doa ")
    'Warga Desa Sukamaju\\nrapat & doa'
    >>> clean_text("kampung &amp;amp; amplas")
    'kampung & amplas'
    """
    text = html.unescape(html.unescape(text[:MAX_TEXT]))
    text = unicodedata.normalize("NFC", text)
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def words(text: str) -> list[str]:
    """Return the lower-case words of a text.

    >>> words("Rapat RT: Jum'at, 20.00 WIB!")
    ['rapat', 'rt', 'jum', 'at', '20', '00', 'wib']
    """
    return _WORD.findall(text.casefold())


def language(text: str) -> str:
    """Return "id", "jv", "su", another CLD2 code, or "und" where it cannot be told.

    Malay counts as Indonesian: CLD2 confuses the two on short texts.

    >>> language("Warga bergotong royong memperbaiki jalan desa yang rusak sejak tahun lalu.")
    'id'
    >>> language("😀😀")
    'und'
    """
    try:
        reliable, _, details = pycld2.detect(text[:2000], bestEffort=True, hintLanguage="id")
    except pycld2.error:
        return "und"
    code = str(details[0][1])
    if code == "un" or not (reliable or code in LANGUAGES):
        return "und"
    return LANGUAGES.get(code, code)


def canonical_url(url: str) -> str:
    """Return the address under which a document is known: trackers, fragments and AMP forms removed.

    >>> canonical_url("HTTPS://Kabar.example/a/b/?utm_source=wa&id=3#komentar")
    'https://kabar.example/a/b/?id=3'
    >>> canonical_url("urn:sejuk:laporan:7")
    'urn:sejuk:laporan:7'
    """
    if not url.lower().startswith(("http://", "https://")):
        return url
    try:
        return courlan.normalize_url(url.split("#", 1)[0], strict=False)
    except ValueError:
        return url


def document_id(url: str) -> str:
    """Return the natural key of a document: 16 hex digits of the SHA-256 of its canonical address.

    >>> document_id("https://kabar.example/a#x") == document_id("https://kabar.example/a")
    True
    """
    return hashlib.sha256(canonical_url(url).encode()).hexdigest()[:16]


def content_hash(title: str, text: str) -> str:
    """Return a hash that changes whenever title or text changes (16 hex digits)."""
    return hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:16]


def known_date(published: datetime | None, fetched_at: datetime) -> datetime | None:
    """Return `published`, or None where it is missing, before 1995 or more than a day ahead of the fetch."""
    if published is None or published.year < 1995 or published > fetched_at + FUTURE_TOLERANCE:
        return None
    return published
