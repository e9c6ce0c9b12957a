"""Settings: one file and the environment; what is wrong is named."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from pipelines.config import PROJECT, load_settings


def _write(folder: Path, text: str) -> Path:
    file = folder / "sejuk.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_are_the_region_of_the_mission_and_a_home_beside_the_command(tmp_path: Path) -> None:
    settings = load_settings(_write(tmp_path, ""), environment={})
    assert settings.region == PROJECT / "data" / "regions" / "pesawaran"
    assert settings.tables.k == 3
    assert settings.tables.close_at == time(0, 10)
    assert str(settings.timezone) == "Asia/Jakarta"


def test_the_environment_wins_over_the_file_and_an_argument_over_both(tmp_path: Path) -> None:
    file = _write(tmp_path, 'region = "contoh"\nhome = "rumah"\n[crawl]\nevery_minutes = 30\ncontact = "a@b.example"\n')
    settings = load_settings(
        file, {"SEJUK_CRAWL_EVERY_MINUTES": "90", "SEJUK_SECRET_TOKEN": "x"}, home=tmp_path / "lain"
    )
    assert settings.region.name == "contoh"
    assert settings.crawl.every_minutes == 90
    assert settings.crawl.contact == "a@b.example"
    assert settings.home == tmp_path / "lain"
    assert load_settings(file, {}).home == tmp_path / "rumah"  # a path is read from where the file lies


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("hom = 'x'", "hom", "unknown key; known are crawl, delivery, home"),
        ("[crawl]\nspeed = 9", "crawl.speed", "unknown key"),
        ("[tables]\nk = 2", "tables.k", "never lowered below 3"),
        ("[tables]\nclose_at = 'noon'", "tables.close_at", "a time such as 00:10"),
        ("[crawl]\nevery_minutes = 'often'", "crawl.every_minutes", "a whole number"),
        ("[crawl]\nevery_minutes = 1", "crawl.every_minutes", "at least 5"),
        ("[crawl]\nallow_hosts = [1]", "crawl.allow_hosts", "a list of texts"),
        ("crawl = 3", "crawl", "needs"),
        ("region = 'atlantis'", "region", "no region.toml"),
        ("[retention]\nraw_days = 0", "retention.raw_days", "at least 1"),
        ("region = [", "file", "sejuk.toml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError, match="configuration") as caught:
        load_settings(_write(tmp_path, text), environment={})
    assert caught.value.key == key
    assert words in str(caught.value)


def test_a_missing_file_and_an_unknown_variable_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_settings(tmp_path / "none.toml", environment={})
    with pytest.raises(ConfigError, match="colour"):
        load_settings(_write(tmp_path, ""), environment={"SEJUK_COLOUR": "blue"})


def test_a_region_without_a_time_zone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('name = "X"\ncode = "1"\ntimezone = "Mars/Olympus"\n')
    settings = load_settings(_write(tmp_path, ""), environment={}, region=tmp_path)
    with pytest.raises(ConfigError, match="Mars/Olympus"):
        _ = settings.timezone


@pytest.mark.parametrize(("written", "read"), [("true", True), ("0", False)])
def test_two_person_review_is_read_from_the_environment(written: str, read: bool) -> None:
    assert load_settings(environment={"SEJUK_REVIEW_TWO_PERSON": written}).review.two_person is read


def test_a_switch_takes_true_or_false_alone() -> None:
    with pytest.raises(ConfigError, match=r"review\.two_person: needs true or false, got 'ya'"):
        load_settings(environment={"SEJUK_REVIEW_TWO_PERSON": "ya"})
