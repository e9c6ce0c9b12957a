"""Check and arrange scored stories, and count them by day, voice and place. Days are region-local."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.records import Voice

logger = logging.getLogger(__name__)

VOICES = ("all", *(voice.value for voice in Voice))
WINDOW = 7  # days over which stories and authors are counted for status and privacy
GRAVE_LEVEL = 3
REQUIRED = ("story_id", "day", "desa_code", "kecamatan_code", "tension", "voice")
_EPOCH = np.datetime64("1970-01-01", "D")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Places:
    """The places of the region: each desa's kecamatan by position."""

    desa: tuple[str, ...]
    kecamatan: tuple[str, ...]
    parent: Ints  # (desa,) position of the desa's kecamatan


@dataclass(frozen=True, slots=True)
class StoryTable:
    """Checked stories as columns of equal length, one row a story and place."""

    places: Places
    story: Ints
    day: Ints  # days since 1970-01-01
    desa: Ints  # position, -1 where not known
    kecamatan: Ints  # position, -1 where not known
    voice: Ints  # position in VOICES, 1 to 3
    tension: Floats
    hot: Bools  # level 2 or above
    level: Ints
    copies: Ints
    sources: Ints
    authors: Ints

    def __len__(self) -> int:
        return len(self.story)

    def take(self, rows: Bools | Ints) -> StoryTable:
        """Return the rows given by a mask or by positions."""
        names = [n for n in self.__slots__ if n != "places"]
        return StoryTable(self.places, **{n: getattr(self, n)[rows] for n in names})


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one level, arrays of shape (days, 4 voices, places); voice 0 is over all."""

    first: int  # day of row 0, days since 1970-01-01
    n: Floats
    weighted: Floats  # stories that carry weight in the estimate
    total: Floats  # their summed tension
    squares: Floats  # their summed squared tension
    hot: Floats
    grave: Floats  # stories of level 3 or 4
    max_level: Floats  # NaN without a story
    copies: Floats
    sources: Floats


def local_day(as_of: datetime, timezone: str) -> date:
    """Return the region-local day of a moment.

    Raises: ValueError where `as_of` has no time zone.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of has no time zone; give a time in UTC, such as datetime.now(UTC)")
    return as_of.astimezone(ZoneInfo(timezone)).date()


def ordinal(day: date) -> int:
    """Return the days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def as_date(number: int) -> date:
    """Return the date of a count of days since 1970-01-01."""
    return date(1970, 1, 1) + timedelta(days=int(number))


def read_places(places: pd.DataFrame) -> Places:
    """Read the columns desa_code and kecamatan_code.

    Raises: ValueError where a column lacks or a desa stands twice.
    """
    _need(places, ("desa_code", "kecamatan_code"), "places")
    if repeated := sorted(places["desa_code"][places["desa_code"].duplicated()]):
        raise ValueError(f"places: desa_code {repeated[0]} stands twice")
    kecamatan = tuple(sorted(set(places["kecamatan_code"])))
    parent = pd.Index(kecamatan).get_indexer(pd.Index(places["kecamatan_code"]))
    return Places(tuple(places["desa_code"]), kecamatan, parent.astype(np.int64))


def read_stories(stories: pd.DataFrame, places: Places, as_of: datetime) -> StoryTable:
    """Check the stories and keep what was known at `as_of`.

    Repeated equal rows count once. A desa or kecamatan code that the region does not hold is logged and the
    story counts at the next level up that is known.

    Raises: ValueError naming the row: missing column, tension not in [0, 1], unknown voice, unreadable day,
        or one story with two tensions.
    """
    _need(stories, REQUIRED, "stories")
    frame = stories.reset_index(drop=True)
    if "first_seen" in frame and len(frame):
        seen = pd.to_datetime(frame["first_seen"], utc=True, format="ISO8601")
        frame = frame[(seen <= pd.Timestamp(as_of)).to_numpy()]
    tension = pd.to_numeric(frame["tension"], errors="coerce").to_numpy(dtype=np.float64)
    _refuse_first(frame, "tension", ~((tension >= 0) & (tension <= 1)), "not in [0, 1]")
    voice = pd.Index(VOICES).get_indexer(pd.Index(frame["voice"]))
    _refuse_first(frame, "voice", voice < 1, f"not one of {', '.join(VOICES[1:])}")
    days = pd.to_datetime(frame["day"], errors="coerce").to_numpy(dtype="datetime64[D]")
    _refuse_first(frame, "day", np.isnat(days), "not a day such as 2025-05-24")
    _refuse_first(frame, "story_id", frame["story_id"].isna().to_numpy(), "missing")
    desa, kecamatan = _positions(frame, places)
    level = _column(frame, "level", np.rint(tension * 4))
    table = StoryTable(
        places,
        pd.factorize(frame["story_id"])[0].astype(np.int64),
        (days - _EPOCH).astype(np.int64),
        desa,
        kecamatan,
        voice.astype(np.int64),
        tension,
        _column(frame, "level_2plus", tension >= 0.375) >= 0.5,  # 0.375: midway from level 1 to level 2
        level.astype(np.int64),
        *(_column(frame, name, np.ones(len(frame))).astype(np.int64) for name in ("copies", "sources", "authors")),
    )
    _refuse_conflicts(frame, table)
    return table.take(_firsts(table.story, table.desa, table.kecamatan))


def _need(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    if missing := [column for column in columns if column not in frame]:
        raise ValueError(f"{name}: no column {', '.join(missing)}")


def _refuse_first(frame: pd.DataFrame, column: str, wrong: Bools, message: str) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        row = frame.iloc[at]
        raise ValueError(f"stories: row {frame.index[at]} ({row['story_id']}): {column} {row[column]!r} is {message}")


def _refuse_conflicts(frame: pd.DataFrame, table: StoryTable) -> None:
    """Hold that the rows of one story agree on its tension, day and voice."""
    first = np.full(table.story.max(initial=-1) + 1, -1)
    first[table.story[::-1]] = np.arange(len(table))[::-1]
    for name in ("tension", "day", "voice"):
        values = getattr(table, name)
        _refuse_first(frame, name, values != values[first[table.story]], "not that of the story's other rows")


def _column(frame: pd.DataFrame, name: str, default: NDArray[np.generic]) -> Floats:
    if name not in frame:
        return default.astype(np.float64)
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.isnan(values), default.astype(np.float64), values)


def _positions(frame: pd.DataFrame, places: Places) -> tuple[Ints, Ints]:
    """Return positions of desa and kecamatan, -1 where not known; a known desa decides its kecamatan."""
    desa = pd.Index(places.desa).get_indexer(pd.Index(frame["desa_code"])).astype(np.int64)
    kecamatan = pd.Index(places.kecamatan).get_indexer(pd.Index(frame["kecamatan_code"])).astype(np.int64)
    for column, found in (("desa_code", desa), ("kecamatan_code", kecamatan)):
        unknown = frame[column][(found < 0) & frame[column].notna().to_numpy()]
        for code, count in unknown.value_counts().items():
            logger.warning("unknown_place column=%s code=%s stories=%d", column, code, count)
    return desa, np.where(desa >= 0, places.parent[desa], kecamatan)


def _firsts(*keys: Ints) -> Ints:
    """Return the positions of the first row of each distinct key."""
    frame = pd.DataFrame(dict(enumerate(keys)))
    return np.flatnonzero(~frame.duplicated().to_numpy())


def at_level(table: StoryTable, level: str) -> tuple[StoryTable, Ints, int]:
    """Return the rows that count at a level once each, their places by position, and how many places it has."""
    if level == "desa":
        rows = table.take(table.desa >= 0)
        rows = rows.take(_firsts(rows.story, rows.desa))
        return rows, rows.desa, len(table.places.desa)
    if level == "kecamatan":
        rows = table.take(table.kecamatan >= 0)
        rows = rows.take(_firsts(rows.story, rows.kecamatan))
        return rows, rows.kecamatan, len(table.places.kecamatan)
    rows = table.take(_firsts(table.story))
    return rows, np.zeros(len(rows), dtype=np.int64), 1


def count(table: StoryTable, level: str, first: int, last: int, shown: Bools | None = None) -> Counts:
    """Count the stories of the days `first` to `last` at a level.

    Over all voices, an official story below level 2 counts but carries no weight, so that a release saying
    "kondusif" never lowers the estimate; and at desa level public stories count only on desa-days `shown`.

    Args:
        shown: (days, desa), True where the public voice has enough distinct authors; None shows all.
    """
    rows, place, size = at_level(table.take((table.day >= first) & (table.day <= last)), level)
    day = rows.day - first
    official, public = VOICES.index("official"), VOICES.index("public")
    own = np.ones(len(rows), dtype=np.bool_)
    if level == "desa" and shown is not None:
        own = (rows.voice != public) | shown[day, place]
    carries = ~((rows.voice == official) & ~rows.hot)
    pick = np.concatenate([np.flatnonzero(own), np.arange(len(rows))])
    weight = np.concatenate([carries[own], np.ones(len(rows), dtype=np.bool_)]).astype(np.float64)
    voice = np.concatenate([np.zeros(int(own.sum()), dtype=np.int64), rows.voice])
    shape = (last - first + 1, len(VOICES), size)
    cell = np.ravel_multi_index((day[pick], voice, place[pick]), shape)

    def total(weights: NDArray[np.generic] | None = None) -> Floats:
        values = np.bincount(cell, weights, minlength=int(np.prod(shape))).astype(np.float64)
        return values.reshape(shape)

    max_level = np.full(int(np.prod(shape)), -1.0)
    np.maximum.at(max_level, cell, rows.level[pick])
    tension = rows.tension[pick]
    return Counts(
        first,
        total(),
        total(weight),
        total(weight * tension),
        total(weight * tension**2),
        total(rows.hot[pick]),
        total(rows.level[pick] >= GRAVE_LEVEL),
        np.where(max_level < 0, np.nan, max_level).reshape(shape),
        total(rows.copies[pick]),
        total(rows.sources[pick]),
    )


def trailing(daily: Floats, days: int = WINDOW) -> Floats:
    """Return the sum over the last `days` days along the first axis, the day itself included."""
    sums = np.concatenate([np.zeros((days, *daily.shape[1:])), np.cumsum(daily, axis=0)])
    return np.asarray(sums[days:] - sums[:-days])


def public_authors(table: StoryTable, first: int, last: int, authors: pd.DataFrame | None = None) -> NDArray[np.int64]:
    """Count the distinct authors of public stories in the 7 days up to each day.

    Args:
        authors: distinct (day, desa_code, author_hash), where what stands before a colon names the key of the
            hash. One person looks like two under two keys, so the largest count under one key stands. Without
            hashes, and on days whose hashes are dropped, it is the largest number of authors of a single
            story in the window. Neither ever counts too many.

    Returns: (days, desa) int.
    """
    shape = (last - first + 1, len(table.places.desa))
    public = (table.voice == VOICES.index("public")) & (table.desa >= 0)
    rows = table.take(public & (table.day > first - WINDOW) & (table.day <= last))
    found = np.zeros(shape, dtype=np.int64)
    for age in range(WINDOW):
        day = rows.day - first + age
        inside = (day >= 0) & (day < shape[0])
        np.maximum.at(found, (day[inside], rows.desa[inside]), rows.authors[inside])
    if authors is not None:
        _need(authors, ("day", "desa_code", "author_hash"), "authors")
        keys = authors["author_hash"].astype(str).str.replace(r":[^:]*$|^[^:]*$", "", regex=True)
        for _, same_key in authors.groupby(keys):
            found = np.maximum(found, _distinct(same_key, table.places, first, shape))
    return found


def _distinct(authors: pd.DataFrame, places: Places, first: int, shape: tuple[int, int]) -> Ints:
    desa = pd.Index(places.desa).get_indexer(pd.Index(authors["desa_code"])).astype(np.int64)
    day = (pd.to_datetime(authors["day"]).to_numpy(dtype="datetime64[D]") - _EPOCH).astype(np.int64) - first
    author = pd.factorize(authors["author_hash"])[0].astype(np.int64)
    days = np.concatenate([day + age for age in range(WINDOW)])
    desa, author = np.tile(desa, WINDOW), np.tile(author, WINDOW)
    inside = np.flatnonzero((days >= 0) & (days < shape[0]) & (desa >= 0) & (author >= 0))
    kept = inside[_firsts(days[inside], desa[inside], author[inside])]
    cell = np.ravel_multi_index((days[kept], desa[kept]), shape)
    return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def read_coverage(coverage: pd.DataFrame | None, first: int, last: int) -> Floats:
    """Arrange the healthy share of sources as (days, 4 voices); a day that is not listed counts as covered.

    Over all voices it is the listed row `all`, else the largest of the voices' shares.

    Raises: ValueError for a fraction outside [0, 1].
    """
    found = np.full((last - first + 1, len(VOICES)), np.nan)
    if coverage is not None and len(coverage):
        _need(coverage, ("day", "voice", "fraction"), "coverage")
        fraction = coverage["fraction"].to_numpy(dtype=np.float64)
        if not ((fraction >= 0) & (fraction <= 1)).all():
            raise ValueError("coverage: fraction must lie in [0, 1]")
        day = (pd.to_datetime(coverage["day"]).to_numpy(dtype="datetime64[D]") - _EPOCH).astype(np.int64) - first
        voice = pd.Index(VOICES).get_indexer(pd.Index(coverage["voice"]))
        inside = (day >= 0) & (day <= last - first) & (voice >= 0)
        found[day[inside], voice[inside]] = fraction[inside]
        best = np.where(np.isnan(found[:, 1:]), -1, found[:, 1:]).max(axis=1)
        found[:, 0] = np.where(np.isnan(found[:, 0]) & (best >= 0), best, found[:, 0])
    return np.where(np.isnan(found), 1.0, found)
