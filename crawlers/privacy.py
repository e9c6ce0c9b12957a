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
_HANDLE = re.compile(r"(?<![\w@./])@[A-Za-z_][\w.]*\w")


def mask(text: str) -> str:
    """Mask e-mail addresses, phone numbers, NIK and @handles; masking twice changes nothing.

    >>> mask("Hubungi 0812-3456-7890 atau redaksi@contoh.id, NIK 1809010101900001, akun @warga_desa.")
    'Hubungi [telepon] atau [email], NIK [nik], akun [akun].'
    >>> mask("Harga Rp1.250.000 di kampung itu, 26/05/2025 pukul 08.30 WIB, UU 40/1999")
    'Harga Rp1.250.000 di kampung itu, 26/05/2025 pukul 08.30 WIB, UU 40/1999'
    """
    text = _EMAIL.sub("[email]", text)
    text = _NIK.sub("[nik]", text)
    text = _PHONE.sub(_masked_phone, text)
    return _HANDLE.sub("[akun]", text)


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
