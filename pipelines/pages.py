"""What the page reads: a day over the region, a place over time, what was done.

Every number of a desa passes `shown`, so that none of the public voice under the k-threshold leaves.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from analysis.records import THEMES
from pipelines.config import Settings
from pipelines.ledger import AFTER
from pipelines.store import DAILY, Row, Store
from pipelines.tables import published

WEEK = timedelta(days=7)
RISE = 0.05  # a change of the estimate in 7 days below this is not spoken of
NAMED = 3  # rising places that are named
REVIEWED = ("confirmed", "delivered", "acknowledged", "closed")  # states every reader may see
OPEN = ("raised", "in_review", *REVIEWED[:-1])
_SHARES = ("negative", "neutral", "positive")
_HEARD = ["day", "desa_code", "voice", "n", "themes", *_SHARES]


@dataclass(frozen=True, slots=True)
class Days:
    """The days that have tables; `built` in order."""

    built: tuple[date, ...]

    @property
    def first(self) -> date:
        """Return the first day with tables."""
        return self.built[0]

    @property
    def last(self) -> date:
        """Return the latest day with tables."""
        return self.built[-1]


@dataclass(frozen=True, slots=True)
class Rising:
    """A desa whose estimate rose within 7 days.

    `sure`: it had enough data then and now, and its 90 % interval lies above the estimate of a week ago.
    """

    code: str
    before: float
    now: float
    low: float
    high: float
    sure: bool
    stories: int  # in 7 days
    grave: int  # of level 3 or 4
    themes: tuple[str, ...]  # most frequent of the 7 days first; read for those that are named
    visited: str | None  # last visit within the 7 days


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about it in the 7 days up to a day."""

    alerts: Mapping[str, int]  # by state, of alerts raised in these days
    visits: int
    visited: Mapping[str, str]  # desa_code -> last day


# -- days and rows --------------------------------------------------------------------------------


def days_of(store: Store) -> Days | None:
    """Return the days with tables, or None before the first build."""
    days = tuple(date.fromisoformat(day) for day in sorted(store.days_built()))
    return Days(days) if days else None


def stamp(store: Store) -> tuple[Any, ...]:
    """Return what changes whenever a table, alert, visit or watch list does, so that what was drawn may be kept.

    A row that is written anew leaves its old version behind (migration m002), so the last row numbers tell of all.
    """
    row = store.rows(
        """SELECT (SELECT max(rowid) FROM desa_daily) AS desa,
                  (SELECT max(rowid) FROM desa_daily_versions) AS desa_versions,
                  (SELECT max(rowid) FROM kecamatan_daily) AS kecamatan,
                  (SELECT max(rowid) FROM kecamatan_daily_versions) AS kecamatan_versions,
                  (SELECT count(*) FROM kabupaten_daily) AS days,
                  (SELECT max(rowid) FROM kabupaten_daily_versions) AS kabupaten_versions,
                  (SELECT count(*) FROM alert_steps) AS steps,
                  (SELECT max(as_of) FROM alerts) AS alerts,
                  (SELECT max(entered_at) || count(*) FROM visits) AS visits,
                  (SELECT max(as_of) || count(*) FROM watch_list) AS watched"""
    )[0]
    return tuple(row.values())


def daily(
    settings: Settings,
    store: Store,
    level: str,
    since: date,
    until: date,
    codes: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the rows of a level between two days, both included, as they may be shown.

    Args:
        level: desa, kecamatan or kabupaten.
        codes: places; none given takes all.
    """
    days = [since + timedelta(days=i) for i in range((until - since).days + 1)]
    return daily_of(settings, store, level, days, codes)


def daily_of(
    settings: Settings, store: Store, level: str, days: Sequence[date], codes: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows of a level on these days, as they may be shown; see `daily`."""
    table, key = DAILY[level], f"{level}_code"
    rows = store.frame(
        f"""SELECT t.* FROM json_each(:days) d JOIN {table} t ON t.day = d.value
            {f"AND t.{key} IN (SELECT value FROM json_each(:codes))" if codes else ""}
            ORDER BY t.day, t.{key}, t.voice""",  # noqa: S608 (constants)
        {"days": json.dumps([day.isoformat() for day in days]), "codes": json.dumps(list(codes))},
    )
    return shown(settings, rows) if level == "desa" else rows.assign(note="")


def figures_of(settings: Settings, store: Store, days: Sequence[date], voice: str) -> list[Row]:
    """Return one voice's figures of every desa on these days, as they may be shown.

    Without themes and sentiment, which only all voices of a desa-day together tell (see `shown`): a map of 148 desa
    is drawn from a quarter of the rows.
    """
    rows = store.frame(
        """SELECT day, desa_code, voice, n, n7, copies, sources, authors7, tension, low, high, weight, status,
                  max_level, grave7, coverage, kecamatan_tension, kecamatan_low, kecamatan_high FROM desa_daily
           WHERE day IN (SELECT value FROM json_each(:days)) AND voice = :voice ORDER BY day, desa_code""",
        {"days": json.dumps([day.isoformat() for day in days]), "voice": voice},
    )
    return records(published(settings, rows))


def records(table: pd.DataFrame) -> list[Row]:
    """Return a table's rows; three times as fast as `to_dict` where there are few."""
    names = [str(name) for name in table.columns]
    columns = [table[name].tolist() for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def place_days(
    settings: Settings, store: Store, level: str, since: date, until: date, code: str, limit: int, offset: int
) -> tuple[pd.DataFrame, bool]:
    """Return the rows of the `limit` place-days after `offset`, as they may be shown, and whether more follow.

    Args: code: a place, or a place above; empty takes all.
    """
    table, key = DAILY[level], f"{level}_code"
    rows = store.frame(
        f"""WITH pair AS (
              SELECT day, {key} AS place FROM {table} WHERE day BETWEEN :since AND :until AND voice = 'all'
                AND (:code = '' OR {key} = :code OR substr({key}, 1, length(:code) + 1) = :code || '.')
              ORDER BY day, {key} LIMIT :limit + 1 OFFSET :offset)
            SELECT t.* FROM pair p JOIN {table} t ON t.day = p.day AND t.{key} = p.place
            ORDER BY t.day, t.{key}, t.voice""",  # noqa: S608 (constants)
        {"since": since.isoformat(), "until": until.isoformat(), "code": code, "limit": limit, "offset": offset},
    )
    pairs = rows[["day", key]].drop_duplicates()
    if more := len(pairs) > limit:
        last = pairs.iloc[-1]
        rows = rows[(rows["day"] != last["day"]) | (rows[key] != last[key])]
    return (shown(settings, rows) if level == "desa" else rows.assign(note="")), more


def shown(settings: Settings, table: pd.DataFrame) -> pd.DataFrame:
    """Return a desa table as it may be shown, themes and sentiment of a hidden public voice left out too.

    Args: table: all voices of its desa-days; what all voices say of themes is then that of press and officials.
    """
    if table.empty:
        return published(settings, table)
    hidden = ((table["voice"] == "public") & (table["authors7"] < settings.tables.k)).to_numpy()
    out = published(settings, table)
    out.loc[hidden, list(_SHARES)] = math.nan
    out.loc[hidden, "themes"] = "{}"
    out["as_of"] = table["as_of"]
    pairs = table.loc[hidden & (table["n"] > 0).to_numpy(), ["day", "desa_code"]]
    if not pairs.empty:
        _without_public(out, set(zip(pairs["day"], pairs["desa_code"], strict=True)))
    return out


def _without_public(table: pd.DataFrame, pairs: set[tuple[str, str]]) -> None:
    """Put in the rows of all voices, for these (day, desa), what press and officials say alone."""
    rows = records(table[_HEARD])
    heard: dict[tuple[str, str], list[Row]] = {pair: [] for pair in pairs}
    for row in rows:
        if (row["day"], row["desa_code"]) in pairs and row["voice"] in ("press", "official") and row["n"] > 0:
            heard[row["day"], row["desa_code"]].append(row)
    for row in rows:
        if row["voice"] == "all" and (said := heard.get((row["day"], row["desa_code"]))) is not None:
            row["themes"] = json.dumps(theme_counts(each["themes"] for each in said))
            row |= {name: _mean(said, name) for name in _SHARES}
    for name in ("themes", *_SHARES):
        table[name] = [row[name] for row in rows]


def _mean(rows: Sequence[Row], name: str) -> float:
    total = sum(row["n"] for row in rows)
    return sum(row[name] * row["n"] for row in rows) / total if total else math.nan


def theme_counts(texts: Iterable[str]) -> dict[str, int]:
    """Add up the daily theme counts, most frequent first.

    >>> theme_counts(['{"agraria": 2}', '{"sara": 1, "agraria": 1}'])
    {'agraria': 3, 'sara': 1}
    """
    total: Counter[str] = Counter()
    for text in texts:
        total.update(json.loads(text))
    return dict(sorted(total.items(), key=lambda item: (-item[1], THEMES.index(item[0]))))


# -- the answer of ten seconds --------------------------------------------------------------------


def rising(
    settings: Settings, store: Store, rows: Iterable[Row], day: date, voice: str, visited: Mapping[str, str]
) -> list[Rising]:
    """Return the desa with enough data whose estimate rose in the 7 days up to `day`, the clearest first.

    Args: rows: shown figures of one voice, of `day` and of 7 days before it.
    """
    on: dict[str, dict[str, Row]] = {day.isoformat(): {}, (day - WEEK).isoformat(): {}}
    for row in rows:
        on[row["day"]][row["desa_code"]] = row
    now, past = on.values()
    pairs = [(row, past[code]) for code, row in now.items() if row["status"] == "enough" and code in past]
    rose = sorted(
        ((_sure(row, before), row["tension"] - before["tension"], row, before) for row, before in pairs
         if row["tension"] - before["tension"] >= RISE),  # never of what is not known: NaN
        key=lambda r: (not r[0], -r[1], r[2]["desa_code"]),
    )  # fmt: skip
    themes = _themes_of(settings, store, [row["desa_code"] for _, _, row, _ in rose[:NAMED]], day, voice)
    return [
        Rising(
            row["desa_code"], before["tension"], row["tension"], row["low"], row["high"], sure, int(row["n7"]),
            int(row["grave7"]), themes.get(row["desa_code"], ()), visited.get(row["desa_code"]),
        )
        for sure, _, row, before in rose
    ]  # fmt: skip


def _sure(row: Row, before: Row) -> bool:
    return bool(before["status"] == "enough" and row["low"] > before["tension"])


def _themes_of(
    settings: Settings, store: Store, codes: Sequence[str], day: date, voice: str
) -> dict[str, tuple[str, ...]]:
    """Return the two most frequent themes of each desa in the 7 days up to a day, in a voice."""
    if not codes:
        return {}
    told: dict[str, list[str]] = {code: [] for code in codes}
    for row in records(daily(settings, store, "desa", day - WEEK + timedelta(days=1), day, codes)):
        if row["voice"] == voice:
            told[row["desa_code"]].append(row["themes"])
    return {code: tuple(theme_counts(texts))[:2] for code, texts in told.items()}


def done(store: Store, day: date) -> Done:
    """Count the alerts and visits of the 7 days up to a day."""
    span = {"since": (day - WEEK + timedelta(days=1)).isoformat(), "until": day.isoformat()}
    states = store.rows("SELECT state, count(*) AS n FROM alerts WHERE day BETWEEN :since AND :until GROUP BY 1", span)
    visits = store.rows(
        """SELECT desa_code, max(day) AS day, count(*) AS n FROM visits
           WHERE day BETWEEN :since AND :until GROUP BY 1 ORDER BY 1""",
        span,
    )
    order = ("raised", *AFTER)
    alerts = {r["state"]: r["n"] for r in sorted(states, key=lambda r: order.index(r["state"]))}
    return Done(alerts, sum(r["n"] for r in visits), {r["desa_code"]: r["day"] for r in visits})


# -- a place --------------------------------------------------------------------------------------


def visits_within(store: Store, code: str, since: date, until: date) -> list[Row]:
    """Return the visits in a place and in the places below it, newest first; themes as a list."""
    rows = store.rows(
        """SELECT desa_code, day, kind, themes, outcome, follow_up FROM visits
           WHERE (desa_code = :code OR substr(desa_code, 1, length(:code) + 1) = :code || '.')
             AND day BETWEEN :since AND :until ORDER BY day DESC, desa_code, kind""",
        {"code": code, "since": since.isoformat(), "until": until.isoformat()},
    )
    return [row | {"themes": json.loads(row["themes"])} for row in rows]


def alerts_within(store: Store, code: str, since: date, until: date, every: bool) -> list[Row]:
    """Return the alerts of a place and of the places below it, newest first, without their evidence.

    Args: every: also those that nobody has confirmed, for who reviews them.
    """
    return store.rows(
        """SELECT alert_id, day, tier, kind, level, code, place, words, state FROM alerts
           WHERE (code = :code OR substr(code, 1, length(:code) + 1) = :code || '.')
             AND day BETWEEN :since AND :until
             AND (:every OR state IN (SELECT value FROM json_each(:states)))
           ORDER BY day DESC, tier = 'kuning', code""",
        {
            "code": code,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "every": every,
            "states": json.dumps(REVIEWED),
        },
    )
