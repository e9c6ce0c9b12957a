"""Daily tension of each desa, kecamatan and the kabupaten: discounted empirical Bayes with an interval.

Silence is never drawn as calm: a day without a story keeps a decayed estimate marked `estimated`, and an
outage of the sources gives `no_data` and no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from analysis.discounted import DEFAULTS, Parameters, fit_counts, run_filter
from analysis.records import SENTIMENTS, THEMES
from analysis.story_table import (
    VOICES,
    Counts,
    Floats,
    StoryTable,
    as_date,
    count,
    local_day,
    ordinal,
    public_authors,
    read_coverage,
    read_places,
    read_stories,
    trailing,
)

__all__ = ["DEFAULTS", "Parameters", "estimate", "estimate_kabupaten", "estimate_kecamatan", "publish", "summarise"]

ENOUGH = 3  # stories in 7 days from which a place stands on its own
FINAL_AFTER = 7  # days until a day is frozen
HISTORY = 365  # days before the first asked day that can still matter
SPAN = 400  # days before as_of that are always filtered
STALE = 30  # days without any story of a voice in the whole region, after which nothing can be said
SINGLE = "satu laporan, belum dikuatkan"
HIDDEN = "kurang dari {k} penulis dalam 7 hari: hanya dihitung di tingkat kecamatan"
BORROWED = "diperkirakan dari kecamatan"


KEYS = {"desa": "desa_code", "kecamatan": "kecamatan_code", "kabupaten": "kabupaten_code"}


def estimate(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    days: Sequence[date],
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    parameters: Parameters | None = None,
    authors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate the tension of every desa on each day, per voice and over all.

    Args:
        stories: one row a story and place: story_id, day, desa_code, kecamatan_code (either may be missing),
            tension in [0, 1], voice; optional level, level_2plus, copies, sources, authors, first_seen (UTC).
        places: desa_code, kecamatan_code.
        days: region-local days; those after `as_of` come out as no_data.
        as_of: what was known when; stories first seen later are ignored.
        coverage: day, voice, fraction of healthy sources in [0, 1]; 0 gives no_data.
        parameters: of the desa level; None takes `fit` where the past allows it.
        authors: distinct day, desa_code, author_hash of public stories.

    Returns: a row a day, desa and voice: day, desa_code, kecamatan_code, voice, n, n7, copies, sources,
        authors7, tension, low, high (90 %), weight, status, max_level, grave7, kecamatan_tension,
        kecamatan_low, kecamatan_high, coverage, as_of, final.

    Raises: ValueError naming the row of a bad input.
    """
    region = _Region.read(stories, places, days, as_of, coverage, authors, parameters)
    table = _level_table(region, "desa", parameters)
    above = _level_table(region, "kecamatan", None).set_index(["day", "kecamatan_code", "voice"])
    parent = dict(zip(places["desa_code"], places["kecamatan_code"], strict=True))
    table.insert(2, "kecamatan_code", table["desa_code"].map(parent))
    shape = (len(region.days), len(region.table.places.kecamatan), len(VOICES))
    for name in ("tension", "low", "high"):
        values = above[name].to_numpy(dtype=np.float64).reshape(shape)
        table.insert(len(table.columns) - 3, f"kecamatan_{name}", values[:, region.table.places.parent].ravel())
    return table


def estimate_kecamatan(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    days: Sequence[date],
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    parameters: Parameters | None = None,
    authors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate the tension of every kecamatan; stories known only at that level count too.

    Args, Returns, Raises: as `estimate`, with kecamatan_code as the place.
    """
    region = _Region.read(stories, places, days, as_of, coverage, authors, parameters)
    return _level_table(region, "kecamatan", parameters)


def estimate_kabupaten(
    stories: pd.DataFrame,
    places: pd.DataFrame,
    days: Sequence[date],
    as_of: datetime,
    coverage: pd.DataFrame | None = None,
    parameters: Parameters | None = None,
    authors: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate the tension of the kabupaten from all stories about the region.

    Args, Returns, Raises: as `estimate`, with kabupaten_code (the common start of the kecamatan codes).
    """
    region = _Region.read(stories, places, days, as_of, coverage, authors, parameters)
    return _level_table(region, "kabupaten", parameters)


@dataclass(frozen=True, slots=True)
class _Region:
    """What every level shares: checked stories, the asked days, and the span that is filtered."""

    table: StoryTable
    days: tuple[int, ...]
    first: int
    last: int
    today: int
    as_of: datetime
    coverage: Floats  # (days asked, voices)
    authors7: Floats  # (days, desa)
    counts: dict[str, Counts]  # by level

    @classmethod
    def read(
        cls,
        stories: pd.DataFrame,
        places: pd.DataFrame,
        days: Sequence[date],
        as_of: datetime,
        coverage: pd.DataFrame | None,
        authors: pd.DataFrame | None,
        parameters: Parameters | None,
    ) -> _Region:
        settings = parameters or Parameters()
        today = ordinal(local_day(as_of, settings.timezone))
        asked = tuple(sorted({ordinal(pd.Timestamp(day).date()) for day in days}))
        table = read_stories(stories, read_places(places), as_of)
        last = today  # the span follows from as_of, so that a day comes out alike however it is asked for
        edge = min(today - SPAN, min(asked, default=today) - HISTORY)
        table = table.take((table.day <= last) & (table.day >= edge))
        first = int(table.day.min(initial=last))
        listed = [read_coverage(coverage, min(asked), max(asked))] if asked else []
        shares = listed[0][np.array(asked) - asked[0]] if asked else np.ones((0, len(VOICES)))
        authors7 = public_authors(table, first, last, authors).astype(np.float64)
        shown = authors7 >= settings.k
        counts = {level: count(table, level, first, last, shown) for level in KEYS}
        return cls(table, asked, first, last, today, as_of, shares, authors7, counts)


def _level_table(region: _Region, level: str, parameters: Parameters | None) -> pd.DataFrame:
    counts, own = region.counts, region.counts[level]
    chosen = parameters or fit_counts(counts, level, region.table.places.parent, DEFAULTS[level])
    fields = run_filter(counts, level, region.table.places.parent, chosen)
    fields |= _counted(region, own, level)
    heard = trailing(counts["kabupaten"].n, STALE) > 0  # (days, voices, 1)
    enough = trailing(own.weighted) >= ENOUGH
    rows = np.array(region.days, dtype=np.int64) - region.first
    inside = (rows >= 0) & (rows < len(own.n))
    silent = ~inside[:, None] | (region.coverage <= 0)
    at = np.clip(rows, 0, len(own.n) - 1)
    no_data = (silent[:, :, None] | ~heard[at]) & np.ones_like(own.n[at], dtype=np.bool_)
    status = np.where(no_data, "no_data", np.where(enough[at], "enough", "estimated"))
    columns = {name: values[at] for name, values in fields.items()}
    for name in ("n", "copies", "sources", "n7", "authors7", "grave7"):
        columns[name] = np.where(inside[:, None, None], columns[name], 0).astype(np.int64)
    for name in ("tension", "low", "high", "weight"):
        columns[name] = np.where(no_data, np.nan, columns[name])
    columns["max_level"] = np.where(inside[:, None, None], columns["max_level"], np.nan)
    columns["status"] = status
    columns["coverage"] = np.broadcast_to(region.coverage[:, :, None], status.shape)
    return _frame(region, level, columns)


def _counted(region: _Region, own: Counts, level: str) -> dict[str, Floats]:
    authors = np.zeros_like(own.n)
    if level == "desa":
        authors[:, 0] = authors[:, VOICES.index("public")] = region.authors7
    return {
        "n": own.n,
        "n7": trailing(own.n),
        "copies": own.copies,
        "sources": own.sources,
        "authors7": authors,
        "max_level": own.max_level,
        "grave7": trailing(own.grave),
    }


def _frame(region: _Region, level: str, columns: dict[str, Floats]) -> pd.DataFrame:
    """Lay the arrays (days, voices, places) out as rows ordered by day, place, voice."""
    codes = _codes(region.table, level)
    days = np.array([as_date(day) for day in region.days], dtype=object)
    per_day = len(codes) * len(VOICES)
    table = {
        "day": np.repeat(days, per_day),
        KEYS[level]: np.tile(np.repeat(np.array(codes, dtype=object), len(VOICES)), len(days)),
        "voice": np.tile(np.array(VOICES, dtype=object), len(days) * len(codes)),
    }
    order = ("n", "n7", "copies", "sources", "authors7", "tension", "low", "high", "weight", "status")
    for name in (*order, "max_level", "grave7", "coverage"):
        table[name] = columns[name].transpose(0, 2, 1).ravel()
    table["as_of"] = np.full(len(table["day"]), pd.Timestamp(region.as_of).tz_convert("UTC"), dtype=object)
    table["final"] = np.repeat(np.array(region.days, dtype=np.int64) + FINAL_AFTER <= region.today, per_day)
    frame = pd.DataFrame(table)
    frame["as_of"] = pd.to_datetime(frame["as_of"], utc=True)
    return frame


def _codes(table: StoryTable, level: str) -> tuple[str, ...]:
    if level == "desa":
        return table.places.desa
    if level == "kecamatan":
        return table.places.kecamatan
    return (table.places.kecamatan[0].rpartition(".")[0] if table.places.kecamatan else "",)


def summarise(stories: pd.DataFrame, by: str = "desa_code") -> pd.DataFrame:
    """Average the sentiment and count the themes of each day, place and voice.

    Args:
        stories: as for `estimate`, with the columns negatif, netral, positif (shares) and one column a theme
            (true where the story carries it); stories without a place of that level are left out.
        by: desa_code or kecamatan_code; any other column with the region's code serves the kabupaten.

    Returns: day, place, voice, negative, neutral, positive (means), and a count a theme; only days with stories.
    """
    rows = stories[stories[by].notna()].drop_duplicates(["story_id", by])
    both = pd.concat([rows.assign(voice="all"), rows], ignore_index=True)
    both["day"] = pd.to_datetime(both["day"]).dt.date
    themes = [theme for theme in THEMES if theme in both]
    groups = both.groupby(["day", by, "voice"], sort=True)
    means = groups[list(SENTIMENTS)].mean()
    means.columns = pd.Index(["negative", "neutral", "positive"])
    return means.join(groups[themes].sum().astype(np.int64)).reset_index()


def publish(table: pd.DataFrame, k: int = 3) -> pd.DataFrame:
    """Apply the safeguards of publication to a desa table of `estimate`.

    The public voice of a desa-day is shown only with at least k distinct authors in 7 days. A desa with fewer
    than 3 stories in 7 days shows its kecamatan's estimate. A lone report of level 3 or 4 is flagged in `note`.

    Raises: ValueError where k is below 3.
    """
    if k < 3:
        raise ValueError(f"k = {k}: the privacy threshold may be raised, never lowered below 3")
    out = table.copy()
    hidden = ((out["voice"] == "public") & (out["authors7"] < k)).to_numpy()
    borrowed = (hidden | (out["status"] == "estimated").to_numpy()) & (out["status"] != "no_data").to_numpy()
    for name in ("tension", "low", "high"):
        out[name] = np.where(borrowed, out[f"kecamatan_{name}"], out[name])
    out["weight"] = np.where(borrowed, 0.0, out["weight"])
    out["status"] = np.where(borrowed, "estimated", out["status"])
    for name in ("n", "n7", "copies", "sources", "grave7"):
        out[name] = np.where(hidden, 0, out[name])
    out["max_level"] = np.where(hidden, np.nan, out["max_level"])
    out["authors7"] = np.where(out["authors7"] < k, 0, out["authors7"])
    single = (out["grave7"] == 1) & (out["n7"] < ENOUGH)
    note = np.where(borrowed, BORROWED, "")
    out["note"] = np.where(hidden, HIDDEN.format(k=k), np.where(single, SINGLE, note))
    return out.drop(columns=[f"kecamatan_{name}" for name in ("tension", "low", "high")])
