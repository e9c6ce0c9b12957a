"""What each source gave, day by day: visits, new documents, and how well they could be read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from analysis.source_health import BASELINE, SourceDay
from analysis.text import words
from pipelines.store import Row, Store

HISTORY = timedelta(days=BASELINE + 14)
SEEN_WITH = timedelta(days=3)  # documents of a source in which a sentence is looked for again
REPEATED, LEAST_WORDS = 3, 5  # documents in which a sentence stands to be boilerplate, and its words at least
_SENTENCE = re.compile(r"[\n.!?]+")
# an article that its site would not give; a visit that got nothing else heard nothing
REFUSED = ("robots", "wall", "status_401", "status_403", "status_429")
_NOT_GIVEN = " + ".join(f"coalesce(json_extract(rejected, '$.{name}'), 0)" for name in REFUSED)


def read_days(store: Store, today: date) -> dict[str, list[SourceDay]]:
    """Return the kept days of each source that a cadence is learned from, oldest first."""
    found: dict[str, list[SourceDay]] = defaultdict(list)
    if "source_daily" not in store.db.table_names():  # read only, and written before there were any
        return found
    for row in store.rows(
        "SELECT * FROM source_daily WHERE day >= :since ORDER BY source_id, day",
        {"since": (today - HISTORY).isoformat()},
    ):
        first, last = (datetime.fromisoformat(row[n]) if row[n] else None for n in ("first_new", "last_new"))
        counts = (row[name] for name in ("empty", "undated", "boilerplate"))
        found[row["source_id"]].append(
            SourceDay(date.fromisoformat(row["day"]), row["heard"], row["documents"], first, last, *counts)
        )
    return found


def keep_days(store: Store, now: datetime, zone: ZoneInfo) -> int:
    """Bring the days of all sources up to date, from the last kept one on; return how many rows were written."""
    kept = store.rows("SELECT max(day) AS day FROM source_daily")[0]["day"]
    since = date.fromisoformat(kept) if kept else now.astimezone(zone).date() - HISTORY
    quality = _quality(store, since, zone)
    nothing = {"undated": 0, "boilerplate": 0}
    rows = store.rows(
        f"""SELECT source_id, day, count(*) AS visits, sum(ok AND NOT (items = 0 AND {_NOT_GIVEN} > 0)) AS heard,
                   sum(items) AS documents, min(CASE WHEN items THEN started END) AS first_new,
                   max(CASE WHEN items THEN started END) AS last_new,
                   sum(coalesce(json_extract(rejected, '$.no_words'), 0)
                     + coalesce(json_extract(rejected, '$.too_short'), 0)) AS empty
            FROM fetches WHERE day >= :since AND started <= :now GROUP BY source_id, day""",  # noqa: S608 (constants)
        {"since": since.isoformat(), "now": now.isoformat()},
    )
    with store.transaction():
        store.upsert(
            "source_daily",
            [row | quality.get((row["source_id"], row["day"]), nothing) for row in rows],
            ("source_id", "day"),
        )
    return len(rows)


def _quality(store: Store, since: date, zone: ZoneInfo) -> Mapping[tuple[str, str], Row]:
    """Count undated and boilerplate documents by source and day of first sight."""
    begin = datetime.combine(since, datetime.min.time(), zone).astimezone(UTC)
    rows = store.rows(
        "SELECT source_id, first_seen, date_known, text FROM documents WHERE first_seen >= :since",
        {"since": (begin - SEEN_WITH).isoformat()},
    )
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row["source_id"]].append(row)
    found: dict[tuple[str, str], Row] = defaultdict(lambda: {"undated": 0, "boilerplate": 0})
    for source, documents in by_source.items():
        repeated = _mostly_repeated(row["text"] for row in documents)
        for row, same in zip(documents, repeated, strict=True):
            if row["first_seen"] >= begin.isoformat():
                day = datetime.fromisoformat(row["first_seen"]).astimezone(zone).date().isoformat()
                found[source, day]["undated"] += not row["date_known"]
                found[source, day]["boilerplate"] += same
    return found


def _mostly_repeated(texts: Iterable[str]) -> list[bool]:
    """Tell of each text whether half of its words stand in sentences that others have too."""
    sentences = [
        [part for part in (tuple(words(s)) for s in _SENTENCE.split(text)) if len(part) >= LEAST_WORDS]
        for text in texts
    ]
    count = Counter(sentence for own in sentences for sentence in set(own))
    return [2 * sum(len(s) for s in own if count[s] >= REPEATED) >= sum(map(len, own)) > 0 for own in sentences]
