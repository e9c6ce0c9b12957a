"""Confirmed alerts and the brief to those who answer for a place, through Apprise; at least once, none lost.

A message is written down before it is sent and marked after; a run that is killed in between sends it again.
Nothing leaves that a person has not confirmed, and no address or secret is ever stored or logged.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import apprise

from pipelines import evidence, ledger
from pipelines.config import DeliverySettings, Recipient, Settings
from pipelines.store import Row, Store
from pipelines.wording import day, number

log = logging.getLogger(__name__)

DIALOGUE = "Untuk dialog: datang, dengarkan kedua pihak, jangan menyebut nama orang; catat kunjungannya sesudah itu."
LONGEST_WAIT = timedelta(hours=12)
Send = Callable[[str, str, str], str]  # address, title, body -> "" or what went wrong


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of the delivery did."""

    queued: int
    sent: int
    held: int
    waiting: int  # for another attempt
    failed: int  # given up: a person has to act


def deliver(
    settings: Settings,
    store: Store,
    now: datetime,
    environment: Mapping[str, str] | None = None,
    send: Send | None = None,
) -> Outcome:
    """Queue what was confirmed and send what is due.

    Args:
        environment: where the addresses stand; the process's own by default.
        send: how a message leaves; Apprise by default.

    Raises: StorageError.
    """
    queued = queue_alerts(settings, store, now)
    before = _counts(store)
    for row in due(store, now):
        _attempt(settings, store, row, now, os.environ if environment is None else environment, send or by_apprise)
    after = _counts(store)
    outcome = Outcome(queued, after["sent"] - before["sent"], after["held"], after["pending"], after["failed"])
    log.info("deliver %s", outcome)
    return outcome


# -- queueing -------------------------------------------------------------------------------------


def queue_alerts(settings: Settings, store: Store, now: datetime) -> int:
    """Write down every confirmed alert for everyone who answers for its place; return how many messages are new."""
    messages = []
    for row in ledger.alerts(store, ["confirmed"]):
        text = alert_text(row, evidence.links(store, row["alert_id"]), str(settings.region_facts()["name"]))
        title = f"Peringatan {row['tier']}: {row['place']}"
        urgent = row["tier"] == "merah" and settings.delivery.red_passes_quiet
        for each in settings.delivery.recipient:
            if "alerts" in each.what and covers(each, row["code"], row["level"]):
                messages.append(_message("alert", row["alert_id"], each, urgent, title, text, now))
    return _enqueue(store, messages)


def queue_brief(settings: Settings, store: Store, brief_day: date, text: str, now: datetime) -> int:
    """Write down the brief of a day for everyone who gets it; return how many are new."""
    title = f"Laporan harian {day(brief_day)}"
    who = [each for each in settings.delivery.recipient if "brief" in each.what]
    return _enqueue(store, [_message("brief", brief_day.isoformat(), each, False, title, text, now) for each in who])


def covers(recipient: Recipient, code: str, level: str) -> bool:
    """Tell whether an alert is a recipient's: the region's and the sources' are everyone's."""
    if not recipient.kecamatan or level not in ("desa", "kecamatan"):
        return True
    return any(code == each or code.startswith(f"{each}.") for each in recipient.kecamatan)


def _message(kind: str, subject: str, to: Recipient, urgent: bool, title: str, body: str, now: datetime) -> Row:
    return {
        "key": f"{kind}:{subject}:{to.id}", "kind": kind, "subject": subject, "recipient": to.id, "urgent": int(urgent),
        "title": title, "body": body, "state": "pending", "attempts": 0, "created_at": now.isoformat(),
        "next_try": now.isoformat(), "sent_at": None, "last_error": None,
    }  # fmt: skip


def _enqueue(store: Store, messages: Sequence[Row]) -> int:
    """Insert the messages that are not there yet, all or none."""
    with store.transaction():
        known = {
            row["key"]
            for row in store.rows(
                "SELECT key FROM deliveries WHERE key IN (SELECT value FROM json_each(:keys))",
                {"keys": json.dumps([m["key"] for m in messages])},
            )
        }
        fresh = [message for message in messages if message["key"] not in known]
        store.upsert("deliveries", fresh, "key")
    return len(fresh)


# -- sending --------------------------------------------------------------------------------------


def due(store: Store, now: datetime) -> list[Row]:
    """Return the messages whose time has come, urgent ones first."""
    return store.rows(
        """SELECT * FROM deliveries WHERE state IN ('pending', 'held') AND next_try <= :now
           ORDER BY urgent DESC, kind, created_at, key""",
        {"now": now.isoformat()},
    )


def _attempt(
    settings: Settings, store: Store, row: Row, now: datetime, environment: Mapping[str, str], send: Send
) -> None:
    """Send one message, or hold it, or note why it could not be sent."""
    to = next((each for each in settings.delivery.recipient if each.id == row["recipient"]), None)
    if to is None:
        _save(store, row, state="failed", last_error=f"penerima {row['recipient']!r} tidak ada lagi di konfigurasi")
        return
    if later := _held_until(settings, store, row, now):
        _save(store, row, state="held", next_try=later.isoformat())
        return
    address = environment.get(to.channel, "")
    error = send(address, row["title"], row["body"]) if address else f"variabel {to.channel} belum diisi"
    if error:
        attempts = row["attempts"] + 1
        state = "failed" if attempts >= settings.delivery.attempts else "pending"
        wait = min(timedelta(minutes=settings.delivery.retry_minutes) * 2 ** (attempts - 1), LONGEST_WAIT)
        redacted = redact(error, address)
        log.warning("deliver recipient=%s attempts=%d error=%s", to.id, attempts, redacted)
        _save(store, row, state=state, attempts=attempts, next_try=(now + wait).isoformat(), last_error=redacted)
        return
    with store.transaction():
        _save(store, row, state="sent", attempts=row["attempts"] + 1, sent_at=now.isoformat(), last_error=None)
        if row["kind"] == "alert" and ledger.alert(store, row["subject"])["state"] == "confirmed":
            ledger.deliver(store, row["subject"], ledger.ITSELF, now, f"{to.id} ({to.role})")


def _held_until(settings: Settings, store: Store, row: Row, now: datetime) -> datetime | None:
    """Return until when quiet hours or the daily cap hold a message; None where it may leave now."""
    rules = settings.delivery
    local = now.astimezone(settings.timezone)
    if not row["urgent"] and in_quiet_hours(rules, local.time()):
        return _next(local, rules.quiet_until)
    midnight = datetime.combine(local.date(), time(), settings.timezone).astimezone(now.tzinfo)
    sent = store.rows(
        "SELECT count(*) AS n FROM deliveries WHERE recipient = :who AND sent_at >= :since",
        {"who": row["recipient"], "since": midnight.isoformat()},
    )
    if sent[0]["n"] < rules.daily_cap:
        return None
    return _next(local.replace(hour=23, minute=59), time(0, 5) if row["urgent"] else rules.quiet_until)


def in_quiet_hours(rules: DeliverySettings, now: time) -> bool:
    """Tell whether a local time lies within the quiet hours, which may pass midnight.

    >>> rules = DeliverySettings(quiet_from=time(21), quiet_until=time(5))
    >>> in_quiet_hours(rules, time(23)), in_quiet_hours(rules, time(4, 59)), in_quiet_hours(rules, time(5))
    (True, True, False)
    """
    if rules.quiet_from <= rules.quiet_until:
        return rules.quiet_from <= now < rules.quiet_until
    return now >= rules.quiet_from or now < rules.quiet_until


def _next(local: datetime, at: time) -> datetime:
    """Return the next time the local clock shows `at`, in UTC."""
    then = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return (then if then > local else then + timedelta(days=1)).astimezone(UTC)


def _save(store: Store, row: Row, **changes: object) -> None:
    with store.transaction():
        store.upsert("deliveries", [row | changes], "key")


def by_apprise(address: str, title: str, body: str) -> str:
    """Send a message through Apprise; return "" or what it says went wrong."""
    channel = apprise.Apprise()
    if not channel.add(address):
        return "alamat tidak dimengerti Apprise"
    with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]
        sent = channel.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
        words = str(said.getvalue()).strip().splitlines()
    return "" if sent else (words[-1] if words else "tidak terkirim")


def redact(error: str, address: str) -> str:
    """Return an error without the address or any part of it that could be a secret.

    >>> redact("cannot reach tgram://123:abc/99", "tgram://123:abc/99")
    'cannot reach …'
    """
    for part in [address, *re.split(r"[/:@?&=]+", address)]:
        if len(part) >= 4 and not part.isalpha():
            error = error.replace(part, "…")
    return error[:300]


# -- reading --------------------------------------------------------------------------------------


def receipts(store: Store, subject: str) -> list[Row]:
    """Return what was sent of one alert or brief: recipient, state, sent_at, attempts, last_error."""
    return store.rows(
        """SELECT recipient, state, attempts, sent_at, next_try, last_error FROM deliveries
           WHERE subject = :subject ORDER BY recipient""",
        {"subject": subject},
    )


def purge(store: Store, before: datetime) -> int:
    """Remove the words of messages made before a time that need no further attempt; the receipts stay."""
    with store.transaction():
        sql = "UPDATE deliveries SET body = '' WHERE body <> '' AND created_at < ? AND state IN ('sent', 'failed')"
        return int(store.db.execute(sql, [before.isoformat()]).rowcount)


def listed(store: Store, limit: int = 50) -> list[Row]:
    """Return the latest messages, failed ones first, without their text."""
    return store.rows(
        """SELECT kind, subject, recipient, state, attempts, created_at, next_try, sent_at, last_error FROM deliveries
           ORDER BY state = 'failed' DESC, created_at DESC, key LIMIT :limit""",
        {"limit": limit},
    )


def _counts(store: Store) -> dict[str, int]:
    rows = store.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
    return dict.fromkeys(("pending", "held", "sent", "failed"), 0) | {row["state"]: row["n"] for row in rows}


# -- words ----------------------------------------------------------------------------------------


def alert_text(row: Row, links: Sequence[Row], region: str) -> str:
    """Return an alert as a message: what changed, how surprising, what is not known, and how to answer."""
    first, last = (day(row[name]) for name in ("first_day", "last_day"))
    seen = "" if row["seen"] is None else f"; terlihat {number(row['seen'], 0)}, biasanya {number(row['expected'], 1)}"
    lines = [
        f"{row['place']}, {region}: {row['words']}.",
        f"{first}" + ("" if first == last else f" sampai {last}") + f"{seen}.",
        f"Sumber yang terbaca: {100 * row['coverage']:.0f} %.",
        *(f"{note}." for note in row["unknown"]),
        *(f"Bertepatan dengan: {event}." for event in row["events"]),
        *(f"- {link['source']}: {link['url']}" for link in links),
        DIALOGUE,
        f"Terima peringatan ini di halaman Peringatan, atau kabari pengulas. Nomor: {row['alert_id']}",
    ]
    return "\n".join(lines)
