"""An encoder is fine-tuned, killed, gone on with, and written in the form that transformers loads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.errors import ConfigError, ModelError
from analysis.training_data import Example, full_texts, project_labels, read_labels, validation_split, write_labels
from analysis.training_state import Plan
from pipelines.config import PROJECT
from pipelines.models import train_base
from run_monitor import cli
from tests.servers.hub import COMMIT, hub
from tests.training import alone, needs_torch, simple_labels, tiny_bert

__all__ = ["alone"]  # a fixture
FEW = simple_labels()
FAST: dict[str, Any] = {"epochs": 8, "batch": 8, "rate": 3e-3, "window": 32, "save_every": 5}
OPTIONS = [f"--{key.replace('_', '-')}={value}" for key, value in FAST.items()]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"), list(full_texts(FEW)))


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "few.jsonl"
    write_labels(path, FEW)
    return path


@pytest.fixture(scope="module")
def trained(base: Path, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    train_base(Plan(base=str(base), **FAST), [labels], None, folder, lambda *_: None)
    return folder


@needs_torch
def test_what_was_trained_is_a_standard_folder(trained: Path, base: Path) -> None:
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    names = {path.name for path in trained.iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors", "README.md", "training.json"} <= names
    assert not [n for n in names if n.endswith((".bin", ".pt", ".pkl")) or n.startswith(".")]
    whole = AutoModelForSequenceClassification.from_pretrained(trained)
    AutoModel.from_pretrained(trained)
    assert whole.config.id2label[1] == "level>=2 (sengketa)"
    assert whole(**AutoTokenizer.from_pretrained(trained)("warga ribut", return_tensors="pt")).logits.shape == (1, 18)
    facts = json.loads((trained / "training.json").read_text())
    assert facts["labels"] == len(FEW)
    assert facts["plan"]["base"] == str(base)
    assert "base_model" in (trained / "README.md").read_text()


@needs_torch
def test_training_learns(trained: Path) -> None:
    facts = json.loads((trained / "training.json").read_text())
    assert facts["epochs"][0]["tension_error"] > 0.3  # what saying always the same reaches
    assert min(epoch["tension_error"] for epoch in facts["epochs"]) < 0.15
    assert facts["validation"]["auc_2"] > 0.95


@needs_torch
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    base: Path, labels: Path, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    command = ["model", "train", "--base", str(base), "--labels", str(labels), *OPTIONS, "--out", str(out)]
    state = out / ".training" / "state.json"
    process = subprocess.Popen(
        [sys.executable, "run_monitor.py", *command],
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    while not state.exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "model.safetensors").exists()
    (out / ".training" / "step-999-1.safetensors.part").write_bytes(b"half written")
    result = CliRunner().invoke(cli, command)
    assert (result.exit_code, "goes on at step" in result.output) == (0, True)
    from safetensors.numpy import load_file

    ours, whole = load_file(out / "model.safetensors"), load_file(trained / "model.safetensors")
    assert ours.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
    assert not (out / ".training").exists()


@needs_torch
def test_a_training_is_not_gone_on_with_under_another_plan(base: Path, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"

    def stop(done: int, total: int, said: str) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_base(Plan(base=str(base), **FAST), [labels], None, out, stop)
    with pytest.raises(ModelError, match="other settings or labels"):
        train_base(Plan(base=str(base), **FAST | {"seed": 2}), [labels], None, out, stop)


@needs_torch
def test_a_training_that_nothing_can_judge_is_refused(base: Path, tmp_path: Path) -> None:
    path = tmp_path / "moods.jsonl"
    write_labels(path, [replace(example, level=None) for example in FEW])
    with pytest.raises(ConfigError, match="held-out texts has a level"):
        train_base(Plan(base=str(base), **FAST), [path], None, tmp_path / "out", lambda *_: None)


@needs_torch
def test_a_trained_folder_is_not_overwritten(base: Path, labels: Path, trained: Path) -> None:
    with pytest.raises(ModelError, match="holds a trained encoder already"):
        train_base(Plan(base=str(base)), [labels], None, trained, lambda *_: None)


@needs_torch
def test_a_base_that_is_a_pickle_is_refused(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "pickle")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    result = CliRunner().invoke(cli, ["model", "train", "--base", str(folder), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "pickle" in result.output
    assert "save_pretrained" in result.output


@needs_torch
def test_a_base_that_is_cut_off_or_has_no_words_is_refused(base: Path, tmp_path: Path) -> None:
    half = shutil.copytree(base, tmp_path / "half")
    (half / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:9000])
    with pytest.raises(ModelError, match="cannot be had"):
        train_base(Plan(base=str(half)), [], None, tmp_path / "out", lambda *_: None)
    dumb = shutil.copytree(base, tmp_path / "dumb")
    (dumb / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="tokenizer of 5 words"):
        train_base(Plan(base=str(dumb)), [], None, tmp_path / "out", lambda *_: None)


@needs_torch
def test_a_base_of_the_form_in_which_indobert_is_published(base: Path, labels: Path, tmp_path: Path) -> None:
    """vocab.txt and no tokenizer.json, labels of another task, more rows than words, weights of pretraining."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForPreTraining

    known = AutoTokenizer.from_pretrained(base).get_vocab()
    folder = tmp_path / "indobert"
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertForPreTraining(BertConfig(vocab_size=len(known) + 50, num_labels=5, **shape)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(sorted(known, key=lambda word: known[word])) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    out = tmp_path / "model"
    train_base(Plan(base=str(folder), epochs=1, window=32), [labels], None, out, lambda *_: None)
    text = "Warga KEPUNG balai, bacok lawan"
    said = [AutoTokenizer.from_pretrained(each)(text)["input_ids"] for each in (base, out)]
    assert said[0] == said[1]


@needs_torch
def test_a_base_is_fetched_by_its_name_and_its_commit_stands_in_the_card(
    base: Path, labels: Path, tmp_path: Path
) -> None:
    out, name = tmp_path / "model", "indobenchmark/indobert-base-p1"
    with hub(name, base) as address:
        command = ["model", "train", "--base", name, "--labels", str(labels), "--epochs", "1", "--out", str(out)]
        done = subprocess.run(
            [sys.executable, "run_monitor.py", *command],
            cwd=PROJECT,
            env=os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hub")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert f"(base at {COMMIT})" in (out / "README.md").read_text()


@needs_torch
def test_a_hub_that_cannot_be_reached_names_the_folder_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    command = ["model", "train", "--base", "indobenchmark/indobert-base-p1", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    assert "--base FOLDER" in result.output


@needs_torch
def test_a_base_of_another_kind_is_refused_before_any_training(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
    with pytest.raises(ModelError, match="is a gpt2"):
        train_base(Plan(base=str(folder)), [], None, tmp_path / "out", lambda *_: None)


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = CliRunner().invoke(cli, ["model", "train", "--base", "x", "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "pip install sejuk[train]" in result.output


@needs_torch
def test_a_missing_label_adds_nothing_to_the_loss() -> None:
    import torch

    from analysis.training_data import targets
    from analysis.training_encoder import loss

    torch.manual_seed(0)
    logits = torch.randn(2, 18)
    mood = targets([Example("a", sentiment="positif"), Example("b")])
    wanted = [torch.from_numpy(getattr(mood, name)) for name in ("level", "act", "themes", "sentiment")]
    alone = torch.nn.functional.cross_entropy(logits[:1, 15:], torch.tensor([2]), reduction="sum") / 2
    assert torch.allclose(loss(logits, wanted, torch), alone)
    changed = logits.clone()
    changed[:, :15] += 1
    assert torch.allclose(loss(changed, wanted, torch), alone)


def test_the_rate_rises_and_falls() -> None:
    shares = [Plan("base", rate=1.0).rate_at(step, 100) for step in range(100)]
    assert max(shares) == shares[9] == 1
    assert shares[0] == 0.1
    assert shares[99] == pytest.approx(1 / 90)


def test_a_text_stays_on_its_side_of_the_split_whatever_is_added() -> None:
    labels = project_labels()
    train, held = validation_split(labels)
    assert 0.07 < len(held) / len(labels) < 0.13
    assert set(validation_split(labels[::3])[1]) <= set(held)
    assert {e.writer for e in validation_split(labels, "b")[1]} == {"b"}
    assert not {e.text for e in held} & {e.text for e in train}
    with pytest.raises(Exception, match="one side would be empty"):
        validation_split(labels, "nobody")


def test_a_test_split_is_read_as_labels_are(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"text": "a", "level": 2, "split": "test", "themes": ["lain"]}) + "\n")
    assert read_labels(path) == [Example("a", level=2, themes=("lain",))]
