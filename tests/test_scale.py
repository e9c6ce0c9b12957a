"""More than one machine: the result is that of one, whatever ends on the way. Real Dask, PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from distributed import Client
from sqlalchemy import create_engine

from analysis.errors import ConfigError, MonitorError, StorageError
from pipelines.batches import locate_batch, score_elsewhere
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.export_sql import export_to, without_password
from pipelines.pages import shown
from pipelines.process import process
from pipelines.store import DAILY, Store
from pipelines.tables import build_tables
from run_monitor import cli
from tests import services
from tests.test_process import NOW, VOICES, dump, raw, spooled

services.need("redis-server", "postgres")

CONTOH = PROJECT / "data" / "regions" / "contoh"


def _settings(home: Path, region: Path = CONTOH) -> Settings:
    return load_settings(environment={}, home=home, region=region)


def _many(settings: Settings, count: int) -> None:
    """Put reports into the spool, all of other words, some of this region."""
    dice = random.Random(7)

    def words() -> str:
        return " ".join("".join(dice.choices("abdegiklmnoprstu", k=dice.randint(3, 9))) for _ in range(40))

    places = ("Desa Karangsejuk, Kecamatan Tirta Wening", "Desa Payung Agung, Kecamatan Gunung Payung", "kota sebelah")
    ways = ("bentrok dan saling lempar batu", "menggelar kenduri", "memprotes hasil pemilihan")
    documents = [
        raw("kabar", n, f"Warga {dice.choice(places)}, {dice.choice(ways)}. {words()}.", n % 90) for n in range(count)
    ]
    spooled(settings, "r1", *documents)


# -- Dask -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    """What one machine makes of the reports."""
    settings = _settings(tmp_path_factory.mktemp("single"))
    _many(settings, 1200)
    with Store(settings.database) as store:
        process(settings, store, VOICES, "r1", NOW)
        made = dump(store)
    assert (len(made["locations"]), len(made["scores"]) > 600) == (1200, True)  # several batches of each
    return made


def test_a_cluster_that_loses_a_worker_gives_what_one_machine_gives(
    single: dict[str, list[dict[str, object]]], tmp_path: Path
) -> None:
    settings = _settings(tmp_path)
    _many(settings, 1200)
    with services.dask_cluster(2) as (scheduler, (first, second)), Store(settings.database) as store:
        with Client(scheduler, set_as_default=False) as client:
            client.wait_for_workers(2, 60)
        os.killpg(first.pid, signal.SIGSTOP)  # it takes work on and never gives it back
        killing = threading.Timer(2, lambda: os.killpg(first.pid, signal.SIGKILL))
        killing.start()
        counts = process(settings, store, VOICES, "r1", NOW, scheduler=scheduler)
        killing.join()
        assert first.wait(10) == -signal.SIGKILL
        assert second.poll() is None
        assert (counts["located"], counts["scored"]) == (len(single["locations"]), len(single["scores"]))
        assert dump(store) == single


def test_a_cluster_that_cannot_work_says_so(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "home")
    _many(settings, 3)
    with pytest.raises(ConfigError, match="cannot be reached"), Store(settings.database) as store:
        process(settings, store, VOICES, "r1", NOW, scheduler=f"tcp://127.0.0.1:{services.free_port()}")
    with services.dask_cluster(0) as (scheduler, _), Store(settings.database) as store:
        with pytest.raises(MonitorError, match="no worker"):
            process(settings, store, VOICES, "r2", NOW, scheduler=scheduler)
        assert store.counts()["locations"] == 0
        assert process(settings, store, VOICES, "r3", NOW)["located"] == 3  # nothing is lost by it
    for work, identity in ((locate_batch, "other"), (score_elsewhere, "other")):
        with pytest.raises(MonitorError, match="same"):
            work(str(settings.region if work is locate_batch else settings.model), identity, "r4", [])


# -- PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.postgres(tmp_path_factory.mktemp("postgres")) as address:
        yield address


def _second_region(folder: Path) -> Path:
    """Copy the invented region under another code."""
    folder.mkdir()
    for file in CONTOH.iterdir():
        if file.is_file():
            text = file.read_bytes()
            (folder / file.name).write_bytes(text.replace(b'"99.01"', b'"99.02"') if file.suffix == ".toml" else text)
    return folder


def _built(settings: Settings) -> Settings:
    """Process reports and build the tables of their days."""
    _many(settings, 40)
    with Store(settings.database) as store:
        model = process(settings, store, VOICES, "r1", NOW)["model"]
        build_tables(settings, store, model, "r1", NOW)
    return settings


def _central(database: str, name: str, region: str) -> pd.DataFrame:
    engine = create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    try:
        sql = f"SELECT * FROM {name} WHERE region = '{region}' ORDER BY day, {name.partition('_')[0]}_code, voice"
        return pd.read_sql(sql, engine)
    finally:
        engine.dispose()


def test_tables_of_many_regions_stand_in_one_database(database: str, tmp_path: Path) -> None:
    one = _built(_settings(tmp_path / "a"))
    two = _built(_settings(tmp_path / "b", _second_region(tmp_path / "lain")))
    with Store(one.database) as store, Store(two.database) as other:
        counts, more = export_to(one, store, database), export_to(two, other, database)
        assert counts["desa_daily"] > 0
        assert export_to(one, store, database, since=NOW.date() - timedelta(days=1)) != counts  # again, a part
        for level, name in DAILY.items():
            mine = store.daily(level)
            mine = shown(one, mine) if level == "desa" else mine
            there = _central(database, name, "99.01")
            assert len(there) == counts[name]
            assert len(_central(database, name, "99.02")) == more[name]
            assert (there["day"].astype(str) == mine["day"]).all()
            for column in mine.select_dtypes("number"):
                pd.testing.assert_series_equal(there[column], mine[column], check_dtype=False)


def test_the_command_exports_and_keeps_the_password_to_itself(database: str, tmp_path: Path) -> None:
    settings = _built(_settings(tmp_path))
    with_password = database.replace("sejuk@", "sejuk:rahasia@")
    command = ["--home", str(tmp_path), "--region", str(CONTOH), "export", "--since", "2026-03-09"]
    done = CliRunner().invoke(cli, command, env={"SEJUK_SECRET_EXPORT_TO": with_password})
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["desa_daily"] > 0
    with Store(settings.database, read_only=True) as store:
        (entry,) = store.rows("SELECT * FROM audit_log WHERE action = 'export'")
    assert "rahasia" not in str(entry)
    assert "sejuk:***@" in str(entry)


def test_a_database_that_refuses_is_named(database: str, tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with Store(settings.database) as store:
        with pytest.raises(ConfigError, match="postgresql://"):
            export_to(settings, store, "mysql://localhost/x")
        with pytest.raises(StorageError, match=r"127\.0\.0\.1:\d+/tiada: .*does not exist; nothing was changed"):
            export_to(settings, store, database.replace("/postgres", "/tiada"))
    assert without_password("postgresql://a:b@h/d") == "postgresql://a:***@h/d"
