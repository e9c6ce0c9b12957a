"""A past day is read as it was known, and computed anew to the same values; alerts are reviewed by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from analysis.errors import MonitorError
from pipelines import history
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.monitor import recorded_run
from pipelines.process import process
from pipelines.store import Store
from pipelines.tables import build_tables
from run_monitor import cli
from tests.test_ledger import NAME, enter, found
from tests.test_process import CLASH, FEAST, NOW, VOICES, every_source_read, raw, spooled

DAY = date(2026, 3, 10)
LATER = NOW + timedelta(hours=6)
MIDNIGHT = datetime(2026, 3, 10)  # noqa: DTZ001 (what a person types)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A calm morning, and a clash that is reported by evening: two builds of the same day."""
    with Store(settings.database) as opened:
        for run, now, text in (("r1", NOW, FEAST), ("r2", LATER, CLASH)):
            spooled(settings, run, raw("kabar", 1 if text is FEAST else 2, text, fetched_at=now))
            every_source_read(opened, now)
            with recorded_run(opened, "once", run, lambda now=now: now) as summary:  # type: ignore[misc]
                summary["process"] = process(settings, opened, VOICES, run, now)
                summary["tables"] = build_tables(settings, opened, summary["process"]["model"], run, now)
        yield opened


def invoke(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(settings.home), "--region", "contoh", *arguments])


def test_a_day_is_read_as_it_was_known_in_the_morning_and_in_the_evening(settings: Settings, store: Store) -> None:
    calm, tense = (history.as_of(store, "kabupaten", DAY, moment).set_index("voice") for moment in (NOW, LATER))
    assert (calm.loc["all", "n"], tense.loc["all", "n"]) == (1, 2)
    assert calm.loc["all", "tension"] < tense.loc["all", "tension"]
    assert history.as_of(store, "kabupaten", DAY, NOW - timedelta(hours=1)).empty


@pytest.mark.parametrize("moment", [NOW, LATER])
def test_computed_anew_a_past_table_is_the_same(settings: Settings, store: Store, moment: datetime) -> None:
    build = history.build_at(store, DAY, moment)
    assert build.as_of == moment
    for level, table in history.recompute(settings, store, DAY, build).items():
        stored = history.as_of(store, level, DAY, moment)
        assert len(stored) == len(table) > 0
        assert history.differences(stored, table, f"{level}_code").empty


def test_what_was_corrected_since_shows_as_a_difference(settings: Settings, store: Store) -> None:
    store.db.execute("UPDATE scores SET tension = 0.9 WHERE tension = (SELECT min(tension) FROM scores)")
    store.db.conn.commit()
    build = history.build_at(store, DAY, NOW)
    table = history.recompute(settings, store, DAY, build)["kabupaten"]
    found = history.differences(history.as_of(store, "kabupaten", DAY, NOW), table, "kabupaten_code")
    row = found[(found["voice"] == "all") & (found["column"] == "tension")].iloc[0]
    assert row["stored"] < row["computed"]


def test_a_moment_before_the_first_build_is_refused_with_the_builds_there_are(store: Store) -> None:
    with pytest.raises(MonitorError, match=r"not built by 2026-03-10T04:00:00Z \(built: 2026-03-10T05:00:00Z"):
        history.build_at(store, DAY, NOW - timedelta(hours=1))
    with pytest.raises(MonitorError, match="built: never"):
        history.build_at(store, date(2031, 1, 1), LATER)


def test_a_day_alone_means_its_end_in_the_region() -> None:
    jakarta = ZoneInfo("Asia/Jakarta")
    assert history.end_of(MIDNIGHT, jakarta).isoformat() == "2026-03-10T16:59:59.999999+00:00"
    assert history.end_of(MIDNIGHT.replace(hour=12), jakarta) == datetime(2026, 3, 10, 5, tzinfo=UTC)


def test_replay_prints_the_past_and_says_that_it_holds(settings: Settings, store: Store) -> None:
    result = invoke(settings, "replay", "--date", "2026-03-10", "--as-of", "2026-03-10T12:30")
    assert (result.exit_code, "sama dengan yang tersimpan" in result.output) == (0, True), result.output
    shown = json.loads(invoke(settings, "replay", "--date", "2026-03-10", "--json").output)
    assert shown["differences"] == {"desa": [], "kecamatan": [], "kabupaten": []}
    public = [row for row in shown["tables"]["desa"] if row["voice"] == "public"]
    assert all(row["tension"] is None or row["status"] != "enough" for row in public)  # nobody posted


def test_an_alert_is_reviewed_told_and_closed_by_command(settings: Settings) -> None:
    with Store(settings.database) as store:
        enter(store, found())
    assert "10 laporan tegang" in invoke(settings, "alerts", "list").output
    assert invoke(settings, "alerts", "review", NAME, "--by", "Sari", "--confirm").exit_code == 1
    assert "sedang ditinjau" in invoke(settings, "alerts", "review", NAME[:12], "--by", "Sari").output
    assert "dibenarkan" in invoke(settings, "alerts", "review", NAME, "--by", "Sari", "--confirm").output
    assert "diterima" in invoke(settings, "alerts", "ack", NAME, "--by", "Joko", "--told", "lisan").output
    assert "selesai" in invoke(settings, "alerts", "ack", NAME, "--by", "Joko", "--close", "musyawarah").output
    shown = json.loads(invoke(settings, "alerts", "show", NAME, "--by", "Sari", "--json").output)
    assert [step["state"] for step in shown["steps"]][-1] == "closed"
    listed = json.loads(invoke(settings, "alerts", "list", "--state", "closed", "--json").output)
    assert listed["figures"]["false_alarm_rate"] == 0
    assert len(listed["alerts"]) == 1


def test_with_two_person_review_the_second_person_is_asked_for(settings: Settings) -> None:
    (settings.home / "sejuk.toml").write_text("[review]\ntwo_person = true\n", encoding="utf-8")
    with Store(settings.database) as store:
        enter(store, found())
    two = ("--config", str(settings.home / "sejuk.toml"))
    steps = [("--by", "Sari"), ("--by", "Sari", "--confirm"), ("--by", "Joko", "--confirm")]
    codes = [invoke(settings, *two, "alerts", "review", NAME, *step).exit_code for step in steps]
    assert codes == [0, 1, 0]
