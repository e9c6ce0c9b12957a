"""Stories -> daily tables, the watch list and alerts. The last 7 days are rebuilt each run, older ones are frozen."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from analysis import alerts, trends
from analysis.alerts_sources import alerts_of
from analysis.gazetteer import Gazetteer
from analysis.records import SENTIMENTS, THEMES
from pipelines import corrections, ledger
from pipelines.config import Settings
from pipelines.source_health import look
from pipelines.store import Row, Store

log = logging.getLogger(__name__)

OPEN_DAYS = 7  # a day is rebuilt until then, for stories come late; after that it is frozen
LOOK_BACK = timedelta(days=150)  # stories older than this weigh less than 10 % of the slowest (45-day) memory
ESTIMATES = {
    "desa": trends.estimate,
    "kecamatan": trends.estimate_kecamatan,
    "kabupaten": trends.estimate_kabupaten,
}
VOICES = ("all", "press", "official", "public")


@dataclass(frozen=True, slots=True)
class Known:
    """What was known at a moment, shaped for `analysis.trends` and `analysis.alerts`."""

    stories: pd.DataFrame
    places: pd.DataFrame
    coverage: pd.DataFrame
    authors: pd.DataFrame


def build_tables(
    settings: Settings,
    store: Store,
    model_id: str,
    run_id: str,
    now: datetime,
    since: date | None = None,
) -> dict[str, Any]:
    """Build the daily tables of the open days, of days never built, and of all from `since` on.

    Returns: how many rows changed, places are watched and alerts are new; which days were built, as of when and
    by which model, so that `history` can do it again.
    Raises: StorageError, GazetteerError, ValueError (a score outside [0, 1]).
    """
    today = now.astimezone(settings.timezone).date()
    asked = corrections.rebuild_since(store)
    days = days_to_build(settings, store, today, min(filter(None, (since, asked)), default=None))
    counts = {"days": len(days), "rows": 0, "watch": 0, "alerts": 0}
    names = place_names(settings, store)
    health = {each.declared["source_id"]: each.health for each in look(store, now, settings.timezone)}
    unheard = alerts_of(health, now, settings.timezone)
    if not days:
        return counts | {"alerts": ledger.raise_alerts(store, unheard, names, model_id, run_id, now)}
    gazetteer = Gazetteer.load(settings.region)
    known = what_is_known(store, gazetteer, model_id, days, now)
    for level, rows in estimates(known, days, now).items():
        counts["rows"] += store.save_daily(level, rows.assign(model_id=model_id, run_id=run_id))
    found, watch = _judge(settings, known, now)
    store.replace_watch_list(days[-1], [_watch_row(dict(row), days[-1], now) for _, row in watch.iterrows()])
    raised = ledger.raise_alerts(store, [*found, *unheard], names, model_id, run_id, now)
    counts |= {"watch": len(watch), "alerts": raised}
    corrections.rebuilt(store, now)
    log.info("tables %s", " ".join(f"{key}={value}" for key, value in counts.items()))
    return counts | {"built": [day.isoformat() for day in days], "as_of": now.isoformat(), "model": model_id}


def what_is_known(store: Store, gazetteer: Gazetteer, model_id: str, days: Sequence[date], now: datetime) -> Known:
    """Read what the estimates of `days` rest on, as it was known at `now`."""
    places = [(d.code, d.kecamatan_code) for d in gazetteer.desa.values()]
    stories = store.stories_of_region(model_id, days[0] - LOOK_BACK)
    return Known(
        story_table(stories[stories["first_seen"] <= now.isoformat()].reset_index(drop=True)),
        pd.DataFrame(places, columns=["desa_code", "kecamatan_code"]),
        coverage_table(store, days, now),
        author_table(store, days[0] - timedelta(days=OPEN_DAYS)),
    )


def estimates(known: Known, days: Sequence[date], now: datetime) -> dict[str, pd.DataFrame]:
    """Estimate the days for each level; rows as the store keeps them."""
    tables = {
        level: estimate(known.stories, known.places, days, now, coverage=known.coverage, authors=known.authors)
        for level, estimate in ESTIMATES.items()
    }
    return {level: _with_shares(table, known.stories, f"{level}_code") for level, table in tables.items()}


def _judge(settings: Settings, known: Known, now: datetime) -> tuple[list[alerts.Alert], pd.DataFrame]:
    """Return the alerts of the day, and the watch list."""
    stories, places, coverage, authors = known.stories, known.places, known.coverage, known.authors
    zone, calendar = str(settings.timezone), calendar_table(settings)
    found = alerts.detect(stories, places, now, coverage, calendar, authors=authors, timezone=zone)
    watch = alerts.watch_list(stories, places, now, coverage, calendar, authors=authors, timezone=zone, found=found)
    return found, watch


def place_names(settings: Settings, store: Store) -> dict[str, str]:
    """Return what is read instead of a code: "Bagelen (Gedong Tataan)", "Kec. Gedong Tataan", a source's name."""
    gazetteer = Gazetteer.load(settings.region)
    kecamatan = {code: k.name for code, k in gazetteer.kecamatan.items()}
    return {
        **{code: f"{d.name} ({kecamatan[d.kecamatan_code]})" for code, d in gazetteer.desa.items()},
        **{code: f"Kec. {name}" for code, name in kecamatan.items()},
        str(settings.region_facts()["code"]): f"Kab. {gazetteer.name}",
        **{row["source_id"]: row["name"] for row in store.rows("SELECT source_id, name FROM sources")},
    }


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
    """Shape stored stories for `analysis.trends`: one row a story and place, codes missing above their level."""
    parent = rows["code"].str.rsplit(".", n=1).str[0]
    table = rows.drop(columns=["code", "place_level", "sentiment", "themes"]).assign(
        desa_code=rows["code"].where(rows["place_level"] == "desa"),
        kecamatan_code=rows["code"].where(rows["place_level"] == "kecamatan", parent),
        level_2plus=rows["level"] >= 2,
    )
    shares = [json.loads(text) for text in rows["sentiment"]]
    table[list(SENTIMENTS)] = pd.DataFrame(shares, columns=list(SENTIMENTS), index=rows.index, dtype=float)
    themes = rows["themes"].map(json.loads)
    for theme in THEMES:
        table[theme] = [theme in named for named in themes]
    return table


def calendar_table(settings: Settings) -> pd.DataFrame | None:
    """Return the region's known events, which must not raise themselves; None where it has none."""
    file = settings.region / "calendar.csv"
    return pd.read_csv(file) if file.is_file() else None


def author_table(store: Store, since: date) -> pd.DataFrame:
    """Return the distinct (day, desa_code, author_hash) of public documents pinned to a desa."""
    rows = store.public_authors(since)
    return rows[rows["code"].str.count(r"\.") == 3].rename(columns={"code": "desa_code"})


def coverage_table(store: Store, days: Sequence[date], now: datetime) -> pd.DataFrame:
    """Return day, voice and the fraction of enabled sources whose news of that day could be known.

    A source covers a day when it was read on that day or on one of the two after it (feeds reach back), or
    when a document of that day came from it. A day that nobody covers has no data: silence is not calm.
    """
    seen = store.fetch_days(now)
    seen["day"] = pd.to_datetime(seen["day"])
    read = seen[seen["fetched"] == 1]
    reach = pd.concat(
        [read.assign(day=read["day"] - pd.Timedelta(days=back)) for back in range(3)] + [seen[seen["fetched"] == 0]]
    ).drop_duplicates(["source_id", "day"])
    reach["day"] = reach["day"].dt.date
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


def _with_shares(table: pd.DataFrame, stories: pd.DataFrame, key: str) -> pd.DataFrame:
    """Add sentiment shares and theme counts, and shape days and times for the store."""
    own = stories.assign(kabupaten_code=table[key].iloc[0]) if key == "kabupaten_code" else stories
    facts = trends.summarise(own, key)
    facts["themes"] = [
        json.dumps({theme: int(row[theme]) for theme in THEMES if row.get(theme)}) for row in facts.to_dict("records")
    ]
    facts = facts[["day", key, "voice", "negative", "neutral", "positive", "themes"]]
    table = table.merge(facts, on=["day", key, "voice"], how="left")
    return table.assign(
        themes=table["themes"].astype(object).fillna("{}"),
        final=table["final"].astype(int),
        as_of=table["as_of"].map(lambda t: t.isoformat()),
        day=table["day"].map(lambda d: d.isoformat()),
    )


def _watch_row(row: Row, day: date, now: datetime) -> Row:
    return {
        "day": day.isoformat(),
        "code": row["code"],
        "tier": row["tier"],
        "reason": row["reason"],
        "seen": row["seen"],
        "expected": row["expected"],
        "p": row["p"],
        "as_of": now.isoformat(),
    }
