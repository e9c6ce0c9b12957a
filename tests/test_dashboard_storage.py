"""When the database is missing, empty, old, damaged, locked or without room: the page says so and shows what it can."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlite_utils import Database

from benchmarks import year
from dashboard import stores
from dashboard.app import create_app
from dashboard.rendering import words
from pipelines import users
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.migrations import schema
from pipelines.store import Store
from pipelines.users import Role

PASSWORD = "empat-kata-acak-sekali"
LATER = year.NOW + timedelta(minutes=10)  # when the last use of a session would be noted
READ = (
    "/",
    "/desa/99.01.01.2002",
    "/kabupaten",
    "/sumber",
    "/data",
    "/peringatan",
    "/kunjungan",
    "/kelola",
    "/koreksi",
)
VISIT = {"desa": "Karangsejuk, Tirta Wening", "date": "2026-03-30", "kind": "sambang"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("stored")
    made = load_settings(environment={}, home=home, region=PROJECT / "data" / "regions" / "contoh")
    year.fill(made, days=12, stories_a_day=10)
    with Store(made.database) as store:
        users.add(store, "sari", list(Role), PASSWORD, "tes", year.NOW)
    return made


@pytest.fixture
def settings(filled: Settings, tmp_path: Path) -> Settings:
    shutil.copy(filled.database, tmp_path)
    return replace(filled, home=tmp_path)


def signed_in(settings: Settings) -> TestClient:
    client = TestClient(create_app(settings, lambda: LATER), follow_redirects=False)
    with Store(settings.database) as store:
        client.cookies.set("sejuk", users.sign_in(store, "sari", PASSWORD, "x", year.NOW))
    return client


def said(client: TestClient, path: str, reason: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert words()[reason]["id"] in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "gagal_tanpa_data"), (b"", "gagal_versi_lama"), (b"bukan basis data " * 99, "gagal_rusak")],
    ids=["missing", "empty", "damaged"],
)
def test_a_file_that_is_none_is_said_in_words(settings: Settings, content: bytes | None, reason: str) -> None:
    client = signed_in(settings)
    settings.database.unlink()
    if content is not None:
        settings.database.write_bytes(content)
    said(client, "/", reason)
    said(client, "/masuk", reason)
    posted = client.post("/masuk", data={"nama": "sari", "sandi": PASSWORD, "csrf": "0"}, headers={"X-CSRF": "0"})
    assert posted.status_code in (403, 503)
    assert settings.database.exists() == (content is not None), "the page makes no database"
    assert client.get("/api/v1/sources", headers={"Authorization": "Bearer sejuk_0_0"}).status_code == 503


def test_a_database_of_an_older_schema_shows_what_it_has(settings: Settings) -> None:
    client = signed_in(settings)
    with sqlite3.connect(settings.database) as older:  # as it was before sources were granted and before alerts lived
        for table in ("source_grants", "corrections"):
            older.execute(f"DROP TABLE {table}")
    shown = {path: client.get(path).status_code for path in READ}
    assert shown == dict.fromkeys(READ, 200) | {"/koreksi": 503}
    said(client, "/koreksi", "gagal_versi_lama")
    assert 'href="/sumber"' in client.get("/koreksi").text, "the menu still leads elsewhere"


def test_a_database_before_there_were_users_says_what_to_do(settings: Settings) -> None:
    settings.database.unlink()
    schema.apply(Database(settings.database), stop_before="m004_users")
    said(TestClient(create_app(settings)), "/masuk", "gagal_versi_lama")


def test_a_locked_database_is_read_on_and_what_cannot_be_written_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "WRITE_WAIT", 0.1)
    client = signed_in(settings)
    token = client.get("/sandi").text.split('name="csrf" value="')[1][:64]
    busy = sqlite3.connect(settings.database, isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    assert {path: client.get(path).status_code for path in READ} == dict.fromkeys(READ, 200)
    answer = client.post("/kunjungan", data=VISIT | {"csrf": token})
    assert answer.status_code == 503
    assert words()["gagal_terkunci"]["id"] in answer.text
    said(client, "/kabupaten/bukti", "gagal_terkunci")  # what cannot be entered in the audit log is not read
    busy.execute("ROLLBACK")
    busy.close()
    assert client.post("/kunjungan", data=VISIT | {"csrf": token}).status_code == 303


@pytest.fixture
def small_disk(tmp_path: Path, filled: Settings) -> Iterator[Path]:
    """A disk that has room for the database and little else."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = filled.database.stat().st_size // 1024 + 512
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk can be made only where this account may mount one")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_on_a_full_disk_the_tables_are_read_on_and_nothing_is_lost(filled: Settings, small_disk: Path) -> None:
    shutil.copy(filled.database, small_disk)
    settings = replace(filled, home=small_disk)
    client = signed_in(settings)
    token = client.get("/sandi").text.split('name="csrf" value="')[1][:64]
    _fill(small_disk / "ballast")
    assert {path: client.get(path).status_code for path in READ} == dict.fromkeys(READ, 200)
    answer = client.post("/kunjungan", data=VISIT | {"csrf": token})
    assert answer.status_code == 503
    assert words()["gagal_penuh"]["id"] in answer.text
    said(client, "/kabupaten/bukti", "gagal_penuh")
    (small_disk / "ballast").unlink()
    assert client.post("/kunjungan", data=VISIT | {"csrf": token}).status_code == 303
    with Store(settings.database) as store:
        assert store.integrity() == "ok"
        assert store.rows("SELECT 1 FROM visits WHERE day = '2026-03-30' AND kind = 'sambang'")


def _fill(file: Path) -> None:
    """Write until there is no room left."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as ballast:
        while True:
            ballast.write(b"0" * 4096)
    assert shutil.disk_usage(file.parent).free == 0
