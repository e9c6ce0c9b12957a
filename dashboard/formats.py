"""Numbers, days and times as readers write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "en": "January February March April May June July August September October November December".split(),
}


def number(value: float | None, places: int = 2, lang: str = "id") -> str:
    """Return a number with the language's decimal mark.

    >>> number(0.5), number(None), number(0.5, lang="en")
    ('0,50', '–', '0.50')
    """
    if value is None or value != value:
        return "–"
    text = f"{value:.{places}f}"
    return text if lang == "en" else text.replace(".", ",")


def signed(value: float, lang: str = "id") -> str:
    """Return a difference with its sign.

    >>> signed(-0.251), signed(0.1)
    ('−0,25', '+0,10')
    """
    return ("+" if value >= 0 else "−") + number(abs(value), lang=lang)


def percent(value: float | None) -> str:
    """Return a share in percent.

    >>> percent(0.9), percent(None)
    ('90 %', '–')
    """
    return "–" if value is None else f"{value * 100:.0f} %"


def day(value: date | str, lang: str = "id") -> str:
    """Return a day in words.

    >>> day("2025-05-24"), day(date(2025, 5, 24), "en")
    ('24 Mei 2025', '24 May 2025')
    """
    value = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{value.day} {MONTHS[lang][value.month - 1]} {value.year}"


def moment(text: str, zone: ZoneInfo, lang: str = "id") -> str:
    """Return a UTC time as a local one.

    >>> moment("2025-05-24T02:05:00+00:00", ZoneInfo("Asia/Jakarta"))
    '24 Mei 2025 09.05'
    """
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{day(local.date(), lang)} {local:%H.%M}" if lang == "id" else f"{day(local.date(), lang)} {local:%H:%M}"


def span(hours: float) -> tuple[int, str]:
    """Return a length of time in the unit that is read most easily: minutes, hours or days.

    >>> span(0.5), span(30), span(72)
    ((30, 'minutes'), (30, 'hours'), (3, 'days'))
    """
    length = timedelta(hours=hours)
    if length < timedelta(hours=2):
        return round(length / timedelta(minutes=1)), "minutes"
    if length < timedelta(hours=48):
        return round(hours), "hours"
    return round(hours / 24), "days"


def level_of(tension: float | None) -> int | None:
    """Return the level nearest to a tension in [0, 1], from which its colour follows.

    >>> level_of(0.6), level_of(None)
    (2, None)
    """
    return None if tension is None or tension != tension else min(4, int(tension * 4 + 0.5))


def writers(lang: str, zone: ZoneInfo, t: Callable[[str], str]) -> dict[str, Any]:
    """Return what templates write numbers, days, times and the locator's rules with, in one language."""

    def ago(hours: float, length: bool = False) -> str:
        count, unit = span(hours)
        text = f"{count} {t('unit_' + unit)}"
        return text if length else f"{text} {t('unit_ago')}"

    def rule(text: str) -> str:
        try:
            return t(f"rule_{text.replace(' ', '_')}")
        except KeyError:  # a rule of the locator that has no words here yet
            return text

    return {
        "number": partial(number, lang=lang),
        "signed": partial(signed, lang=lang),
        "percent": percent,
        "date": partial(day, lang=lang),
        "time": partial(moment, zone=zone, lang=lang),
        "ago": ago,
        "rule": rule,
    }
