"""The shipped model: made by the documented command, held to its floors, refused when broken."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.model_folder import MANIFEST, verify
from analysis.training_data import Example, project_labels, targets
from analysis.training_linear import head_targets
from analysis.training_preset import OWN, across_writers, expected_tension, measure, train_kecil
from pipelines.config import PROJECT
from pipelines.models import MODELS, installed
from run_monitor import cli

KECIL = MODELS / "kecil"


def test_the_labels_hold_the_floors_across_writers() -> None:
    """Heads trained again here; calibrated with the shipped slopes, so a stale model shows as well."""
    labels = project_labels()
    logits, writers = across_writers(labels, heads=range(4))
    assert writers == ["b", "c", "d"]
    shipped = verify(KECIL)
    slope, offset = shipped.weights("ngrams")[:4], np.array(shipped.bias[:4])
    level = targets(labels).level
    found = measure(level, expected_tension(logits[:, :4] * slope + offset))
    floors = tomllib.loads((PROJECT / "data" / "floors.toml").read_text())["classifier"]["across_writers"]
    assert found["calibration_error"] <= floors.pop("calibration_error")
    assert {name: found[name] for name, floor in floors.items() if found[name] < floor} == {}
    assert head_targets(targets(labels))[:, :OWN].min() == 0


def test_the_shipped_model_says_what_it_was_made_of() -> None:
    (kecil,) = [row for row in installed() if row["name"] == "kecil"]
    assert kecil["facts"]["labels"] == len(project_labels())
    assert sum(file.stat().st_size for file in KECIL.iterdir()) < 20e6


def test_training_twice_gives_the_same_model_and_it_loads(tmp_path: Path) -> None:
    labels = project_labels()[::12]
    first = train_kecil(labels, [], tmp_path / "one")
    second = train_kecil(labels, [], tmp_path / "two")
    assert first.model_id == second.model_id
    result = CliRunner().invoke(cli, ["model", "verify", str(tmp_path / "one")])
    assert (result.exit_code, first.model_id in result.output) == (0, True)


def test_labels_of_one_writer_cannot_be_calibrated(tmp_path: Path) -> None:
    labels = [Example("tenang", level=0, writer="a"), Example("ribut", level=4, writer="a")]
    with pytest.raises(ValueError, match="one writer"):
        train_kecil(labels, [], tmp_path)


def test_a_changed_model_is_refused_with_its_remedy(tmp_path: Path) -> None:
    folder = shutil.copytree(KECIL, tmp_path / "kecil")
    weights = folder / "ngrams.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    result = CliRunner().invoke(cli, ["model", "verify", str(folder)])
    assert result.exit_code == 1
    assert "ngrams.npz is not what sejuk.json says" in result.output
    (folder / MANIFEST).unlink()
    result = CliRunner().invoke(cli, ["model", "verify", str(folder)])
    assert result.exit_code == 1
    assert "model train" in result.output


def test_training_without_the_sentiment_sets_says_where_to_name_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["model", "train", "--preset", "kecil", "--nlp", str(tmp_path), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 1
    assert "--nlp" in result.output
    assert not (tmp_path / "out").exists()


def test_a_measure_is_what_the_labels_say() -> None:
    level = np.array([0, 1, 2, 3, 4])
    assert measure(level, level / 4) == {"auc_2": 1.0, "auc_3": 1.0, "kappa": 1.0, "calibration_error": 0.0}
    assert measure(level, np.full(5, 0.5))["auc_2"] == 0.5


def test_no_label_stands_twice() -> None:
    texts = [f"{e.title} {e.text}".casefold() for e in project_labels()]
    assert len(texts) == len(set(texts)) == 2501
