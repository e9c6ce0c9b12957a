"""What people corrected becomes labels for the next training, and goes when the words go."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.errors import ConfigError
from analysis.training_data import Example, write_labels
from pipelines import corrections, labels, retention
from pipelines.config import Settings
from pipelines.models import corrections as learnt
from pipelines.store import Store
from run_monitor import cli
from tests.test_corrections import CONTOH, KARANGSEJUK, LATER, PAYUNG, propose, settings, store, story
from tests.test_process import NOW

__all__ = ["settings", "store"]  # fixtures


@pytest.fixture
def exported(settings: Settings, store: Store, tmp_path: Path) -> Path:
    """One story with a corrected level and place, and one with a place alone."""
    clash, feast = story(store, KARANGSEJUK), story(store, PAYUNG)
    for name, kind, value in (
        (clash, "level", "1"),
        (clash, "level", "0"),
        (clash, "place", "elsewhere"),
        (feast, "place", "99.01.03"),
    ):
        corrections.decide(store, propose(store, name, kind, value), True, "Joko", LATER)
    rejected = propose(store, feast, "level", "4")
    corrections.decide(store, rejected, False, "Joko", LATER)
    path = tmp_path / "labels.jsonl"
    with path.open("w") as out:
        assert labels.export_labels(store, out, LATER, "Sari") == {"written": 2, "without_text": 0}
    return path


def test_approved_corrections_go_out_as_labelled_texts(exported: Path, store: Store) -> None:
    rows = {row.get("level", "place alone"): row for row in map(json.loads, exported.read_text().splitlines())}
    assert set(rows) == {0, "place alone"}  # the later of two levels; what was rejected is no label
    assert rows[0]["place"] == []
    assert rows["place alone"]["place"] == ["99.01.03"]
    assert {row["kind"] for row in rows.values()} == {"news"}
    assert not {"story_id", "url", "author_hash"} & set(rows[0])
    assert store.rows("SELECT who FROM audit_log WHERE action = 'labels exported'") == [{"who": "Sari"}]


def test_they_come_in_again_and_training_learns_from_those_with_a_level(
    exported: Path, settings: Settings, store: Store
) -> None:
    assert labels.import_labels(store, CONTOH, [exported], LATER) == {"labels": 2, "for_training": 1}
    labels.import_labels(store, CONTOH, [exported], LATER)
    assert len(store.rows("SELECT 1 FROM labels")) == 2
    (example,) = learnt(settings)
    assert (example.level, example.act, example.themes, example.writer) == (0, None, None, "koreksi")


def test_a_takedown_takes_the_label_too(exported: Path, settings: Settings, store: Store) -> None:
    labels.import_labels(store, CONTOH, [exported], LATER)
    corrections.take_down(settings, store, "https://kabar.invalid/1", "ralat", "Sari", LATER)
    assert learnt(settings) == []


def test_a_residents_words_go_from_the_labels_when_they_go_from_the_store(
    exported: Path, settings: Settings, store: Store, tmp_path: Path
) -> None:
    row = json.loads(exported.read_text().splitlines()[0])
    for name, change in (("post", {"kind": "post"}), ("news", {})):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(row | {"text": f"{row['text']} {name}"} | change) + "\n")
        labels.import_labels(store, CONTOH, [path], NOW)
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_text(json.dumps({"text": "warga rukun", "level": 0, "kind": "comment"}) + "\n")
    labels.import_labels(store, CONTOH, [elsewhere], NOW)
    retention.purge(settings, store, NOW + timedelta(days=1))
    assert len(learnt(settings)) == 3
    counts = retention.purge(settings, store, NOW + timedelta(days=settings.retention.raw_days + 2))
    assert counts["labels"] == 2
    assert [example.kind for example in learnt(settings)] == ["news"]


def test_what_was_purged_is_not_exported(exported: Path, settings: Settings, store: Store, tmp_path: Path) -> None:
    store.db.execute("UPDATE documents SET text = '', title = ''")
    with (tmp_path / "none.jsonl").open("w") as out:
        assert labels.export_labels(store, out, LATER) == {"written": 0, "without_text": 2}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "a", "level": 0, "place": ["18.09.01.2001"]}', "line 1: place"),
        ('{"text": "a", "level": "x"}', "line 1"),
        ('{"text": "a", "themes": ["sepatu"], "mood": 1}', "line 1"),
        ('{"text": "a", "themes": ["sepatu"]}', "line 1: themes"),
        ('{"text": "a", "themes": "lain"}', "line 1: themes"),
        ('{"text": "a", "level": 5}', "line 1: level 5 is not one of 0, 1, 2, 3, 4"),
        ('{"text": "a", "level": "2"}', "line 1: level"),
        ('{"text": "a", "level": true}', "line 1: level"),
        ('{"text": "a", "act": "x"}', "line 1: act"),
        ('{"text": 5}', "line 1: text"),
        ("[1]", "line 1: no JSON object"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_label_that_cannot_be_read_names_its_line_and_nothing_comes_in(
    line: str, words: str, store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(f"{line}\n".encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=words):
        labels.import_labels(store, CONTOH, [path], LATER)
    assert store.rows("SELECT 1 FROM labels") == []


def test_line_separators_within_a_text_are_no_new_line_and_an_empty_file_is_none(store: Store, tmp_path: Path) -> None:
    path, empty = tmp_path / "odd.jsonl", tmp_path / "empty.jsonl"
    write_labels(path, [Example("warga\u2028desa\x85ribut", level=2), Example("rukun", level=0)])
    empty.touch()
    assert labels.import_labels(store, CONTOH, [path, empty], LATER)["labels"] == 2
    assert [row["text"] for row in store.rows("SELECT text FROM labels WHERE level = 2")] == [
        "warga\u2028desa\x85ribut"
    ]


def test_the_commands_carry_a_correction_from_one_home_into_the_next_training(
    exported: Path, settings: Settings, tmp_path: Path
) -> None:
    home = tmp_path / "other"
    options = ["--home", str(home), "--region", str(settings.region)]
    result = CliRunner().invoke(cli, [*options, "labels", "import", str(exported)])
    assert (result.exit_code, json.loads(result.output)) == (0, {"labels": 2, "for_training": 1})
    result = CliRunner().invoke(cli, ["--home", str(settings.home), "labels", "export", "-"])
    assert result.output.count('"writer": "koreksi"') == 2
    command = ["model", "train", "--preset", "kecil", "--nlp", str(tmp_path), "--out", str(tmp_path / "m")]
    result = CliRunner().invoke(cli, [*options, *command])  # stops at the sentiment sets, which are not there
    assert "1 imported corrections are learnt from" in result.output
