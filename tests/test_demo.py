"""The demonstration, as `make demo` runs it: real spiders over HTTP on loopback, then nothing new."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest

from pipelines import demo
from pipelines.config import PROJECT
from pipelines.store import Store

TABLES = ("documents", "stories", "locations", "places", "scores", "desa_daily", "kecamatan_daily", "kabupaten_daily")


def _run(home: Path) -> str:
    command = [sys.executable, "run_monitor.py", "--home", str(home), "demo", "--no-serve"]
    environment = {**os.environ, "COLUMNS": "140", "PYTHONWARNINGS": "default"}
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def test_the_first_run_shows_where_to_go_and_the_second_changes_nothing(home: Path) -> None:
    first = _run(home)
    database = home / "demo" / "sejuk.sqlite"
    served = demo.read_stories(date(2026, 1, 1), ZoneInfo("Asia/Jakarta"))
    with Store(database, read_only=True) as store:
        before = {table: store.rows(f"SELECT * FROM {table}") for table in TABLES}
    assert len(before["documents"]) == len(served)  # every item once
    assert f"{len(served)} new from 6 sources (0 failed)" in first
    assert first.index("Karangsejuk") < first.index("Daftar pantau")  # the day's table, then the watch list
    assert "Karangsejuk" in first[first.index("Daftar pantau") :]
    assert str(database) in first
    second = _run(home)
    assert "0 new from 6 sources (0 failed)" in second
    assert "0 table rows changed" in second
    with Store(database, read_only=True) as store:
        assert {table: store.rows(f"SELECT * FROM {table}") for table in TABLES} == before


def test_what_is_stored_is_what_was_served(home: Path) -> None:
    anchor = date.fromisoformat((home / "demo" / "anchor").read_text())
    served = {f"/{s.site}/{s.number}": s for s in demo.read_stories(anchor, ZoneInfo("Asia/Jakarta"))}
    with Store(home / "demo" / "sejuk.sqlite", read_only=True) as store:
        stored = store.rows("SELECT d.*, s.copies FROM documents d JOIN stories s USING (story_id)")
    for row in stored:
        if row["source_id"] == "laporan":
            continue
        story = served[urlsplit(row["url"]).path]
        assert row["text"].replace("\n", " ") == story.text
        assert row["title"] == story.title
        assert row["published"] == story.published.astimezone(ZoneInfo("UTC")).isoformat(), row
        assert "Baca juga" not in row["text"]
        assert "Hak cipta" not in row["text"]
    twice = [row for row in stored if "saling melapor ke pengawas" in row["text"]]
    assert {row["copies"] for row in twice} == {3}  # one release in three outlets is one story


def test_a_taken_port_is_named(home: Path) -> None:
    with demo.serving([]):
        command = [sys.executable, "run_monitor.py", "--home", str(home), "demo", "--no-serve"]
        result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"port {demo.NEWS_PORT} on this machine is taken" in result.stderr


def test_it_ends_with_its_page_until_interrupted(home: Path) -> None:
    command = [sys.executable, "run_monitor.py", "--home", str(home), "demo", "--port", "0"]
    environment = os.environ | {"DEMO_SERVE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            assert running.stdout is not None
            shown = ""
            while "Ctrl-C" not in shown:
                line = running.stdout.readline()
                assert line, shown
                shown += line
            _look_around(shown)
            running.send_signal(signal.SIGINT)
            assert running.wait(20) == 0
        finally:
            running.kill()


def _look_around(shown: str) -> None:
    """Sign in with what the terminal said, and open a report of the brief."""
    address, password = shown.rsplit("http", 1)[1].split()[0], shown.split("one-time password ")[1].split()[0]
    with httpx.Client(base_url=f"http{address}", follow_redirects=True, timeout=30) as reader:
        token = re.search(r'name="csrf" value="(\w+)"', reader.get("/masuk").text)
        assert token
        page = reader.post("/masuk", data={"csrf": token[1], "nama": "demo", "sandi": password})
        assert "Karangsejuk" in page.text
        link = re.search(r'href="(http://127\.0\.0\.1:8931/[^"]+)"', reader.get("/laporan").text)
        assert link
        assert "Karangsejuk" in httpx.get(link[1]).text  # the evidence can be opened
