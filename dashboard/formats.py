"""Numbers, days and times as readers write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.wording import day, number, percent, signed


def moment(text: str, zone: ZoneInfo, lang: str = "id") -> str:
    """Return a UTC time as a local one.

    >>> moment("2025-05-24T02:05:00+00:00", ZoneInfo("Asia/Jakarta"))
    '24 Mei 2025 09.05'
    """
    local = datetime.fromisoformat(text).astimezone(zone)
    return f"{day(local.date(), lang)} {local:%H.%M}" if lang == "id" else f"{day(local.date(), lang)} {local:%H:%M}"


def span(hours: float) -> tuple[int, str]:
    """Return a length of time in the unit that is read most easily: minutes, hours or days.

    >>> span(0.5), span(30), span(72), span(-1)  # a clock that was set back
    ((30, 'minutes'), (30, 'hours'), (3, 'days'), (0, 'minutes'))
    """
    length = timedelta(hours=max(hours, 0))
    if length < timedelta(hours=2):
        return round(length / timedelta(minutes=1)), "minutes"
    if length < timedelta(hours=48):
        return round(hours), "hours"
    return round(hours / 24), "days"


def writers(lang: str, zone: ZoneInfo, t: Callable[[str], str]) -> dict[str, Any]:
    """Return what templates write numbers, days, times and the codes of other parts with, in one language."""

    def ago(hours: float, length: bool = False) -> str:
        count, unit = span(hours)
        text = f"{count} {t('unit_' + unit)}"
        return text if length else f"{text} {t('unit_ago')}"

    def said(kind: str, text: str) -> str:
        try:
            return t(f"{kind}_{text.replace(' ', '_').replace('-', '_')}")
        except KeyError:  # a code of another part that has no words here yet
            return text

    return {
        "number": partial(number, lang=lang),
        "signed": partial(signed, lang=lang),
        "percent": percent,
        "date": partial(day, lang=lang),
        "time": partial(moment, zone=zone, lang=lang),
        "ago": ago,
        "said": said,
    }
