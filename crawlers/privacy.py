"""Nothing that names or reaches a person passes into the spool."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# 16 digits in a row, or in groups where they hold a birth date as a NIK does (day, + 40 for women, then month).
_NIK = re.compile(
    r"(?<![\w.,/-])(?:\d{16}|[1-9]\d{3}[ .-]?\d{2}[ .-]?[0-7]\d[ .-]?(?:0[1-9]|1[0-2])\d{2}[ .-]?\d{4})"
    r"(?![\w/-]|[.,]\d)"
)
# +62 or 62 or 0, then a mobile (8...) or an area code (2-9 ...), 8 to 13 digits after the prefix.
_PHONE = re.compile(
    r"(?<![\w.,/:+-])(?:\(?(?:\+\s?62|0062|62(?=[ .-]?8))\)?[ .-]?\(?0?|\(?0)[2-9]\d{0,3}\)?(?:[ .-]?\d){5,10}"
    r"(?![\w/:]|[.,-]\d)"
)
# Some letter in it: "@2000" is a price. Mastodon adds a host, Bluesky and YouTube allow hyphens.
_HANDLE = re.compile(r"(?<![\w@./])@(?=[\w.-]*[^\W\d])\w[\w.-]*\w(?:@[\w-]+(?:\.[\w-]+)+)?")
_BARE_HANDLE = re.compile(r"(?<![\w./@-])[\w-]+\.bsky\.social\b")
# The address of an account, or of a post under an account's name.
_ACCOUNT = re.compile(
    r"(?<![\w@.-])(?:https?://)?(?:[\w-]+\.)*(?:(?:x|twitter|instagram|facebook|fb|tiktok)\.com|threads\.(?:com|net)"
    r"|bsky\.app/profile|youtube\.com/(?:channel|user|c)|t\.me|wa\.me)/[^\s<>\"')\]]+"
    r"|https?://[^\s/]+/(?:@|users/)[^\s<>\"')\]]+",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Mask e-mail addresses, phone numbers, NIK, @handles and accounts' addresses; masking twice changes nothing.

    >>> mask("Hubungi 0812-3456-7890 atau redaksi@contoh.id, NIK 1809010101900001, akun @warga_desa.")
    'Hubungi [telepon] atau [email], NIK [nik], akun [akun].'
    >>> mask("Kata @budi-99@kampung.id dan budi.bsky.social di https://x.com/budi/status/1")
    'Kata [akun] dan [akun] di [akun]'
    >>> mask("Harga Rp1.250.000 di kampung itu, 26/05/2025 pukul 08.30 WIB, UU 40/1999")
    'Harga Rp1.250.000 di kampung itu, 26/05/2025 pukul 08.30 WIB, UU 40/1999'
    """
    text = _HANDLE.sub("[akun]", _ACCOUNT.sub("[akun]", text))
    text = _BARE_HANDLE.sub("[akun]", _EMAIL.sub("[email]", text))
    text = _NIK.sub("[nik]", text)
    return _PHONE.sub(_masked_phone, text)


def _masked_phone(match: re.Match[str]) -> str:
    """Mask a match with the length of a telephone number: 9 to 15 digits."""
    digits = sum(character.isdigit() for character in match[0])
    return "[telepon]" if 9 <= digits <= 15 else match[0]


def author_hash(author: str, salt: bytes, day: date) -> str | None:
    """Return a keyed hash that counts the distinct authors of one week and leads back to none.

    The key rotates with the ISO week, which stands before the hash: counts are taken under one key only, for
    the same author looks like two people across a change.

    Args: salt: the installation's secret; without one nothing is kept.
    """
    name = " ".join(author.split()).casefold()
    if not name or not salt:
        return None
    week = f"{day:%GW%V}"
    key = hmac.digest(salt, week.encode(), "sha256")
    return f"{week}:{hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:24]}"


_POSTS = (  # links that people give for a post -> its platform and its name there
    ("x", re.compile(r"https://(?:www\.|mobile\.)?(?:x|twitter)\.com/[^\s/]+/status/(\d+)")),
    ("youtube", re.compile(r"https://(?:www\.|m\.)?youtube\.com/\S*[?&]lc=([\w.-]+)")),
    ("bluesky", re.compile(r"(at://did:[^\s/]+/app\.bsky\.feed\.post/\w+)")),
    ("mastodon", re.compile(r"(https://[^\s/]+/@[^\s/]+/\d+)")),
)
_BLUESKY_LINK = re.compile(r"^https://bsky\.app/profile/(did:[^\s/]+)/post/(\w+)$")


def post_address(platform: str, name: str, salt: bytes) -> str:
    """Return the address under which a resident's post is stored: always the same one, and leading back to nobody.

    Args: name: what the platform calls the post; it may hold its author's name. salt: the installation's secret.
    """
    return f"urn:sejuk:{platform}:{hmac.new(salt, f'{platform}:{name}'.encode(), hashlib.sha256).hexdigest()[:32]}"


def address_of_link(link: str, salt: bytes) -> str:
    """Return the stored address of a post that a person names by its public link; any other link as it is."""
    link = _BLUESKY_LINK.sub(r"at://\1/app.bsky.feed.post/\2", link.strip())
    for platform, pattern in _POSTS:
        if found := pattern.match(link):
            return post_address(platform, found[1], salt)
    return link
