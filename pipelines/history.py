"""The past as it was known: earlier versions of the daily tables, and the same days computed anew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pandas as pd

from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from pipelines.config import Settings
from pipelines.store import DAILY, Store
from pipelines.tables import estimates, what_is_known

LEVELS = tuple(DAILY)
BOOKKEEPING = ("as_of", "run_id", "model_id", "final")  # say when and by whom, not what


@dataclass(frozen=True, slots=True)
class Build:
    """One run that built tables: what it knew and which days it wrote."""

    run_id: str
    as_of: datetime
    model_id: str
    days: tuple[date, ...]


def as_of(store: Store, level: str, day: date, moment: datetime) -> pd.DataFrame:
    """Return the rows of a day as the daily table held them at a moment; empty where it was not built by then.

    Args: level: desa, kecamatan or kabupaten.
    """
    table, key = DAILY[level], f"{level}_code"
    return store.frame(
        f"""WITH version AS (
              SELECT * FROM {table} WHERE day = :day AND as_of <= :moment
              UNION ALL SELECT * FROM {table}_versions WHERE day = :day AND as_of <= :moment),
            ranked AS (
              SELECT *, row_number() OVER (PARTITION BY {key}, voice ORDER BY as_of DESC) AS latest FROM version)
            SELECT * FROM ranked WHERE latest = 1 ORDER BY {key}, voice""",  # noqa: S608 (constants)
        {"day": day.isoformat(), "moment": moment.isoformat()},
    ).drop(columns="latest")


def builds(store: Store, day: date) -> list[Build]:
    """Return the runs that built a day, first to last."""
    rows = store.rows("SELECT run_id, summary FROM runs WHERE status = 'ok' AND summary IS NOT NULL ORDER BY started")
    found = []
    for row in rows:
        summary = json.loads(row["summary"])
        tables = summary.get("tables", summary)
        if isinstance(tables, dict) and day.isoformat() in tables.get("built", ()):
            days = tuple(date.fromisoformat(each) for each in tables["built"])
            found.append(Build(row["run_id"], datetime.fromisoformat(tables["as_of"]), tables["model"], days))
    return found


def build_at(store: Store, day: date, moment: datetime) -> Build:
    """Return the last run that built a day by a moment.

    Raises: MonitorError naming the runs there are.
    """
    every = builds(store, day)
    by_then = [build for build in every if build.as_of <= moment]
    if not by_then:
        known = ", ".join(f"{build.as_of:%Y-%m-%dT%H:%M:%SZ}" for build in every[:3]) or "never"
        raise MonitorError(f"{day}: not built by {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} (built: {known})")
    return by_then[-1]


def recompute(settings: Settings, store: Store, day: date, build: Build) -> dict[str, pd.DataFrame]:
    """Compute a day anew as a build did: the stories known then, by its model; what has changed since then shows.

    Returns: desa, kecamatan and kabupaten tables of that day.
    Raises: StorageError, GazetteerError.
    """
    gazetteer = Gazetteer.load(settings.region)
    known = what_is_known(store, gazetteer, build.model_id, build.days, build.as_of)
    tables = estimates(known, build.days, build.as_of)
    return {level: table[table["day"] == day.isoformat()] for level, table in tables.items()}


def differences(stored: pd.DataFrame, computed: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return a row for each value that differs: place, voice, column, stored, computed; floats to 1e-9."""
    names = [c for c in stored.columns if c in computed.columns and c not in (*BOOKKEEPING, "day", key, "voice")]
    both = stored.merge(computed, on=[key, "voice"], how="outer", suffixes=("", "_new"), indicator=True)
    rows = []
    for row in both.to_dict("records"):
        for name in names:
            old, new = row[name], row[f"{name}_new"]
            if not _same(old, new):
                rows.append((row[key], row["voice"], name, old, new))
    return pd.DataFrame(rows, columns=[key, "voice", "column", "stored", "computed"])


def _same(old: object, new: object) -> bool:
    if pd.isna(old) or pd.isna(new):  # type: ignore[call-overload]  # scalars alone
        return bool(pd.isna(old) and pd.isna(new))  # type: ignore[call-overload]
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        return abs(old - new) <= 1e-9
    return old == new


def end_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a region-local time without zone as an aware one; midnight stands for the whole day.

    >>> end_of(datetime(2025, 5, 24), ZoneInfo("Asia/Jakarta")).isoformat()
    '2025-05-24T16:59:59.999999+00:00'
    """
    whole_day = moment.time() == time()
    local = datetime.combine(moment.date(), time.max) if whole_day else moment
    return local.replace(tzinfo=zone).astimezone(UTC)
