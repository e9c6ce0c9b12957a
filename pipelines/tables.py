"""Stories -> daily tables and the watch list. The last 7 days are rebuilt each run, older ones are frozen."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pandas as pd

from analysis import trends
from analysis.gazetteer import Gazetteer
from analysis.records import THEMES
from pipelines.config import Settings
from pipelines.store import Row, Store

log = logging.getLogger(__name__)

OPEN_DAYS = 7  # a day is rebuilt until then, for stories come late; after that it is frozen
LOOK_BACK = timedelta(days=150)  # stories older than this weigh less than 10 % of the slowest (45-day) memory
_COLUMNS = [
    *("voice", "n", "n7", "copies", "sources", "authors7"),
    *("tension", "low", "high", "weight", "status"),
    *("negative", "neutral", "positive", "themes", "max_level", "final", "as_of"),
]
VOICES = ("all", "press", "official", "public")


def build_tables(
    settings: Settings,
    store: Store,
    model_id: str,
    run_id: str,
    now: datetime,
    since: date | None = None,
) -> dict[str, int]:
    """Build the daily tables of the open days, of days never built, and of all from `since` on.

    Returns: how many days were built and how many rows changed.
    Raises: StorageError, GazetteerError, ValueError (a score outside [0, 1]).
    """
    today = now.astimezone(settings.timezone).date()
    days = days_to_build(settings, store, today, since)
    if not days:
        return {"days": 0, "rows": 0, "watch": 0}
    gazetteer = Gazetteer.load(settings.region)
    code = str(settings.region_facts()["code"])
    places = pd.DataFrame(
        [(d.code, d.kecamatan_code) for d in gazetteer.desa.values()], columns=["desa_code", "kecamatan_code"]
    )
    stories = story_table(store.stories_of_region(model_id, days[0] - LOOK_BACK))
    coverage = coverage_table(store, days)
    arguments = (stories, places, days, now, coverage)
    tables = {
        "desa": trends.estimate(*arguments),
        "kecamatan": trends.estimate_kecamatan(*arguments),
        "kabupaten": trends.estimate_kabupaten(*arguments).assign(kabupaten_code=code),
    }
    authors = store.public_authors(days[0] - timedelta(days=OPEN_DAYS))
    changed = 0
    for level, table in tables.items():
        rows = _with_shares(table, stories, authors, level, code)
        changed += store.save_daily(level, rows.assign(model_id=model_id, run_id=run_id))
    watch = trends.watch_list(stories, places, days[-1], now)
    store.replace_watch_list(days[-1], [_watch_row(row, days[-1], now) for row in watch.to_dict("records")])
    log.info("tables days=%d rows_changed=%d watch=%d", len(days), changed, len(watch))
    return {"days": len(days), "rows": changed, "watch": len(watch)}


def days_to_build(settings: Settings, store: Store, today: date, since: date | None = None) -> list[date]:
    """Return the open days, the days from `since`, and every day since the first story that has no row."""
    first = store.first_story_day()
    if first is None:
        return []
    earliest = max(date.fromisoformat(first), today - timedelta(days=settings.tables.history_days))
    opened = today - timedelta(days=OPEN_DAYS)
    built = store.days_built()
    span = (earliest + timedelta(days=i) for i in range((today - earliest).days + 1))
    return [day for day in span if day >= opened or (since and day >= since) or day.isoformat() not in built]


def story_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Shape stored stories for `analysis.trends`: one row a story and place, codes NA above their level."""
    kecamatan = rows["code"].where(rows["place_level"] == "kecamatan", rows["code"].str.rsplit(".", n=1).str[0])
    return pd.DataFrame(
        {
            "story_id": rows["story_id"],
            "day": pd.to_datetime(rows["day"]).dt.date,
            "desa_code": rows["code"].where(rows["place_level"] == "desa"),
            "kecamatan_code": kecamatan,
            "tension": rows["tension"].astype(float),
            "level": rows["level"].astype(int),
            "level_2plus": rows["level"] >= 2,
            "voice": rows["voice"],
            "copies": rows["copies"].astype(int),
            "sources": rows["sources"].astype(int),
            "authors": rows["authors"].astype(int),
            "first_seen": pd.to_datetime(rows["first_seen"], utc=True),
            "sentiment": rows["sentiment"],
            "themes": rows["themes"],
        }
    )


def coverage_table(store: Store, days: Sequence[date]) -> pd.DataFrame:
    """Return day, voice and the fraction of enabled sources whose news of that day could be known.

    A source covers a day when it was read on that day or on one of the two after it (feeds reach back), or
    when a document of that day came from it. A day that nobody covers has no data: silence is not calm.
    """
    seen = store.fetch_days()
    reach = pd.concat(
        [
            pd.DataFrame(
                {
                    "source_id": part["source_id"],
                    "voice": part["voice"],
                    "day": pd.to_datetime(part["day"]).dt.date - timedelta(days=back),
                }
            )
            for part, backs in ((seen[seen["fetched"] == 1], (0, 1, 2)), (seen[seen["fetched"] == 0], (0,)))
            for back in backs
        ]
    ).drop_duplicates()
    rows = []
    for voice in VOICES:
        mine = reach if voice == "all" else reach[reach["voice"] == voice]
        enabled = mine["source_id"].nunique()
        covered = mine.groupby("day")["source_id"].nunique()
        rows += [(day, voice, float(covered.get(day, 0)) / enabled if enabled else 0.0) for day in days]
    return pd.DataFrame(rows, columns=["day", "voice", "fraction"])


def published(settings: Settings, table: pd.DataFrame) -> pd.DataFrame:
    """Return a desa table as it may be shown: the k-threshold on the public voice, single reports noted."""
    return trends.publish(table, k=settings.tables.k)


def _with_shares(
    table: pd.DataFrame, stories: pd.DataFrame, authors: pd.DataFrame, level: str, kabupaten: str
) -> pd.DataFrame:
    """Add sentiment shares, theme counts, the highest level, 7-day stories and distinct public authors."""
    key = f"{level}_code"
    own = stories.assign(kabupaten_code=kabupaten).dropna(subset=[key]).drop_duplicates(["story_id", key])
    own = pd.concat([own, own.assign(voice="all")])
    grouped = own.groupby(["day", key, "voice"])
    shares = grouped["sentiment"].agg(_mean_shares)
    facts = pd.DataFrame(
        {
            "negative": shares.map(lambda s: s[0]),
            "neutral": shares.map(lambda s: s[1]),
            "positive": shares.map(lambda s: s[2]),
            "themes": grouped["themes"].agg(_theme_counts),
            "max_level": grouped["level"].max(),
        }
    ).reset_index()
    table = table.merge(facts, on=["day", key, "voice"], how="left")
    table["themes"] = table["themes"].fillna("{}")
    table = table.merge(_authors_in_week(authors, table["day"].unique(), level, kabupaten), on=["day", key], how="left")
    table["authors7"] = table["authors7"].fillna(0).astype(int)
    table["n7"] = table["n7"].astype(int)
    table["final"] = table["final"].astype(int)
    table["as_of"] = table["as_of"].map(lambda t: t.isoformat())
    table["day"] = table["day"].map(lambda d: d.isoformat())
    return table[["day", key, *_COLUMNS]]


def _authors_in_week(authors: pd.DataFrame, days: Sequence[date], level: str, kabupaten: str) -> pd.DataFrame:
    """Return distinct public authors per day and place over 7 days.

    Salts rotate, so one person may count as two across a change of salt; the largest count under one salt
    is taken, which never overstates.
    """
    depth = {"desa": None, "kecamatan": 1, "kabupaten": 2}[level]
    code = authors["code"]
    if depth == 1:
        code = code.where(code.str.count(r"\.") == 2, code.str.rsplit(".", n=1).str[0])
    elif depth == 2:
        code = code.map(lambda _: kabupaten)
    table = pd.DataFrame({"day": pd.to_datetime(authors["day"]).dt.date, "code": code, "hash": authors["author_hash"]})
    table["salt"] = table["hash"].str.split(":").str[0]
    rows = []
    for day in days:
        week = table[(table["day"] <= day) & (table["day"] > day - timedelta(days=7))]
        counts = week.groupby(["code", "salt"])["hash"].nunique().groupby("code").max()
        rows += [(day, place, int(count)) for place, count in counts.items()]
    return pd.DataFrame(rows, columns=["day", f"{level}_code", "authors7"])


def _mean_shares(column: pd.Series[str]) -> list[float]:
    shares = pd.DataFrame(json.loads(text) for text in column).mean()
    return [round(float(share), 4) for share in shares]


def _theme_counts(column: pd.Series[str]) -> str:
    names = [name for text in column for name in json.loads(text)]
    return json.dumps({theme: names.count(theme) for theme in THEMES if theme in names})


def _watch_row(row: Row, day: date, now: datetime) -> Row:
    return {
        "day": day.isoformat(),
        "code": row["desa_code"],
        "tier": row["tier"],
        "reason": row["reason"],
        "seen": row["seen"],
        "expected": row["expected"],
        "p": row["p"],
        "as_of": now.isoformat(),
    }
