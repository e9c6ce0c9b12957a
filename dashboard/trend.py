"""A place over time: the series that the browser draws, and the same as SVG for a page without script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup, escape

from pipelines.store import Row
from pipelines.wording import day as written
from pipelines.wording import number

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 240, 108, 22, 8
VOICES = ("press", "official", "public")
MANY = 12  # visits from which their lines are cut short, so that the trend stays in sight
MISSING: Row = {"status": "no_data", "tension": None, "low": None, "high": None, "n": 0}
Series = list[float | None]


def series(rows: Sequence[Row], visits: Sequence[Row], alerts: Sequence[Row]) -> dict[str, Any]:
    """Return columns for the browser: days (seconds, UTC midnight), each voice's estimate, and what happened.

    Args: rows: shown rows of one place, all voices. Where an estimate is borrowed it stands in `estimated`, where
    the place has enough stories in `enough`; no data is null in both.
    """
    days = sorted({row["day"] for row in rows})
    voices: dict[str, dict[str, Row]] = {voice: {} for voice in ("all", *VOICES)}
    for row in rows:
        voices[row["voice"]][row["day"]] = row
    every = [voices["all"].get(day, MISSING) for day in days]
    return {
        "days": [_seconds(day) for day in days],
        "enough": [_number(row["tension"]) if row["status"] == "enough" else None for row in every],
        "estimated": _joined(every),
        "low": [_number(row["low"]) for row in every],
        "high": [_number(row["high"]) for row in every],
        "stories": [int(row["n"]) for row in every],
        **{voice: [_own(own.get(day)) for day in days] for voice, own in voices.items() if voice != "all"},
        "visits": [{"at": _seconds(v["day"]), "what": v["kind"]} for v in visits],
        "alerts": [{"at": _seconds(a["day"]), "tier": a["tier"], "what": a["words"]} for a in alerts],
    }


def _own(row: Row | None) -> float | None:
    return _number(row["tension"]) if row and row["status"] == "enough" else None


def _joined(every: Sequence[Row]) -> Series:
    """Return the estimated days, and the days with enough data beside them, so that the two lines meet."""
    estimated = [False, *(row["status"] == "estimated" for row in every), False]
    near = [any(estimated[i : i + 3]) for i in range(len(every))]
    return [_number(row["tension"]) if beside else None for row, beside in zip(every, near, strict=True)]


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 4)


def _seconds(day: str) -> int:
    return int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a day and a value lie in the picture."""

    days: Sequence[int]

    def x(self, day: float) -> float:
        """Return the horizontal place of a day."""
        span = max(self.days[-1] - self.days[0], 86400)
        return round(LEFT + (day - self.days[0]) / span * (WIDTH - LEFT - 8), 1)

    def y(self, value: float) -> float:
        """Return the vertical place of a tension in [0, 1]."""
        return round(TOP + (1 - value) * (HEIGHT - TOP - BOTTOM), 1)

    def pieces(self, values: Series) -> list[list[tuple[float, float]]]:
        """Cut a line where there is no value."""
        pieces: list[list[tuple[float, float]]] = [[]]
        for day, value in zip(self.days, values, strict=True):
            if value is None:
                pieces.append([])
            else:
                pieces[-1].append((self.x(day), self.y(value)))
        return [piece for piece in pieces if piece]


@dataclass(frozen=True, slots=True)
class Words:
    """What the picture says, in the reader's language."""

    lang: str
    label: str  # the whole picture
    levels: Sequence[str]  # 0 to 4, beside their numbers


def draw(data: dict[str, Any], lines: Sequence[str], words: Words, band: bool = False) -> Markup:
    """Draw lines of `series` as SVG; with `band` the 90 % interval, the stories, visits and alerts too."""
    if not data["days"]:
        return Markup()
    frame = Frame(data["days"])
    parts = [_axes(frame, words)]
    if band:
        parts += [_band(frame, data), _bars(frame, data["stories"])]
    parts += [_line(frame, data[name], f"line-{name}") for name in lines]
    if band:
        foot = HEIGHT - BOTTOM if len(data["visits"]) <= MANY else TOP + 30
        parts += [_mark(frame, visit["at"], "visit", visit["what"], foot) for visit in data["visits"]]
        parts += [_mark(frame, alert["at"], f"alert-{alert['tier']}", alert["what"]) for alert in data["alerts"]]
    return Markup('<svg class="trend" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, words.label, Markup("").join(parts)
    )


def _axes(frame: Frame, words: Words) -> Markup:
    grid = (
        Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(LEFT, WIDTH - 8, frame.y(i / 4))
        + Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{} {}</text>').format(
            LEFT - 5, frame.y(i / 4) + 4, level, number(i / 4, lang=words.lang)
        )
        for i, level in enumerate(words.levels)
    )
    ends = ((frame.days[0], "start"), (frame.days[-1], "end"))
    dates = (
        Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            frame.x(at), HEIGHT - 5, anchor, written(datetime.fromtimestamp(at, UTC).date(), words.lang)
        )
        for at, anchor in ends
    )
    return Markup("").join((*grid, *dates))


def _band(frame: Frame, data: dict[str, Any]) -> Markup:
    low, high = frame.pieces(data["low"]), frame.pieces(data["high"])
    shapes = [above + below[::-1] for below, above in zip(low, high, strict=True)]
    return Markup("").join(
        Markup('<polygon class="interval" points="{}"/>').format(_points(shape)) for shape in shapes if len(shape) > 2
    )


def _bars(frame: Frame, stories: Sequence[int]) -> Markup:
    most = max([*stories, 4])
    width = max(1.0, round((WIDTH - LEFT - 8) / len(stories) * 0.7, 1))
    floor = frame.y(0)
    return Markup("").join(
        Markup('<rect class="stories" x="{}" y="{}" width="{}" height="{}"/>').format(
            round(frame.x(day) - width / 2, 1), round(floor - n / most * 50, 1), width, round(n / most * 50, 1)
        )
        for day, n in zip(frame.days, stories, strict=True)
        if n
    )


def _line(frame: Frame, values: Series, name: str) -> Markup:
    return Markup("").join(
        Markup('<polyline class="{}" points="{}"/>').format(name, _points(piece))
        if len(piece) > 1
        else Markup('<circle class="{}" cx="{}" cy="{}" r="2"/>').format(name, *piece[0])
        for piece in frame.pieces(values)
    )


def _mark(frame: Frame, at: int, name: str, what: str, foot: int = HEIGHT - BOTTOM) -> Markup:
    x = frame.x(at)
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"><title>{}</title></line>').format(
        name, x, x, TOP, foot, escape(what)
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
