"""The life of an alert: raised, in review, confirmed or dismissed, delivered, acknowledged, closed.

Nothing is skipped and nothing leaves the house before a person confirmed it. Each step says who, when and why,
stays as it is, and stands in the audit log too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from analysis.alerts import REFRACTORY, Alert, refractory
from analysis.errors import MonitorError
from pipelines.audit import record
from pipelines.evidence import clarifications, pieces
from pipelines.store import Row, Store

AFTER = {  # the states from which a state may be reached
    "in_review": ("raised",),
    "confirmed": ("in_review",),
    "dismissed": ("in_review",),
    "delivered": ("confirmed",),
    "acknowledged": ("delivered",),
    "closed": ("acknowledged",),
}
STATE_WORDS = {
    "raised": "baru",
    "in_review": "sedang ditinjau",
    "confirmed": "dibenarkan",
    "dismissed": "ditolak",
    "delivered": "disampaikan",
    "acknowledged": "diterima",
    "closed": "selesai",
}
ITSELF = "sejuk"  # who raises and who sends
COLUMNS = """alert_id, day, kind, tier, level, code, place, first_day, last_day, words, seen, expected, p, statistic,
             false_alarms_a_week, coverage, unknown, events, state, raised_at, as_of, run_id"""


class StepRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A step that may not be made now, by this person, or without a reason."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How the alerts have served so far; None where nothing can be said yet."""

    waiting: int  # raised or in review
    confirmed: int  # delivered and later ones included
    dismissed: int
    false_alarm_rate: float | None  # dismissed / (dismissed + confirmed)
    review_hours: float | None  # median from raised to confirmed or dismissed


def alert_id(alert: Alert) -> str:
    """Return the natural id of an alert: day, place, tier and kind."""
    return f"{alert.last:%Y%m%d}-{alert.code}-{alert.tier}-{alert.kind}"


# -- raising --------------------------------------------------------------------------------------


def raise_alerts(
    store: Store, found: Sequence[Alert], names: Mapping[str, str], model_id: str, run_id: str, now: datetime
) -> int:
    """Enter what was found; a second run of the day brings an alert up to date as long as nobody reviews it.

    A place that was raised in the same tier, or red, within the 7 days before is left out; the region's volume
    counts apart from its tension, and a source that was heard again in between is told anew.

    Args: names: place names by code, as they are read.
    Returns: how many alerts are new.
    Raises: StorageError.
    """
    kept = _outside_refractory(store, found)
    with store.transaction():
        stored = {row["alert_id"]: row for row in _by_id(store, [alert_id(alert) for alert in kept])}
        new = 0
        for alert in kept:
            row = _row(store, alert, names.get(alert.code, alert.code), model_id)
            old = stored.get(row["alert_id"])
            if old is None:
                store.upsert(
                    "alerts", [row | {"state": "raised", "raised_at": now.isoformat(), "run_id": run_id}], "alert_id"
                )
                _note(store, row["alert_id"], "raised", ITSELF, now, alert.words)
                new += 1
            elif old["state"] == "raised" and any(row[name] != old[name] for name in row.keys() - {"as_of"}):
                store.upsert("alerts", [old | row | {"run_id": run_id}], "alert_id")
    return new


def _outside_refractory(store: Store, found: Sequence[Alert]) -> list[Alert]:
    if not found:
        return []
    ids = {alert_id(alert) for alert in found}
    since = min(alert.last for alert in found) - REFRACTORY
    earlier = [alert for alert in _earlier(store, since) if alert_id(alert) not in ids]
    kept: list[Alert] = []
    places = [a for a in found if a.level != "source"]
    for volume in (False, True):
        same = [a for a in earlier if a.level != "source" and (a.kind == "volume") == volume]
        kept += refractory([a for a in places if (a.kind == "volume") == volume], same)
    for alert in (a for a in found if a.level == "source"):
        same = [e for e in earlier if (e.kind, e.code) == (alert.kind, alert.code) and e.last >= alert.first]
        kept += refractory([alert], same)
    return kept


def _earlier(store: Store, since: date) -> list[Alert]:
    """Return the alerts since a day as records, without texts: enough to tell what was raised when."""
    rows = store.rows(
        f"SELECT {COLUMNS} FROM alerts WHERE last_day >= :since",  # noqa: S608 (a constant)
        {"since": since.isoformat()},
    )
    return [
        Alert(
            r["kind"], r["tier"], r["level"], r["code"], date.fromisoformat(r["first_day"]),
            date.fromisoformat(r["last_day"]), r["words"], r["seen"], r["expected"], math.nan, math.nan,
            r["false_alarms_a_week"], r["coverage"], (), (), (), datetime.fromisoformat(r["as_of"]),
        )
        for r in rows
    ]  # fmt: skip


def _by_id(store: Store, ids: Sequence[str]) -> list[Row]:
    return store.rows(
        "SELECT * FROM alerts WHERE alert_id IN (SELECT value FROM json_each(:ids))", {"ids": json.dumps(list(ids))}
    )


def _row(store: Store, alert: Alert, place: str, model_id: str) -> Row:
    return {
        "alert_id": alert_id(alert),
        "day": alert.last.isoformat(),
        "kind": alert.kind,
        "tier": alert.tier,
        "level": alert.level,
        "code": alert.code,
        "place": place,
        "first_day": alert.first.isoformat(),
        "last_day": alert.last.isoformat(),
        "words": alert.words,
        **{name: _number(getattr(alert, name)) for name in ("seen", "expected", "p", "statistic")},
        "false_alarms_a_week": alert.false_alarms_a_week,
        "coverage": alert.coverage,
        "unknown": json.dumps(alert.unknown, ensure_ascii=False),
        "events": json.dumps(alert.events, ensure_ascii=False),
        "evidence": json.dumps(pieces(store, alert.evidence, model_id), ensure_ascii=False),
        "as_of": alert.as_of.isoformat(),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


# -- reading --------------------------------------------------------------------------------------


def alerts(store: Store, states: Sequence[str] = (), since: date | None = None, until: date | None = None) -> list[Row]:
    """Return the alerts in these states (none given: all) and days, gravest first, without their evidence."""
    rows = store.rows(
        f"""SELECT {COLUMNS} FROM alerts WHERE day BETWEEN :since AND :until
              AND (:every OR state IN (SELECT value FROM json_each(:states)))
            ORDER BY day DESC, tier = 'kuning', coalesce(p, 0), code""",  # noqa: S608 (a constant)
        {
            "since": (since or date.min).isoformat(),
            "until": (until or date.max).isoformat(),
            "every": not states,
            "states": json.dumps(list(states)),
        },
    )
    return [_read(row) for row in rows]


def alert(store: Store, name: str) -> Row:
    """Return one alert by its id, or by a beginning of it that no other has.

    Raises: StepRefused where there is none, or more than one.
    """
    rows = store.rows(
        f"SELECT {COLUMNS} FROM alerts WHERE substr(alert_id, 1, length(:name)) = :name ORDER BY alert_id",  # noqa: S608
        {"name": name},
    )
    exact = [row for row in rows if row["alert_id"] == name] or rows
    if not name or not exact:
        raise StepRefused(f"tidak ada peringatan {name!r}; lihat `run_monitor.py alerts list`")
    if len(exact) > 1:
        raise StepRefused(f"{name!r} berarti lebih dari satu: {', '.join(row['alert_id'] for row in exact[:5])}")
    return _read(exact[0])


def _read(row: Row) -> Row:
    return row | {name: json.loads(row[name]) for name in ("unknown", "events")}


def steps(store: Store, name: str) -> list[Row]:
    """Return an alert's steps in order: state, at, who, note."""
    return store.rows("SELECT * FROM alert_steps WHERE alert_id = :id ORDER BY seq", {"id": name})


def read_evidence(store: Store, name: str, who: str, now: datetime) -> list[Row]:
    """Return an alert's evidence and enter the reading in the audit log.

    Returns: title, url, source, voice, published, copies, tension, sentences, and what clarifies it, most tense first.
    """
    found = alert(store, name)["alert_id"]
    record(store, "read evidence", {"alert": found}, now, who)
    rows: list[Row] = json.loads(_by_id(store, [found])[0]["evidence"])
    beside = clarifications(store, [row["story_id"] for row in rows])
    return [row | {"clarified": beside.get(row["story_id"], [])} for row in rows]


def figures(store: Store, since: date | None = None) -> Figures:
    """Return the running false-alarm rate and the time to review of alerts raised since a day."""
    rows = store.rows(
        """SELECT a.state, a.raised_at, s.state AS verdict, s.at FROM alerts a
           LEFT JOIN alert_steps s ON s.alert_id = a.alert_id AND s.state IN ('confirmed', 'dismissed')
           WHERE a.day >= :since""",
        {"since": (since or date.min).isoformat()},
    )
    confirmed = sum(row["verdict"] == "confirmed" for row in rows)
    dismissed = sum(row["verdict"] == "dismissed" for row in rows)
    judged = confirmed + dismissed
    hours = [_hours(row["raised_at"], row["at"]) for row in rows if row["verdict"]]
    rate = dismissed / judged if judged else None
    return Figures(len(rows) - judged, confirmed, dismissed, rate, median(hours) if hours else None)


def _hours(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)) / timedelta(hours=1)


# -- steps ----------------------------------------------------------------------------------------


def take(store: Store, name: str, who: str, now: datetime, note: str = "") -> Row:
    """Take a raised alert into review.

    Returns: the alert after the step. Raises: StepRefused, StorageError; so with every step below.
    """
    return _step(store, name, "in_review", who, now, note)


def confirm(store: Store, name: str, who: str, now: datetime, note: str = "", two_person: bool = False) -> Row:
    """Confirm an alert in review; with `two_person` by another person than the one who took it."""
    return _step(store, name, "confirmed", who, now, note, other=two_person)


def dismiss(store: Store, name: str, who: str, reason: str, now: datetime) -> Row:
    """Dismiss an alert in review, with the reason that is counted and read later."""
    if not reason.strip():
        raise StepRefused("penolakan perlu alasan, misalnya: --dismiss 'berita lama, tempat lain'")
    return _step(store, name, "dismissed", who, now, reason)


def deliver(store: Store, name: str, who: str, now: datetime, note: str = "") -> Row:
    """Note that a confirmed alert was delivered: by a channel, or by word of mouth."""
    return _step(store, name, "delivered", who, now, note)


def acknowledge(store: Store, name: str, who: str, now: datetime, note: str = "") -> Row:
    """Note that a delivered alert was received by someone who answers for the place."""
    return _step(store, name, "acknowledged", who, now, note)


def close(store: Store, name: str, who: str, now: datetime, note: str = "") -> Row:
    """Close an acknowledged alert, with what came of it."""
    return _step(store, name, "closed", who, now, note)


def _step(store: Store, name: str, state: str, who: str, now: datetime, note: str, other: bool = False) -> Row:
    who = who.strip()
    if not who:
        raise StepRefused("sebutkan siapa yang melakukannya (--by NAMA)")
    full = alert(store, name)["alert_id"]
    with store.transaction():
        # Written before anything is read: of two people at once, the second waits and then sees the first.
        changed = store.db.execute(
            """UPDATE alerts SET state = :state WHERE alert_id = :id
               AND state IN (SELECT value FROM json_each(:after))""",
            {"state": state, "id": full, "after": json.dumps(AFTER[state])},
        ).rowcount
        if not changed:
            raise StepRefused(_refusal(alert(store, full), state))
        if other and who.casefold() == _last_who(store, full).casefold():
            raise StepRefused(f"perlu orang kedua: {who} yang meninjau, jadi orang lain yang membenarkan")
        _note(store, full, state, who, now, note)
    return alert(store, full)


def _refusal(stored: Row, state: str) -> str:
    needed = " atau ".join(STATE_WORDS[before] for before in AFTER[state])
    return (
        f"{stored['alert_id']} sekarang {STATE_WORDS[stored['state']]!r}; "
        f"hanya yang {needed!r} bisa menjadi {STATE_WORDS[state]!r}: tidak ada langkah yang dilewati"
    )


def _last_who(store: Store, name: str) -> str:
    return str(steps(store, name)[-1]["who"])


def _note(store: Store, name: str, state: str, who: str, now: datetime, note: str) -> None:
    """Write the step and its entry in the audit log."""
    entry = {"alert_id": name, "seq": len(steps(store, name)) + 1, "state": state}
    store.upsert(
        "alert_steps", [entry | {"at": now.isoformat(), "who": who, "note": note.strip()}], ("alert_id", "seq")
    )
    record(store, f"alert {state}", {"alert": name, "note": note.strip()}, now, who)
