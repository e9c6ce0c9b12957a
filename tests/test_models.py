"""The shipped model: made by the documented command, held to its floors, refused when broken."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score

from analysis.classifier import Classifier
from analysis.errors import ConfigError
from analysis.model_folder import MANIFEST
from analysis.quality import measure
from analysis.records import Scores
from analysis.tension import tension
from analysis.training_data import Example, nlp_folder, nusax, project_labels, smsa, targets
from analysis.training_preset import train_kecil
from pipelines.config import PROJECT
from pipelines.models import MODELS, installed
from run_monitor import cli

KECIL = MODELS / "kecil"


def floors(part: str) -> dict[str, float]:
    """Return one section of the classifier's floors."""
    found: dict[str, float] = tomllib.loads((PROJECT / "data" / "floors.toml").read_text())["classifier"][part]
    return found


def below(found: dict[str, float], floor: dict[str, float]) -> dict[str, float]:
    """Return the figures that miss their floor; for an error of calibration the floor is a ceiling."""
    return {
        name: found[name]
        for name, held in floor.items()
        if (found[name] > held if name == "calibration_error" else found[name] < held)
    }


@pytest.fixture(scope="module")
def kecil() -> Classifier:
    return Classifier.load(KECIL)


@pytest.fixture(scope="module")
def scored(kecil: Classifier) -> tuple[list[Example], Scores]:
    """The test split, by a writer whom the model never saw, with its scores."""
    texts = project_labels("test")
    return texts, kecil.score([e.text for e in texts], [e.title for e in texts])


def test_the_shipped_model_holds_its_floors_on_the_test_split(scored: tuple[list[Example], Scores]) -> None:
    texts, scores = scored
    assert below(measure(targets(texts).level, tension(scores.levels)), floors("test")) == {}


def test_the_shipped_model_holds_its_floors_where_neither_words_nor_tone_tell_the_level(kecil: Classifier) -> None:
    texts = project_labels("hard")
    scores = kecil.score([e.text for e in texts], [e.title for e in texts])
    assert below(measure(targets(texts).level, tension(scores.levels)), floors("hard")) == {}


def test_tension_in_news_is_more_than_being_negative(scored: tuple[list[Example], Scores]) -> None:
    texts, scores = scored
    news = np.array([e.kind in ("headline", "news", "article") for e in texts])
    level = targets(texts).level[news]
    found = measure(level, tension(scores.levels[news]))
    assert below(found, floors("news")) == {}
    assert found["auc_2"] > measure(level, scores.sentiment[news, 0].astype(np.float64))["auc_2"] + 0.10


@pytest.mark.parametrize("name", ["smsa", "javanese", "sundanese"])
def test_sentiment_holds_its_floors_on_the_public_test_splits(kecil: Classifier, name: str) -> None:
    try:
        folder = nlp_folder()
    except ConfigError as error:
        pytest.skip(str(error))
    texts = smsa("test", folder) if name == "smsa" else nusax(name, "test", folder)
    found = kecil.score([e.text for e in texts]).sentiment.argmax(axis=1)
    assert f1_score(targets(texts).sentiment, found, average="macro") >= floors("sentiment")[name]


def test_the_shipped_model_says_what_it_was_made_of() -> None:
    (shipped,) = [row for row in installed() if row["name"] == "kecil"]
    assert shipped["facts"]["labels"] == len(project_labels())
    assert sum(file.stat().st_size for file in KECIL.iterdir()) < 20e6


def test_training_twice_gives_the_same_model_and_it_loads(tmp_path: Path) -> None:
    labels = [example for example in project_labels() if example.writer in "bc"][::12]
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


def test_no_label_stands_twice_and_no_test_text_was_trained_on() -> None:
    apart = project_labels("test") + project_labels("hard")
    texts = [" ".join(f"{e.title} {e.text}".casefold().split()) for e in project_labels() + apart]
    assert len(texts) == len(set(texts))
    assert not {e.writer for e in project_labels()} & {e.writer for e in apart}
