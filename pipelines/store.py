"""The database: SQLite through sqlite-utils; the only SQL outside the crawler's own state.

Every write is an upsert on a natural key inside a transaction, so a run that was killed anywhere is
finished by the next one. Opened read-only, it never blocks a writer (WAL).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlite_utils import Database

from analysis.errors import StorageError
from analysis.origin import RELEASE
from analysis.stories import band_keys
from pipelines.migrations import schema

BUSY_SECONDS = 30  # how long a write waits for another process before it gives up
DAILY = {"desa": "desa_daily", "kecamatan": "kecamatan_daily", "kabupaten": "kabupaten_daily"}
_BOOKKEEPING = ("as_of", "run_id")  # columns that alone never make a row new

Row = dict[str, Any]


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into words that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageError(f"{path}: {error}{_remedy(str(error))}") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; choose another `home` or make room") from error
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path}: {error}; restore a backup (see `run_monitor.py backup`)") from error


def _remedy(message: str) -> str:
    if "locked" in message:
        return f"; another process held it for {BUSY_SECONDS} s: wait for it or stop it, then run again"
    if "full" in message or "disk I/O" in message:
        return "; the disk is full: free space, then run again; nothing stored is lost"
    if "no such" in message:
        return "; the database is empty or of an older version: `run_monitor.py serve` or `once` brings it up to date"
    if "readonly" in message or "unable to open" in message:
        return "; check that the folder exists and may be written"
    return ""


class Store:
    """One open database. Use as a context manager; `read_only` refuses every write."""

    def __init__(self, path: Path, read_only: bool = False, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open and, unless read-only, bring the schema up to date.

        Raises: StorageError (missing, locked, full, damaged, or of a newer program).
        """
        self.path = path
        with _storage_errors(path):
            if read_only:
                if not path.is_file():
                    raise StorageError(f"{path}: no database yet; make one with `run_monitor.py once`")
                connection = _open_to_read(path, busy_seconds)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(path, timeout=busy_seconds)
            try:
                self.db = Database(connection)
                self._prepare(read_only)
            except BaseException:
                connection.close()
                raise

    def _prepare(self, read_only: bool) -> None:
        self.db.execute("PRAGMA foreign_keys = ON")
        self._check_version()
        if not read_only:
            if self.db.journal_mode != "wal":
                self.db.enable_wal()
            self.db.execute("PRAGMA synchronous = NORMAL")
            if schema.pending(self.db):
                schema.apply(self.db)

    def _check_version(self) -> None:
        known = {migration.name for migration in schema._migrations}
        newer = {migration.name for migration in schema.applied(self.db)} - known
        if newer:
            raise StorageError(f"{self.path}: made by a newer version ({', '.join(sorted(newer))}); update Sejuk")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Group writes: all of them or none.

        Raises: StorageError.
        """
        with _storage_errors(self.path), self.db.atomic():
            yield

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return a query's rows as dictionaries."""
        with _storage_errors(self.path):
            return list(self.db.query(sql, dict(parameters or {})))

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return a query's rows as a table, its columns named even when it is empty."""
        with _storage_errors(self.path):
            cursor = self.db.execute(sql, dict(parameters or {}))
            return pd.DataFrame(cursor.fetchall(), columns=[d[0] for d in cursor.description])

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]], key: str | Sequence[str]) -> None:
        """Insert or update rows on their natural key."""
        with _storage_errors(self.path):
            self.db.table(table).upsert_all((dict(r) for r in rows), pk=key if isinstance(key, str) else tuple(key))

    # -- runs and sources -------------------------------------------------------------------------

    def begin_run(self, run_id: str, kind: str, now: datetime) -> None:
        """Note that a run has started; a run that never ends stays visible as `running`."""
        with self.transaction():
            self.upsert("runs", [_run(run_id, kind, now, "running")], "run_id")

    def end_run(self, run_id: str, status: str, summary: Mapping[str, Any], now: datetime) -> None:
        """Note how a run ended, with the counts of its stages."""
        with self.transaction():
            self.db.execute(
                "UPDATE runs SET finished = :at, status = :status, summary = :summary WHERE run_id = :id",
                {"at": now.isoformat(), "status": status, "summary": json.dumps(summary), "id": run_id},
            )

    def last_runs(self, limit: int = 10) -> list[Row]:
        """Return the latest runs, newest first."""
        return self.rows("SELECT * FROM runs ORDER BY started DESC LIMIT :limit", {"limit": limit})

    def save_fetches(self, sources: Iterable[Mapping[str, Any]], fetches: Iterable[Mapping[str, Any]]) -> None:
        """Store the declarations that were in force and what each source gave."""
        with self.transaction():
            self.upsert("sources", sources, "source_id")
            self.upsert("fetches", fetches, ("run_id", "source_id"))

    # -- documents and stories --------------------------------------------------------------------

    def taken_in(self) -> set[str]:
        """Return the spool files that were processed whole."""
        return {row["path"] for row in self.rows("SELECT path FROM spool_files")}

    def documents_known(self, ids: Sequence[str]) -> dict[str, Row]:
        """Return what is stored of these documents, by id."""
        return {
            row["document_id"]: row
            for row in self.rows(
                "SELECT * FROM documents WHERE document_id IN (SELECT value FROM json_each(:ids))",
                {"ids": json.dumps(list(ids))},
            )
        }

    def band_neighbours(self, keys: Iterable[int], since: datetime) -> list[tuple[int, str, str, NDArray[np.uint32]]]:
        """Return (key, document_id, story_id, signature) of stored documents that share one of the keys."""
        rows = self.rows(
            """SELECT b.key, b.document_id, d.story_id, f.signature FROM bands b
               JOIN fingerprints f USING (document_id) JOIN documents d USING (document_id)
               WHERE b.key IN (SELECT value FROM json_each(:keys)) AND f.published >= :since""",
            {"keys": json.dumps(list(keys)), "since": since.isoformat()},
        )
        return [(r["key"], r["document_id"], r["story_id"], np.frombuffer(r["signature"], dtype="<u4")) for r in rows]

    def versions_of(self, days: Sequence[date]) -> list[Row]:
        """Return document_id, story_id, published, terms and weights of the texts published on these days (UTC)."""
        return self.rows(
            """SELECT t.document_id, t.published, t.terms, t.weights, d.story_id FROM story_traits t
               JOIN documents d USING (document_id) WHERE t.day IN (SELECT value FROM json_each(:days))""",
            {"days": json.dumps([day.isoformat() for day in days])},
        )

    def traits_of(self, ids: Sequence[str]) -> list[Row]:
        """Return document_id and traits of these documents."""
        return self.rows(
            """SELECT document_id, traits FROM story_traits
               WHERE document_id IN (SELECT value FROM json_each(:ids))""",
            {"ids": json.dumps(list(ids))},
        )

    def save_documents(
        self,
        documents: Sequence[Row],
        fingerprints: Mapping[str, tuple[NDArray[np.uint32], tuple[int, ...]]],
        rejects: Iterable[Row],
    ) -> None:
        """Store documents with their story and fingerprints, and bring their stories up to date."""
        stories = sorted({row["story_id"] for row in documents})
        fresh = [{"story_id": s, **_EMPTY_STORY} for s in stories]
        with _storage_errors(self.path):
            self.db.table("stories").insert_all(fresh, pk="story_id", ignore=True)
        self.upsert("documents", documents, "document_id")
        self.upsert("rejects", rejects, ("url", "reason"))
        published = {row["document_id"]: row["published"] for row in documents}
        self._replace_fingerprints(fingerprints, published)
        self.refresh_stories(stories)

    def _replace_fingerprints(
        self, prints: Mapping[str, tuple[NDArray[np.uint32], tuple[int, ...]]], published: Mapping[str, str]
    ) -> None:
        with _storage_errors(self.path):
            connection = self.db.conn
            edited = self.rows(
                """SELECT document_id, signature FROM fingerprints
                   WHERE document_id IN (SELECT value FROM json_each(:ids))""",
                {"ids": json.dumps(list(prints))},
            )
            connection.executemany(
                "DELETE FROM bands WHERE key = ? AND document_id = ?",
                [(key, row["document_id"]) for row in edited for key in _old_keys(row["signature"])],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO bands (key, document_id) VALUES (?, ?)",
                [(key, name) for name, (_, keys) in prints.items() for key in keys],
            )
            connection.executemany(
                """INSERT INTO fingerprints (document_id, published, signature) VALUES (?, ?, ?)
                   ON CONFLICT (document_id) DO UPDATE SET published = excluded.published,
                   signature = excluded.signature""",
                [(n, published[n], signature.astype("<u4").tobytes()) for n, (signature, _) in prints.items()],
            )

    def refresh_stories(self, story_ids: Sequence[str]) -> None:
        """Recount copies, sources and authors; the origin is the earliest published copy.

        A story that only the press carries speaks with the official voice where its texts retell an official release.
        """
        with _storage_errors(self.path):
            self.db.execute(
                """WITH member AS (
                     SELECT d.*, row_number() OVER (
                       PARTITION BY story_id ORDER BY published, document_id) AS place
                     FROM documents d WHERE story_id IN (SELECT value FROM json_each(:ids))),
                   counted AS (
                     SELECT story_id, count(*) AS copies, count(DISTINCT source_id) AS sources,
                            count(DISTINCT author_hash) AS authors, min(first_seen) AS first_seen,
                            avg(release) AS release
                     FROM member GROUP BY story_id)
                   UPDATE stories SET (origin_id, voice, published, day, content_hash,
                                       copies, sources, authors, first_seen) =
                     (SELECT m.document_id,
                             CASE WHEN m.voice = 'press' AND c.release >= :release THEN 'official' ELSE m.voice END,
                             m.published, m.day, m.content_hash,
                             c.copies, c.sources, c.authors, c.first_seen
                      FROM member m JOIN counted c USING (story_id)
                      WHERE m.place = 1 AND m.story_id = stories.story_id)
                   WHERE story_id IN (SELECT story_id FROM counted)""",
                {"ids": json.dumps(list(story_ids)), "release": RELEASE},
            )

    def unite_stories(self, absorbed: Mapping[str, str]) -> None:
        """Let stories go up in others: their documents and clarifications move, their places and scores go."""
        with _storage_errors(self.path):
            for story, into in absorbed.items():
                moved = {"story": story, "into": into}
                for table, column in (
                    ("documents", "story_id"), ("story_links", "story_id"),
                    ("clarifications", "story_id"), ("clarifications", "clarified_by"),
                ):  # fmt: skip
                    self.db.execute(f"UPDATE OR REPLACE {table} SET {column} = :into WHERE {column} = :story", moved)  # noqa: S608
                for table in ("places", "locations", "scores", "stories"):
                    self.db.execute(f"DELETE FROM {table} WHERE story_id = :story", moved)  # noqa: S608 (constants)
        self.refresh_stories(sorted(set(absorbed.values())))

    def unlocated(self, gazetteer_id: str, after: str, limit: int) -> list[Row]:
        """Return origins that were never located, or in another text or with another gazetteer."""
        return self.rows(
            """SELECT s.story_id, s.content_hash, d.title, d.text, d.source_id FROM stories s
               JOIN documents d ON d.document_id = s.origin_id
               LEFT JOIN locations l ON l.story_id = s.story_id AND l.content_hash = s.content_hash
                 AND l.gazetteer_id = :gazetteer
               WHERE s.story_id > :after AND l.story_id IS NULL AND d.text || d.title <> ''
               ORDER BY s.story_id LIMIT :limit""",
            {"gazetteer": gazetteer_id, "after": after, "limit": limit},
        )

    def save_locations(self, locations: Sequence[Row], places: Sequence[Row]) -> None:
        """Replace the places of these stories."""
        with self.transaction():
            self.db.conn.executemany("DELETE FROM places WHERE story_id = ?", [(r["story_id"],) for r in locations])
            self.upsert("locations", locations, "story_id")
            self.upsert("places", places, ("story_id", "code"))

    def unscored(self, model_id: str, after: str, limit: int) -> list[Row]:
        """Return origins of the region that this model has not scored in their present text."""
        return self.rows(
            """SELECT s.story_id, s.content_hash, d.title, d.text FROM stories s
               JOIN locations l ON l.story_id = s.story_id AND l.kabupaten
               JOIN documents d ON d.document_id = s.origin_id
               LEFT JOIN scores c ON c.story_id = s.story_id AND c.model_id = :model
                 AND c.content_hash = s.content_hash
               WHERE s.story_id > :after AND c.story_id IS NULL AND d.text || d.title <> ''
               ORDER BY s.story_id LIMIT :limit""",
            {"model": model_id, "after": after, "limit": limit},
        )

    def save_scores(self, scores: Sequence[Row]) -> None:
        """Store scores, one row a story and model."""
        with self.transaction():
            self.upsert("scores", scores, ("story_id", "model_id"))

    # -- tables -----------------------------------------------------------------------------------

    def stories_of_region(self, model_id: str, since: date) -> pd.DataFrame:
        """Return one row a story and place (code NULL where known only above kecamatan level)."""
        return self.frame(
            """SELECT s.story_id, s.day, s.voice, s.copies, s.sources, s.authors, s.first_seen,
                      c.tension, c.level, c.sentiment, c.themes, p.code, p.level AS place_level
               FROM stories s JOIN locations l USING (story_id)
               JOIN scores c ON c.story_id = s.story_id AND c.model_id = :model
               LEFT JOIN places p ON p.story_id = s.story_id
               WHERE l.kabupaten AND s.day >= :since ORDER BY s.day, s.story_id, p.code""",
            {"model": model_id, "since": since.isoformat()},
        )

    def public_authors(self, since: date) -> pd.DataFrame:
        """Return the distinct (day, code, author_hash) of located public documents."""
        return self.frame(
            """SELECT DISTINCT s.day, p.code, d.author_hash FROM documents d
               JOIN stories s USING (story_id) JOIN places p USING (story_id)
               WHERE d.voice = 'public' AND d.author_hash IS NOT NULL AND s.day >= :since""",
            {"since": since.isoformat()},
        )

    def fetch_days(self, now: datetime) -> pd.DataFrame:
        """Return (source_id, voice, day) on which an enabled source was read by `now`, and days of its documents."""
        return self.frame(
            """SELECT s.source_id, s.voice, f.day, 1 AS fetched FROM sources s
               JOIN fetches f ON f.source_id = s.source_id AND f.ok WHERE s.enabled AND f.started <= :now
               UNION SELECT s.source_id, s.voice, t.day, 0 FROM sources s
               JOIN documents t ON t.source_id = s.source_id WHERE s.enabled AND t.first_seen <= :now""",
            {"now": now.isoformat()},
        )

    def days_built(self) -> set[str]:
        """Return the days that have a row in the table of the kabupaten."""
        return {row["day"] for row in self.rows("SELECT DISTINCT day FROM kabupaten_daily")}

    def first_story_day(self) -> str | None:
        """Return the earliest day with a story of the region, or None."""
        found = self.rows("SELECT min(s.day) AS day FROM stories s JOIN locations l USING (story_id) WHERE l.kabupaten")
        return str(found[0]["day"]) if found[0]["day"] else None

    def save_daily(self, level: str, rows: pd.DataFrame) -> int:
        """Write the rows whose values changed; return how many. A rebuilt day that says the same stays."""
        table, key = DAILY[level], f"{level}_code"
        if rows.empty:
            return 0
        rows = rows.astype(object).where(rows.notna(), None)
        days = json.dumps(sorted(rows["day"].unique()))
        sql = f"SELECT * FROM {table} WHERE day IN (SELECT value FROM json_each(:days))"  # noqa: S608 (a constant)
        stored = {(r["day"], r[key], r["voice"]): r for r in self.rows(sql, {"days": days})}
        records = [{str(name): value for name, value in r.items()} for r in rows.to_dict("records")]
        changed = [r for r in records if _differs(r, stored.get((r["day"], r[key], r["voice"])))]
        with self.transaction():
            self._write_daily(table, key, changed)
        return len(changed)

    def _write_daily(self, table: str, key: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        names = list(rows[0])
        updates = ", ".join(f"{n} = excluded.{n}" for n in names if n not in ("day", key, "voice"))
        values = ", ".join(f":{n}" for n in names)
        sql = (
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608 (our own column names)
            f"ON CONFLICT (day, {key}, voice) DO UPDATE SET {updates}"
        )
        with _storage_errors(self.path):
            self.db.conn.executemany(sql, rows)

    def daily(self, level: str, since: date | None = None, until: date | None = None) -> pd.DataFrame:
        """Return the daily table of a level (desa, kecamatan, kabupaten) between two days, both included."""
        order = f"day, {level}_code, voice"
        return self.frame(
            f"SELECT * FROM {DAILY[level]} WHERE day BETWEEN :since AND :until ORDER BY {order}",  # noqa: S608
            {"since": (since or date.min).isoformat(), "until": (until or date.max).isoformat()},
        )

    def column_types(self, table: str) -> dict[str, str]:
        """Return the declared type of each column of a table."""
        rows = self.rows("SELECT name, type FROM pragma_table_info(:table)", {"table": table})
        return {row["name"]: row["type"] for row in rows}

    def replace_watch_list(self, day: date, rows: Sequence[Row]) -> None:
        """Store the watch list of a day."""
        with self.transaction():
            old = {
                (r["code"], r["tier"]): r
                for r in self.rows("SELECT * FROM watch_list WHERE day = :day", {"day": day.isoformat()})
            }
            new = {(r["code"], r["tier"]): r for r in rows}
            for code, tier in old.keys() - new.keys():
                self.db.execute(
                    "DELETE FROM watch_list WHERE day = :day AND code = :code AND tier = :tier",
                    {"day": day.isoformat(), "code": code, "tier": tier},
                )
            changed = [r for k, r in new.items() if _differs(r, old.get(k))]
            self.upsert("watch_list", changed, ("day", "code", "tier"))

    def watch_list(self, day: date) -> list[Row]:
        """Return the watch list of a day, gravest first."""
        return self.rows(
            """SELECT * FROM watch_list WHERE day = :day ORDER BY
               CASE tier WHEN 'merah' THEN 0 WHEN 'kuning' THEN 1 ELSE 2 END, p, code""",
            {"day": day.isoformat()},
        )

    # -- upkeep -----------------------------------------------------------------------------------

    def purge(
        self, texts_before: datetime, authors_before: datetime, fingerprints_before: datetime, traits_before: datetime
    ) -> dict[str, int]:
        """Remove raw texts, author hashes, fingerprints and traits of documents published before these times."""
        statements = {
            "texts": (
                """UPDATE documents SET text = '', title = CASE voice WHEN 'public' THEN '' ELSE title END
                   WHERE text <> '' AND max(published, fetched_at) < :before""",
                texts_before,
            ),
            "authors": (
                """UPDATE documents SET author_hash = NULL
                   WHERE author_hash IS NOT NULL AND fetched_at < :before""",
                authors_before,
            ),
            "fingerprints": ("DELETE FROM fingerprints WHERE published < :before", fingerprints_before),
            "traits": ("DELETE FROM story_traits WHERE day < :before", traits_before),
        }
        removed = {}
        with self.transaction():
            for name, (sql, before) in statements.items():
                removed[name] = self.db.execute(sql, {"before": before.isoformat()}).rowcount
            for sql in (
                "UPDATE story_links SET reasons = '[]' WHERE joined_at < :before",
                "UPDATE clarifications SET reason = '[]' WHERE score IS NOT NULL AND at < :before",
            ):
                self.db.execute(sql, {"before": texts_before.isoformat()})
            self.db.execute("DELETE FROM bands WHERE document_id NOT IN (SELECT document_id FROM fingerprints)")
        return removed

    def strip(self, kind: str, before: datetime) -> int:
        """Remove words, author hash and fingerprint of the documents that sources of a kind gave before a time."""
        due = self.rows(
            """SELECT d.document_id FROM documents d JOIN sources s USING (source_id)
               WHERE s.kind = :kind AND d.fetched_at < :before
                 AND d.text || d.title || coalesce(d.author_hash, '') <> ''""",
            {"kind": kind, "before": before.isoformat()},
        )
        if not due:
            return 0
        ids = {"ids": json.dumps([row["document_id"] for row in due])}
        listed = "document_id IN (SELECT value FROM json_each(:ids))"
        with self.transaction():
            for statement in ("DELETE FROM bands", "DELETE FROM fingerprints",
                              "UPDATE documents SET title = '', text = '', author_hash = NULL"):  # fmt: skip
                self.db.execute(f"{statement} WHERE {listed}", ids)
        return len(due)

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        return {name: self.db.table(name).count for name in self.db.table_names() if not name.startswith("_")}

    def integrity(self) -> str:
        """Return "ok" or what SQLite found wrong."""
        return str(self.rows("PRAGMA quick_check")[0]["quick_check"])

    def backup(self, target: Path) -> None:
        """Copy the database while it is in use (SQLite's backup interface).

        Raises: StorageError.
        """
        with _storage_errors(target), contextlib.closing(sqlite3.connect(target)) as copy:
            self.db.conn.backup(copy)


def _open_to_read(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Open a database to read, also where the disk is full.

    A reader needs two small files beside the database. Where they cannot be made nobody can write either, so the
    database is read as it lies, unless a writer has left something in its log.
    """
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=busy_seconds)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        connection.close()
        log = path.with_name(f"{path.name}-wal")
        unread = log.exists() and log.stat().st_size > 0
        if unread or not any(sign in str(error) for sign in ("disk I/O", "unable to open", "full")):
            raise
        connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    return connection


def _old_keys(signature: bytes) -> tuple[int, ...]:
    return band_keys(np.frombuffer(signature, dtype="<u4")[np.newaxis])[0]


_EMPTY_STORY: Row = {
    "origin_id": "", "voice": "", "published": "", "day": "", "first_seen": "",
    "copies": 0, "sources": 0, "authors": 0, "content_hash": "",
}  # fmt: skip


def _run(run_id: str, kind: str, now: datetime, status: str) -> Row:
    return {"run_id": run_id, "kind": kind, "started": now.isoformat(), "status": status}


def _differs(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Tell whether a row says something else than the stored one; floats to 1e-9."""
    if old is None:
        return True
    for name, value in new.items():
        if name in _BOOKKEEPING:
            continue
        before = old[name]
        if isinstance(value, float) and isinstance(before, (int, float)):
            if abs(value - before) > 1e-9:
                return True
        elif value != before:
            return True
    return False


def utc_now() -> datetime:
    """Return the present time, aware. Never cut to the second: what was fetched within it would lie in the future."""
    return datetime.now(UTC)
