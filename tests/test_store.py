"""The database: what is stored stays, what is wrong is said, and nothing is written twice."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import StorageError
from pipelines import audit
from pipelines.store import Store

NOW = datetime(2025, 5, 26, 1, 0, tzinfo=UTC)


def _kabupaten_row(day: str, tension: float | None, run_id: str = "r1") -> dict[str, object]:
    return {
        "day": day, "kabupaten_code": "99.01", "voice": "all", "n": 1, "n7": 4, "copies": 2, "sources": 2,
        "authors7": 0, "tension": tension, "low": 0.1, "high": 0.3, "weight": 0.5, "status": "enough",
        "negative": 0.2, "neutral": 0.5, "positive": 0.3, "themes": "{}", "max_level": 2, "grave7": 0,
        "coverage": 1.0, "final": 0, "as_of": NOW.isoformat(), "model_id": "m", "run_id": run_id,
    }  # fmt: skip


def test_a_rebuilt_day_that_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite") as store:
        days = pd.DataFrame([_kabupaten_row("2025-05-24", 0.2), _kabupaten_row("2025-05-25", None)])
        assert store.save_daily("kabupaten", days) == 2
        assert store.save_daily("kabupaten", days.assign(run_id="r2", as_of="later")) == 0
        assert store.save_daily("kabupaten", days.assign(tension=[0.25, None])) == 1
        table = store.daily("kabupaten")
        assert list(table["run_id"]) == ["r1", "r1"]
        assert table["tension"][0] == 0.25
        assert pd.isna(table["tension"][1])  # no data stays NULL, never 0
        assert len(store.daily("kabupaten", since=date(2025, 5, 25))) == 1


def test_a_status_or_tension_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite") as store, pytest.raises(StorageError, match="CHECK"):
        store.save_daily("kabupaten", pd.DataFrame([_kabupaten_row("2025-05-24", 0.2) | {"status": "calm"}]))


def test_a_locked_database_says_so_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Store(path) as store:
        store.begin_run("r1", "once", NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store(path, busy_seconds=0.05) as store:
        with pytest.raises(StorageError, match="another process held it"):
            store.begin_run("r2", "once", NOW)
        assert [run["run_id"] for run in store.last_runs()] == ["r1"]  # a reader is never blocked
    other.execute("ROLLBACK")
    other.close()
    with Store(path) as store:
        store.begin_run("r2", "once", NOW)


def test_a_full_disk_says_so_and_keeps_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Store(path) as store:
        store.begin_run("r1", "once", NOW)
        pages = store.rows("PRAGMA page_count")[0]["page_count"]
        store.db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite then answers SQLITE_FULL, as a full disk does
        with pytest.raises(StorageError, match="the disk is full: free space"):
            store.end_run("r1", "ok", {"note": "x" * 100_000}, NOW)
    with Store(path) as store:
        assert store.last_runs()[0]["status"] == "running"
        assert store.integrity() == "ok"


def test_a_damaged_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite").write_bytes(b"this is no database, it is a text" * 100)
    with pytest.raises(StorageError, match="restore a backup"):
        Store(tmp_path / "bad.sqlite")
    with pytest.raises(StorageError, match="make one with"):
        Store(tmp_path / "none.sqlite", read_only=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another `home`"):
        Store(tmp_path / "file" / "a.sqlite")


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Store(path) as store:
        store.db["_sqlite_migrations"].insert({"migration_set": "sejuk", "name": "m999_future", "applied_at": "x"})
    with pytest.raises(StorageError, match=r"newer version \(m999_future\)"):
        Store(path)


def test_a_read_only_store_cannot_write(tmp_path: Path) -> None:
    Store(tmp_path / "a.sqlite").db.close()
    with Store(tmp_path / "a.sqlite", read_only=True) as store, pytest.raises(StorageError, match="readonly"):
        store.begin_run("r", "once", NOW)


def test_backup_is_a_whole_copy_of_a_database_in_use(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite") as store:
        store.begin_run("r1", "once", NOW)
        store.backup(tmp_path / "copy.sqlite")
        store.begin_run("r2", "once", NOW)
    with Store(tmp_path / "copy.sqlite") as copy:
        assert [run["run_id"] for run in copy.last_runs()] == ["r1"]
        assert copy.integrity() == "ok"


def test_the_audit_log_shows_that_it_was_changed(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite") as store:
        for number in range(3):
            audit.record(store, "export", {"file": number}, NOW + timedelta(minutes=number), who="uji")
        assert audit.verify(store) is None
        store.db.execute("UPDATE audit_log SET who = 'lain' WHERE seq = 2")
        assert audit.verify(store) == "entry 2 was changed after it was written"
        store.db.execute("DELETE FROM audit_log WHERE seq = 1")
        assert audit.verify(store) == "entry 1 is missing"
