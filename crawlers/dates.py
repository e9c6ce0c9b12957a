"""Times as sources write them -> UTC; what carries no zone is local to the region."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

import dateparser

_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}
_ZONE = re.compile(r"\b(WIB|WITA|WIT)\b", re.IGNORECASE)
_DAY_NAME = re.compile(r"\b(?:senin|selasa|rabu|kamis|jum['’]?at|sabtu|minggu|ahad)\b\s*,?", re.IGNORECASE)
_MONTHS = "jan|feb|mar|apr|mei|may|jun|jul|agu|ags|aug|sep|okt|oct|nov|nop|des|dec"
_WRITTEN = re.compile(
    rf"\b\d{{1,2}}\s+(?:{_MONTHS})[a-z]*\.?\s+20\d\d"
    r"(?:[\s,|·•@–-]*(?:pukul|jam)?[\s,|·•@–-]*\d{1,2}[:.]\d{2}(?:[:.]\d{2})?)?(?:\s*(?:WIB|WITA|WIT)\b)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\b(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?=\s*(?:WIB|WITA|WIT)?\s*$)", re.IGNORECASE)
_FUTURE = timedelta(days=1)
_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)


def parse_date(text: str, now: datetime, local: tzinfo) -> datetime | None:
    """Return a time in UTC, or None where the text tells none or one more than a day in the future.

    >>> from datetime import datetime, timezone, timedelta
    >>> now = datetime(2025, 6, 1, tzinfo=timezone.utc); wib = timezone(timedelta(hours=7))
    >>> parse_date("Senin, 26 Mei 2025 | 08.30 WIB", now, wib).isoformat()
    '2025-05-26T01:30:00+00:00'
    """
    text = " ".join(text.split())[:100]
    if not text:
        return None
    time = _iso(text) or _rfc822(text) or _written(text, now, local)
    return _plausible_local(time, now, local)


def parse_iso(text: str, now: datetime, local: tzinfo) -> datetime | None:
    """Return a time in ISO 8601 (as sitemaps have it) in UTC; a list of 100,000 bad ones costs nothing.

    >>> from datetime import datetime, timezone, timedelta
    >>> now = datetime(2025, 6, 1, tzinfo=timezone.utc); wib = timezone(timedelta(hours=7))
    >>> parse_iso("2025-05-26T08:30+07:00", now, wib).isoformat(), parse_iso("kemarin", now, wib)
    ('2025-05-26T01:30:00+00:00', None)
    """
    return _plausible_local(_iso(text.strip()), now, local)


def _plausible_local(time: datetime | None, now: datetime, local: tzinfo) -> datetime | None:
    if time is None:
        return None
    return plausible(time if time.tzinfo else time.replace(tzinfo=local), now)


def plausible(time: datetime, now: datetime) -> datetime | None:
    """Return a zone-aware time in UTC, None where it lies in the far past or in the future."""
    try:
        utc = time.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return utc if _EARLIEST <= utc <= now + _FUTURE else None


def find_date(text: str, now: datetime, local: tzinfo) -> datetime | None:
    """Return the first written date ("26 Mei 2025 08:30 WIB") in a text."""
    found = _WRITTEN.search(text)
    return parse_date(found[0], now, local) if found else None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _rfc822(text: str) -> datetime | None:
    zone = _ZONE.search(text)
    if zone:
        text = _ZONE.sub(f"+0{_ZONES[zone[1].upper()]}00", text)
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return time if re.search(r"[+-]\d{4}|[A-Z]{2,3}$", text) else time.replace(tzinfo=None)


def _written(text: str, now: datetime, local: tzinfo) -> datetime | None:
    zone = _ZONE.search(text)
    text = _DAY_NAME.sub(" ", _ZONE.sub(" ", text))
    text = _CLOCK.sub(lambda m: ":".join(part for part in m.groups() if part), text.strip())
    text = re.sub(r"\b(?:pukul|jam)\b(?=\s*\d{1,2}:)|[|·•@]|(?<=\d)\s*[,–-]\s*(?=\d{1,2}:)", " ", text)
    try:
        time: datetime | None = dateparser.parse(
            text,
            languages=["id", "en"],
            settings={
                "DATE_ORDER": "DMY",
                "PREFER_DATES_FROM": "past",
                "REQUIRE_PARTS": ["day", "month", "year"],
                "RELATIVE_BASE": now.astimezone(local).replace(tzinfo=None),
            },
        )
    except (ValueError, OverflowError, RecursionError):
        return None
    if time is None or time.tzinfo:
        return time
    return time.replace(tzinfo=timezone(timedelta(hours=_ZONES[zone[1].upper()])) if zone else local)
