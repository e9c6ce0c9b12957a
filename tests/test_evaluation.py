"""Behaviour that must hold, the page about a model, two models compared, and the one that is chosen."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.checklist import Change, Contrast, by_kind, mistyped, read_contrasts, read_sentences, summary
from analysis.classifier import Classifier
from analysis.errors import ConfigError
from analysis.model_folder import read_manifest, write_manifest
from analysis.quality import auc, calibration_error, confusion, kappa, macro_f1, nearest
from analysis.training_data import project_labels, write_labels
from pipelines.config import PROJECT
from pipelines.model_quality import LABELS, Floor, behaviour
from pipelines.models import MODELS, with_model
from pipelines.store import Store
from run_monitor import cli

KECIL = MODELS / "kecil"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "few.jsonl"
    write_labels(path, project_labels("test")[::8])
    return path


def sour(folder: Path) -> Path:
    """A second model: the shipped one, with every level thought likelier."""
    shutil.copytree(KECIL, folder)
    manifest = read_manifest(folder)
    manifest.bias[:4] = [value + 3 for value in manifest.bias[:4]]
    write_manifest(folder, manifest)
    return folder


def run(*command: str | Path, config: Path | None = None, home: Path | None = None) -> tuple[int, str]:
    options = [*(["--config", str(config)] if config else []), *(["--home", str(home)] if home else [])]
    result = CliRunner().invoke(cli, [*options, "model", *map(str, command)])
    return result.exit_code, result.output


# -- behaviour ------------------------------------------------------------------------------------


def test_the_shipped_model_holds_the_floors_of_behaviour() -> None:
    found = summary(*behaviour(Classifier.load(KECIL)))
    stored = tomllib.loads((PROJECT / "data" / "floors.toml").read_text())["classifier"]["behaviour"]
    assert [f for name, value in stored.items() if not (f := Floor(name, found[name], value)).held] == []


def test_who_is_concerned_never_moves_a_score_by_more_than_the_aim() -> None:
    changes, _ = behaviour(Classifier.load(KECIL))
    kinds = by_kind(changes)
    for kind in ("candidate", "ethnic", "faith", "village", "institution", "gender", "case", "emoji", "link"):
        mean, worst, pairs = kinds[kind]
        assert (mean <= 0.05, worst <= 0.20, pairs >= 10) == (True, True, True), kind
    assert kinds["ethnic"][1] == kinds["faith"][1] == kinds["gender"][1] == 0


def test_there_are_enough_cases_and_none_was_trained_on() -> None:
    sentences, contrasts = read_sentences(LABELS / "invariance.jsonl"), read_contrasts(LABELS / "contrasts.jsonl")
    assert len(sentences) == len(set(sentences)) == 60
    assert len(contrasts) == 60
    texts = {e.text.casefold() for e in project_labels()}
    cases = [text for _, text in sentences] + [text for c in contrasts for text in (c.higher, c.lower)]
    assert not [text for text in cases if text.casefold() in texts]


def test_a_slip_changes_one_word_and_is_the_same_each_time() -> None:
    text = "Dua kelompok pemuda berkelahi di dekat jembatan"
    for seed in range(20):
        slipped = mistyped(text, seed)
        assert slipped == mistyped(text, seed)
        assert sum(a != b for a, b in zip(text.split(), slipped.split(), strict=True)) <= 1
    assert mistyped("ya di sini", 1) == "ya di sini"


def test_a_summary_takes_the_kind_that_moves_most() -> None:
    changes = [Change("a", "", "", 0.0), Change("a", "", "", 0.2), Change("b", "", "", 0.15)]
    pairs = [Contrast("r", "x", "y", (0.6, 0.5)), Contrast("r", "x", "y", (0.5, 0.5))]
    assert summary(changes, pairs) == {"mean_change": 0.15, "worst_change": 0.2, "right_direction": 0.5}


def test_a_case_that_cannot_be_read_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"kind": "village", "text": "Warga {}"}\n{"kind": "shoe", "text": "Warga {}"}\n')
    with pytest.raises(ConfigError, match="line 2"):
        read_sentences(path)
    path.write_text('{"rule": "r", "higher": "a"}\n')
    with pytest.raises(ConfigError, match="line 1"):
        read_contrasts(path)


# -- measures -------------------------------------------------------------------------------------


def test_measures_agree_with_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score, roc_auc_score

    draw = np.random.default_rng(0)
    level = draw.integers(0, 5, 400)
    found = np.clip(level / 4 + draw.normal(0, 0.3, 400), 0, 1).round(2)
    assert auc(level >= 2, found) == pytest.approx(roc_auc_score(level >= 2, found))
    assert kappa(level, nearest(found)) == pytest.approx(cohen_kappa_score(level, nearest(found), weights="quadratic"))
    assert macro_f1(level, nearest(found)) == pytest.approx(f1_score(level, nearest(found), average="macro"))
    assert confusion(level, nearest(found)).tolist() == confusion_matrix(level, nearest(found)).tolist()
    assert calibration_error(level, level / 4) == 0
    assert auc(level >= 9, found) is None


# -- the page -------------------------------------------------------------------------------------


def test_the_page_shows_what_was_measured(few: Path, tmp_path: Path) -> None:
    code, output = run("evaluate", KECIL, "--labels", few, "--out", tmp_path / "out")
    assert (code, output.count("evaluasi")) == (0, 2)
    markdown, page = ((tmp_path / "out" / f"evaluasi.{kind}").read_text() for kind in ("md", "html"))
    for title in ("Menurut jenis teks", "Menurut bahasa", "Tingkat tertukar", "Kurva keandalan", "Kesalahan terbesar"):
        assert f"## {title}" in markdown
        assert title in page
    assert "| semua | 85 |" in markdown
    assert page.count("<circle") == markdown.split("Kurva keandalan")[1].split("##")[0].count("\n| 0,")
    assert "Ambang mutu" not in markdown  # floors belong to the test split alone
    assert "<script" not in page


def test_the_page_of_the_test_split_shows_the_floors(tmp_path: Path) -> None:
    folder = shutil.copytree(KECIL, tmp_path / "kecil")
    for _ in range(2):
        assert run("evaluate", folder, "--out", tmp_path / "out", "--card")[0] == 0
    assert "| test.auc_2 |" in (tmp_path / "out" / "evaluasi.md").read_text()
    card, shipped = (folder / "README.md").read_text(), (KECIL / "README.md").read_text()
    assert card.startswith(shipped.rstrip())  # all that stood there stands there, and the figures once
    assert card.count("| test.auc_2 |") == card.count("texts, model") == 1


def test_an_empty_file_of_labels_is_no_evaluation(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").touch()
    code, output = run("evaluate", KECIL, "--labels", tmp_path / "none.jsonl", "--out", tmp_path)
    assert (code, "none.jsonl: no text in it" in output) == (1, True)


def test_words_of_a_text_stay_words(tmp_path: Path) -> None:
    example = project_labels("test")[0]
    path = tmp_path / "one.jsonl"
    row = {"text": "<b>ribut</b> | di\nsini", "level": 4, "kind": "post", "writer": example.writer}
    path.write_text(json.dumps(row) + "\n" + json.dumps({"text": "tenang", "level": 0}) + "\n")
    assert run("evaluate", KECIL, "--labels", path, "--out", tmp_path)[0] == 0
    assert "<b>ribut" not in (tmp_path / "evaluasi.html").read_text()
    assert "<b>ribut</b> \\| di sini |" in (tmp_path / "evaluasi.md").read_text()


# -- two models -----------------------------------------------------------------------------------


def test_compare_shows_the_texts_that_changed_and_the_floors(few: Path, tmp_path: Path) -> None:
    other = sour(tmp_path / "sour")
    code, output = run("compare", KECIL, other, "--labels", few, "--json")
    found = json.loads(output)
    assert code == 0
    assert len(found["texts"]) == 85
    assert found["models"][0] != found["models"][1]
    changes = [abs(text["change"]) for text in found["texts"]]
    assert changes == sorted(changes, reverse=True)
    assert found["beyond"]["0.05"] == sum(change > 0.05 for change in changes) > 30
    assert found["figures"][1]["calibration_error"] > found["figures"][0]["calibration_error"]
    code, output = run("compare", KECIL, other, "--top", "3")
    assert (code, "test.calibration_error" in output) == (0, True)


def test_a_model_is_chosen_checked_written_and_entered_in_the_audit_log(tmp_path: Path) -> None:
    config, home = tmp_path / "sejuk.toml", tmp_path / "home"
    config.write_text('# ours\nregion = "contoh"  # invented\n\n[crawl]\ncontact = "a@b.id"\n')
    other = sour(home / "models" / "sour")
    code, output = run("use", other, config=config, home=home)
    assert (code, "sour" in output or "kecil" in output) == (0, True)
    written = config.read_text()
    assert tomllib.loads(written) == {"region": "contoh", "model": str(other), "crawl": {"contact": "a@b.id"}}
    assert "# ours" in written
    listed = json.loads(run("list", config=config, home=home)[1])
    assert [Path(row["folder"]).name for row in listed if row["in_use"]] == ["sour"]
    run("use", KECIL, config=config, home=home)
    assert config.read_text().count("model =") == 1
    with Store(home / "sejuk.sqlite", read_only=True) as store:
        rows = store.rows("SELECT detail FROM audit_log WHERE action = 'model chosen' ORDER BY seq")
    assert [Path(json.loads(row["detail"])["to"]).name for row in rows] == ["sour", "kecil"]


def test_a_broken_model_is_not_chosen_and_is_named_in_the_list(tmp_path: Path) -> None:
    config, home = tmp_path / "sejuk.toml", tmp_path / "home"
    config.write_text('region = "contoh"\n')
    broken = sour(home / "models" / "broken")
    (broken / "ngrams.npz").write_bytes(b"x")
    code, output = run("use", broken, config=config, home=home)
    assert (code, "ngrams.npz" in output) == (1, True)
    assert config.read_text() == 'region = "contoh"\n'
    row = next(row for row in json.loads(run("list", home=home)[1]) if row["name"] == "broken")
    assert "not what sejuk.json says" in row["error"]


def test_a_settings_file_is_changed_in_one_line_or_not_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert with_model("", Path("/m")) == 'model = "/m"\n'
    assert with_model('[crawl]\nmodel = 1\n[a]\nb = "model = 2"\n', Path("/m")).startswith('model = "/m"\n[crawl]\n')
    with pytest.raises(ConfigError, match="nothing was changed"):
        with_model("model = [", Path("/m"))
    with pytest.raises(ConfigError, match="yourself"):
        with_model('home = """\nmodel = 1\n"""\n', Path("/m"))
    monkeypatch.setenv("SEJUK_MODEL", str(KECIL))
    assert "SEJUK_MODEL" in run("use", KECIL, config=None, home=tmp_path)[1]
