"""What was already seen: listings' validators, known addresses, failures and pauses, in a small SQLite file."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from crawlers.errors import StateError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS urls (       -- every address a source ever listed and how it ended
  source_id TEXT NOT NULL,
  url TEXT NOT NULL,
  status TEXT NOT NULL,                 -- seen, rejected, gone, failed, wanted, skipped
  version TEXT,                         -- what the listing said of it (lastmod, modified); NULL: not known
  hash TEXT,                            -- of title and text as spooled
  failures INTEGER NOT NULL DEFAULT 0,
  retry_at TEXT,                        -- UTC; only for failed and wanted
  PRIMARY KEY (source_id, url)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON urls (source_id, retry_at) WHERE retry_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS listings (   -- validators for conditional requests
  source_id TEXT NOT NULL,
  url TEXT NOT NULL,
  etag TEXT,
  last_modified TEXT,
  PRIMARY KEY (source_id, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (
  source_id TEXT PRIMARY KEY,
  finished TEXT,                        -- UTC of the last visit that came to its end
  cursor TEXT,                          -- newest modification read (WordPress)
  paused_until TEXT                     -- UTC; the server asked for quiet
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reached (    -- how far each query of a platform was read
  source_id TEXT NOT NULL,
  name TEXT NOT NULL,                   -- the query
  value TEXT NOT NULL,                  -- as the spider that wrote it reads it
  at TEXT NOT NULL,                     -- UTC
  PRIMARY KEY (source_id, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (      -- quota of platforms, written down before it is used
  account TEXT NOT NULL,                -- the variable that holds the key
  bucket TEXT NOT NULL,
  period TEXT NOT NULL,                 -- day or month, as the platform counts
  amount INTEGER NOT NULL,
  PRIMARY KEY (account, bucket, period)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spooled (    -- spool files whose documents all stand in urls
  source_id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (source_id, name)
) WITHOUT ROWID;
"""
OPEN = ("failed", "wanted")
_FIRST_RETRY = timedelta(hours=1)
_LAST_FAILURE = 6  # after so many failed visits an address counts as gone


def after_failure(failures: int, now: datetime) -> tuple[str, datetime | None]:
    """Return what an address is after so many failed visits, and when it is due again: in 1, 2, 4, … hours."""
    if failures >= _LAST_FAILURE:
        return "gone", None
    return "failed", now + _FIRST_RETRY * 2 ** (failures - 1)


class State:
    """URL state of all sources; one crawl at a time holds it.

    Raises: StateError where the file is not a state, cannot be written, or is held by another crawl.
    """

    failures: tuple[type[Exception], ...] = (sqlite3.Error,)  # raised where it can be read or written no longer

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StateError(f"{path}: another crawl is running; wait for it or stop it") from None
        except OSError as error:
            raise StateError(f"{path}: cannot open: {error.strerror}") from error
        try:
            self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            os.close(self._lock)
            raise StateError(f"{path}: {error}; if it is damaged, remove it: known pages are read again") from error

    def close(self) -> None:
        """Close the file and let the next crawl in."""
        self._db.close()
        with suppress(OSError):
            os.close(self._lock)

    # -- hosts, which only a frontier of many machines has to guard --------------------------------

    def scrapy_settings(self) -> dict[str, Any]:
        """Return the settings of Scrapy's by which its queue lies where the state lies."""
        return {}

    @contextmanager
    def lease(self, host: str, lost: Callable[[str], None]) -> Iterator[bool]:
        """Yield whether this crawler may read a host now; `lost` is called with the reason when it no longer may."""
        yield True

    def is_done(self, source_id: str, since: datetime) -> bool:
        """Tell whether another machine's visit came to its end since a time."""
        return False

    # -- addresses ------------------------------------------------------------------------------

    def wants(self, source_id: str, url: str, version: str | None, now: datetime, backfill: bool) -> bool:
        """Tell whether an address is to be read: new, changed, due again, or asked for by a backfill."""
        row = self._db.execute(
            "SELECT status, version, retry_at FROM urls WHERE source_id = ? AND url = ?", (source_id, url)
        ).fetchone()
        if row is None:
            return True
        status, known_version, retry_at = row
        if status in OPEN:
            return bool(retry_at <= now.isoformat())
        if status == "skipped":
            return backfill
        return version is not None and version != known_version

    def knows(self, source_id: str, url: str) -> bool:
        """Tell whether an address was ever listed."""
        found = self._db.execute("SELECT 1 FROM urls WHERE source_id = ? AND url = ?", (source_id, url)).fetchone()
        return found is not None

    def awaits_retry(self, source_id: str, url: str) -> bool:
        """Tell whether an address failed, or was never answered, and is to be asked for again."""
        row = self._db.execute("SELECT status FROM urls WHERE source_id = ? AND url = ?", (source_id, url)).fetchone()
        return row is not None and row[0] in OPEN

    def has_failed(self, source_id: str, url: str) -> bool:
        """Tell whether an address has failed since it was last had."""
        row = self._db.execute("SELECT failures FROM urls WHERE source_id = ? AND url = ?", (source_id, url)).fetchone()
        return row is not None and row[0] > 0

    def same(self, source_id: str, url: str, content_hash: str) -> bool:
        """Tell whether this very content of the address was spooled already."""
        row = self._db.execute("SELECT hash FROM urls WHERE source_id = ? AND url = ?", (source_id, url)).fetchone()
        return row is not None and row[0] == content_hash

    def mark_seen(self, source_id: str, url: str, version: str | None, content_hash: str) -> None:
        """Record an address whose document stands in the spool."""
        self._mark(source_id, url, "seen", version, content_hash)

    def mark(self, source_id: str, url: str, status: str, version: str | None) -> None:
        """Record an address that gave no document (rejected, gone); an earlier hash is kept."""
        self._mark(source_id, url, status, version, None)

    def _mark(self, source_id: str, url: str, status: str, version: str | None, digest: str | None) -> None:
        self._db.execute(
            "INSERT INTO urls (source_id, url, status, version, hash) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET status = excluded.status, version = excluded.version,"
            " hash = coalesce(excluded.hash, hash), failures = 0, retry_at = NULL",
            (source_id, url, status, version, digest),
        )

    def mark_failed(self, source_id: str, url: str, now: datetime) -> None:
        """Record a failure; the address is due again after 1, 2, 4, … hours, and gone after six."""
        row = self._db.execute("SELECT failures FROM urls WHERE source_id = ? AND url = ?", (source_id, url)).fetchone()
        failures = (row[0] if row else 0) + 1
        status, due = after_failure(failures, now)
        self._db.execute(
            "INSERT INTO urls (source_id, url, status, failures, retry_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET status = excluded.status, failures = excluded.failures,"
            " retry_at = excluded.retry_at",
            (source_id, url, status, failures, due.isoformat() if due else None),
        )

    def known_addresses(self, prefix: str) -> set[str]:
        """Return the addresses that begin so and stand in the spool, of whatever source."""
        rows = self._db.execute(
            "SELECT DISTINCT url FROM urls WHERE status = 'seen' AND substr(url, 1, ?) = ?", (len(prefix), prefix)
        )
        return {url for (url,) in rows}

    def withdraw(self, url: str) -> None:
        """Record that an address is gone; its version stays, so that a replay does not bring it back."""
        self._db.execute("UPDATE urls SET status = 'gone', hash = NULL WHERE url = ?", (url,))

    def want(self, source_id: str, pages: Iterable[tuple[str, str | None]], due: datetime) -> None:
        """Record (url, version) of pages about to be asked for; due again at a time, should no answer be recorded."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO urls (source_id, url, status, version, retry_at) VALUES (?, ?, 'wanted', ?, ?)"
                " ON CONFLICT DO UPDATE SET status = 'wanted', version = excluded.version,"
                " retry_at = excluded.retry_at",
                ((source_id, url, version, due.isoformat()) for url, version in pages),
            )

    def due(self, source_id: str, now: datetime) -> list[tuple[str, str | None]]:
        """Return (url, version) of what failed or was never answered, and is to be asked for by now."""
        rows = self._db.execute(
            "SELECT url, version FROM urls WHERE source_id = ? AND retry_at <= ? ORDER BY retry_at, url",
            (source_id, now.isoformat()),
        )
        return rows.fetchall()

    def skip(self, source_id: str, urls: Iterable[str]) -> None:
        """Record the archive behind a first visit: only a backfill reads it."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO urls (source_id, url, status) VALUES (?, ?, 'skipped')",
                ((source_id, url) for url in urls),
            )

    # -- listings -------------------------------------------------------------------------------

    def validators(self, source_id: str, url: str) -> dict[str, str]:
        """Return the request headers that let the server answer 304."""
        row = self._db.execute(
            "SELECT etag, last_modified FROM listings WHERE source_id = ? AND url = ?", (source_id, url)
        ).fetchone()
        names = ("If-None-Match", "If-Modified-Since")
        return {name: value for name, value in zip(names, row or (), strict=False) if value}

    def save_validators(self, source_id: str, url: str, etag: str | None, modified: str | None) -> None:
        """Keep a listing's validators; called only once everything it listed is settled."""
        self._db.execute("INSERT OR REPLACE INTO listings VALUES (?, ?, ?, ?)", (source_id, url, etag, modified))

    # -- sources --------------------------------------------------------------------------------

    def visited(self, source_id: str) -> bool:
        """Tell whether a visit ever came to its end."""
        return self._source(source_id, "finished") is not None

    def cursor(self, source_id: str) -> str | None:
        """Return the newest modification read."""
        return self._source(source_id, "cursor")

    def paused_until(self, source_id: str) -> datetime | None:
        """Return the time before which the server wants no request."""
        value = self._source(source_id, "paused_until")
        return datetime.fromisoformat(value) if value else None

    def finish(self, source_id: str, now: datetime, cursor: str | None) -> None:
        """Record a visit that came to its end."""
        self._db.execute(
            "INSERT INTO sources (source_id, finished, cursor) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " finished = excluded.finished, cursor = coalesce(excluded.cursor, cursor)",
            (source_id, now.isoformat(), cursor),
        )

    def pause(self, source_id: str, until: datetime) -> None:
        """Leave a source alone until a time."""
        self._db.execute(
            "INSERT INTO sources (source_id, paused_until) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET paused_until = excluded.paused_until",
            (source_id, until.isoformat()),
        )

    def _source(self, source_id: str, column: str) -> str | None:
        row = self._db.execute(
            f"SELECT {column} FROM sources WHERE source_id = ?",  # noqa: S608 (column names are ours)
            (source_id,),
        ).fetchone()
        return row[0] if row else None

    # -- platforms ------------------------------------------------------------------------------

    def position(self, source_id: str, name: str) -> str:
        """Return how far a query was read, "" where it never was."""
        return self.positions(source_id, name).get(name, "")

    def positions(self, source_id: str, prefix: str) -> dict[str, str]:
        """Return how far each query was read whose name begins so."""
        rows = self._db.execute(
            "SELECT name, value FROM reached WHERE source_id = ? AND substr(name, 1, ?) = ?",
            (source_id, len(prefix), prefix),
        )
        return dict(rows)

    def keep_position(self, source_id: str, name: str, value: str, now: datetime) -> None:
        """Record how far a query was read ("": forget it); called once everything before it stands in the spool."""
        if value:
            self._db.execute(
                "INSERT OR REPLACE INTO reached VALUES (?, ?, ?, ?)", (source_id, name, value, now.isoformat())
            )
        else:
            self._db.execute("DELETE FROM reached WHERE source_id = ? AND name = ?", (source_id, name))

    def expire_positions(self, before: datetime) -> None:
        """Forget positions that were not renewed since a time; they hold what platforms call their posts."""
        self._db.execute("DELETE FROM reached WHERE at < ?", (before.isoformat(),))

    def spend(self, account: str, bucket: str, period: str, cost: int, limit: int) -> bool:
        """Write a cost down, on the disk before this returns, or refuse where the limit would be passed."""
        self._db.execute("PRAGMA synchronous=FULL")
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                before = self.spent(account, bucket, period)
                if before + cost > limit:
                    return False
                self._db.execute(
                    "INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?)", (account, bucket, period, before + cost)
                )
                return True
        finally:
            self._db.execute("PRAGMA synchronous=NORMAL")

    def refund(self, account: str, bucket: str, period: str, amount: int) -> None:
        """Take back what was written down and not used."""
        self._db.execute(
            "UPDATE spent SET amount = max(0, amount - ?) WHERE account = ? AND bucket = ? AND period = ?",
            (amount, account, bucket, period),
        )

    def spent(self, account: str, bucket: str, period: str) -> int:
        """Return what was spent of a bucket in a period."""
        row = self._db.execute(
            "SELECT amount FROM spent WHERE account = ? AND bucket = ? AND period = ?", (account, bucket, period)
        ).fetchone()
        return int(row[0]) if row else 0

    # -- spool files ----------------------------------------------------------------------------

    def settled(self, source_id: str) -> set[str]:
        """Return the names of the spool files whose documents all stand in the state."""
        rows = self._db.execute("SELECT name FROM spooled WHERE source_id = ?", (source_id,))
        return {name for (name,) in rows}

    def settle(self, source_id: str, name: str, documents: Iterable[tuple[str, str]]) -> None:
        """Record a spool file as settled, with (url, hash) of documents a killed run could not record."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO urls (source_id, url, status, hash) VALUES (?, ?, 'seen', ?)"
                " ON CONFLICT DO UPDATE SET status = 'seen', version = NULL, hash = excluded.hash, retry_at = NULL"
                " WHERE hash IS NOT excluded.hash",
                ((source_id, url, digest) for url, digest in documents),
            )
            self._db.execute("INSERT OR IGNORE INTO spooled VALUES (?, ?)", (source_id, name))
