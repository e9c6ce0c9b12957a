"""The researchers' snapshot: what is not in the file cannot be queried, and nothing can be written through it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from benchmarks import year
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store
from run_monitor import cli

REGION = PROJECT / "data" / "regions" / "contoh"
ALLOWED = {
    "about": {"name", "value"},
    "places": {"code", "name", "level", "above"},
    "sources": {"source_id", "name", "kind", "voice", "basis", "enabled"},
    "alerts": {"alert_id", "day", "kind", "tier", "level", "code", "place", "words", "seen", "expected", "p", "state",
               "as_of"},
    "visits": {"day", "desa_code", "kind", "themes"},
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = load_settings(environment={}, home=tmp_path_factory.mktemp("explore"), region=REGION)
    year.fill(made, days=40, stories_a_day=20)
    return made


@pytest.fixture(scope="module")
def snapshot(settings: Settings) -> Path:
    base = ["--home", str(settings.home), "--region", str(settings.region)]
    done = CliRunner().invoke(cli, [*base, "explore", "--only-file"])
    assert done.exit_code == 0, done.output
    return Path(done.output.strip())


def test_the_snapshot_has_no_column_that_was_not_allowed(snapshot: Path) -> None:
    with closing(sqlite3.connect(snapshot)) as made:
        tables = [name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: {row[1] for row in made.execute(f"PRAGMA table_info({name})")} for name in tables}
    daily = {name: columns.pop(name) for name in ("desa_daily", "kecamatan_daily", "kabupaten_daily")}
    assert columns == ALLOWED
    for name, found in daily.items():
        assert not {"title", "text", "url", "author_hash", "run_id", "kecamatan_tension"} & found, name
        assert {"day", "voice", "tension", "low", "high", "status"} <= found


def test_no_text_no_author_and_no_name_of_a_user_is_anywhere_in_the_file(settings: Settings, snapshot: Path) -> None:
    held = snapshot.read_bytes()
    with Store(settings.database, read_only=True) as store:
        texts = store.rows("SELECT title, text, url, author_hash, document_id FROM documents")
        people = store.rows("SELECT entered_by FROM visits UNION SELECT who FROM alert_steps")
    kept = {str(value) for row in texts for value in row.values() if value}
    names = {row["entered_by"] for row in people} - {"sejuk", year.MODEL}
    assert len(kept) > 1000
    assert not [value for value in kept | names if value.encode() in held]


def test_the_public_voice_of_few_is_hidden_and_every_day_is_there(settings: Settings, snapshot: Path) -> None:
    with Store(settings.database, read_only=True) as store:
        raw = store.daily("desa")
    few = raw[(raw["voice"] == "public") & (raw["authors7"] < 3) & (raw["n"] > 0)]
    assert len(few) > 20
    with closing(sqlite3.connect(snapshot)) as made:
        assert made.execute("SELECT count(*) FROM desa_daily").fetchone()[0] == len(raw)
        for day, code in zip(few["day"], few["desa_code"], strict=True):
            row = made.execute(
                "SELECT n, n7, themes, negative, authors7 FROM desa_daily WHERE day = ? AND desa_code = ?"
                " AND voice = 'public'",
                [day, code],
            ).fetchone()
            assert row == (0, 0, "{}", None, 0)
        states = {state for (state,) in made.execute("SELECT DISTINCT state FROM alerts")}
    assert states == {"confirmed"}


def test_making_it_is_entered_as_an_export(settings: Settings, snapshot: Path) -> None:
    with Store(settings.database, read_only=True) as store:
        last = store.rows("SELECT action, detail FROM audit_log ORDER BY seq DESC LIMIT 1")[0]
    assert (last["action"], json.loads(last["detail"])["snapshot"]) == ("export", snapshot.name)


def test_before_the_first_build_it_says_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["--home", str(tmp_path), "--region", str(REGION), "explore"])
    assert done.exit_code == 1
    assert "run_monitor.py once" in done.output


@pytest.fixture(scope="module")
def datasette(settings: Settings) -> Iterator[str]:
    pytest.importorskip("datasette")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "run_monitor.py", "--home", str(settings.home), "--region", str(settings.region)]
    with subprocess.Popen([*command, "explore", "--port", str(port)], cwd=PROJECT, start_new_session=True) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    httpx.get(address)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the command and what it has started
            assert process.wait(20) == 0


def test_datasette_answers_questions_and_takes_no_change(datasette: str) -> None:
    asked = {"sql": "select p.name, max(d.tension) t from desa_daily d join places p on p.code = d.desa_code"
                    " where d.voice = 'all' group by 1 order by t desc limit 3", "_shape": "array"}  # fmt: skip
    rows = httpx.get(f"{datasette}/jelajah.json", params=asked).json()
    assert len(rows) == 3
    assert rows[0]["t"] >= rows[2]["t"] > 0
    for change in ("delete from visits", "update visits set kind = 'x'", "attach database '/etc/passwd' as x"):
        refused = httpx.get(f"{datasette}/jelajah.json", params={"sql": change})
        assert refused.status_code == 400, change
    assert "daily estimates of each desa" in httpx.get(f"{datasette}/jelajah/desa_daily").text.lower()
