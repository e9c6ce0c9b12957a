"""A fine-tuned folder becomes two folders for the scorer that say what torch says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.calibration import calibrate
from analysis.classifier import Classifier, Encoder
from analysis.errors import ModelError
from analysis.model_folder import MANIFEST, OUTPUTS, read_manifest, write_manifest
from analysis.tension import tension
from analysis.training_data import full_texts, targets, validation_split, write_labels
from analysis.training_graph import draw
from analysis.training_state import Plan
from pipelines.models import check, export_model, train_base
from run_monitor import cli
from tests.training import alone, needs_torch, simple_labels, tiny_bert

__all__ = ["alone"]  # a fixture
FEW = simple_labels()


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "few.jsonl"
    write_labels(path, FEW)
    return path


@pytest.fixture(scope="module")
def exported(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tiny_bert(tmp_path_factory.mktemp("base"), list(full_texts(FEW)))
    folder = tmp_path_factory.mktemp("trained") / "mini"
    train_base(Plan(base=str(base), epochs=8, batch=8, rate=3e-3, window=32), [labels], None, folder, lambda *_: None)
    export_model(folder, [labels])
    return folder


@needs_torch
def test_both_precisions_say_what_torch_says(exported: Path) -> None:
    facts = {name: json.loads((exported / name / MANIFEST).read_text())["facts"] for name in ("fp32", "int8")}
    assert facts["fp32"]["against_torch"]["logit_most"] < 1e-4
    assert facts["int8"]["against_torch"]["tension_mean"] <= 0.02
    assert facts["int8"]["validation"]["auc_2"] > 0.95
    assert facts["int8"]["validation"]["calibration_error"] < 0.1
    standard = {"config.json", "tokenizer.json", "tokenizer_config.json"}
    assert {"encoder.onnx", *standard, "ngrams.npz", "README.md", MANIFEST} == {
        path.name for path in (exported / "int8").iterdir()
    }
    assert standard <= set(json.loads((exported / "int8" / MANIFEST).read_text())["files"])
    assert (exported / "int8" / "encoder.onnx").stat().st_size < (exported / "fp32" / "encoder.onnx").stat().st_size / 2


@needs_torch
def test_the_graph_computes_the_heads_alone(exported: Path) -> None:
    import onnx

    graph = onnx.load(exported / "int8" / "encoder.onnx").graph
    assert [one.name for one in graph.output] == ["logits"]
    assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim][1] == OUTPUTS
    assert [node.op_type for node in graph.node].count("MultiHeadAttention") == 2
    signed = [each for each in graph.initializer if each.data_type == onnx.TensorProto.INT8]
    assert len(signed) > 8


@needs_torch
def test_the_scorer_reads_it(exported: Path) -> None:
    classifier = Classifier.load(exported / "int8", threads=1)
    scores = classifier.score(["warga kopi bacok lawan sekolah pagi", "warga kopi rukun sekolah pagi", "", "🙂"])
    found = tension(scores.levels)
    assert found[0] > 0.75
    assert found[1] < 0.2
    assert found[2] == found[3]
    assert scores.acts.argmax(axis=1)[:2].tolist() == [2, 1]
    assert scores.model_id == classifier.model_id != Classifier.load(exported / "fp32").model_id


@needs_torch
def test_transformers_opens_the_folder_without_torch(exported: Path) -> None:
    code = """
import sys
sys.modules["torch"] = None
from transformers import AutoConfig, AutoTokenizer
folder = sys.argv[1]
print(len(AutoConfig.from_pretrained(folder).id2label), AutoTokenizer.from_pretrained(folder)("kepung balai").input_ids)
"""
    run = [sys.executable, "-c", code, str(exported / "int8")]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert said.split(" ", 1) == ["18", f"{Encoder(exported / 'int8', 32, 1).tokenize(['kepung balai'])[0]}\n"]


@needs_torch
def test_a_folder_with_a_vocabulary_alone_reads_the_same(exported: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    folder = shutil.copytree(exported / "int8", tmp_path / "old")
    (folder / "tokenizer.json").unlink()
    known = Tokenizer.from_file(str(exported / "int8" / "tokenizer.json")).get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(known, key=lambda word: known[word])) + "\n")
    write_manifest(folder, read_manifest(folder))
    texts = ["Warga kepung balai!", "ᥑᥒ warga", "", "bacok lawan " * 40]
    one, other = (Classifier.load(each, threads=1) for each in (exported / "int8", folder))
    np.testing.assert_array_equal(one.score(texts).levels, other.score(texts).levels)
    assert one.model_id != other.model_id


@needs_torch
def test_a_text_scores_alike_alone_and_among_others(exported: Path) -> None:
    """Rounding of activations depends on a batch's largest one: by a hundredth of tension at most."""
    texts = [e.text for e in FEW[:120]] + [" ".join(e.text for e in FEW[120:124])]
    for name, bound in (("fp32", 1e-5), ("int8", 0.02)):
        classifier = Classifier.load(exported / name, threads=1)
        together = tension(classifier.score(texts).levels)
        alone = [tension(Classifier.load(exported / name).score([text]).levels)[0] for text in texts[::20]]
        assert np.abs(together[::20] - alone).mean() <= bound


@needs_torch
def test_a_long_article_is_read_where_it_is_contentious(exported: Path) -> None:
    """The n-gram heads that go along choose the sentences; their own score counts for nothing."""
    calm = "Rapat pagi di sekolah desa membahas jadwal kerja bakti. "
    grave = "Massa mengepung balai desa lalu membakar mobil dan membacok warga dengan parang. "
    classifier = Classifier.load(exported / "fp32", threads=1)
    article = calm * 12 + grave + calm * 12
    read, _ = classifier.read("Rapat desa", article)
    assert "parang" in read
    assert read.startswith("rapat desa")


@needs_torch
def test_verify_finds_what_was_changed_and_what_scores_otherwise(exported: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["model", "verify", str(exported / "int8")])
    assert (result.exit_code, "unchanged" in result.output) == (0, True)
    folder = shutil.copytree(exported / "fp32", tmp_path / "changed")
    weights = folder / "encoder.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="is not what"):
        Classifier.load(folder)
    shutil.copy(exported / "fp32" / "encoder.onnx", weights)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["facts"]["probes"][4] -= 0.1
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="fp32 folder"):
        check(folder)


@needs_torch
def test_a_trained_folder_that_was_changed_is_not_exported(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "changed")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for broken in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:100]):
        weights.write_bytes(broken)
        with pytest.raises(ModelError, match=r"model\.safetensors is not what"):
            export_model(folder, [])


@needs_torch
def test_a_folder_of_other_labels_or_none_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is missing"):
        export_model(tmp_path, [])
    folder = shutil.copytree(exported, tmp_path / "three")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = dict.fromkeys("012", "x")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="3 labels in place of 18"):
        export_model(folder, [])


@needs_torch
def test_a_graph_of_another_width_is_refused(exported: Path, tmp_path: Path) -> None:
    """Hashes hold, yet the encoder has three outputs: a folder made elsewhere."""
    import onnx
    from onnx import TensorProto, helper

    folder = shutil.copytree(exported / "fp32", tmp_path / "narrow")
    wanted = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", 3])]
    source = [helper.make_tensor_value_info("input_ids", TensorProto.FLOAT, ["texts", 3])]
    graph = helper.make_graph([helper.make_node("Identity", ["input_ids"], ["logits"])], "g", source, wanted)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save_model(model, folder / "encoder.onnx")
    write_manifest(folder, read_manifest(folder))
    with pytest.raises(ModelError, match="gives 3 outputs in place of 18"):
        Classifier.load(folder)


@needs_torch
@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_the_graph_of_every_kind_is_the_network(kind: str, tmp_path: Path) -> None:
    import onnxruntime
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = AutoConfig.for_model(kind, vocab_size=90, num_labels=OUTPUTS, initializer_range=0.2, **sizes)
    torch.manual_seed(0)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    ids, mask = torch.randint(5, 90, (3, 11)), torch.ones(3, 11, dtype=torch.int64)
    mask[1, 7:] = 0
    ids[1, 7:] = config.pad_token_id
    tensors = {name: value.numpy() for name, value in network.state_dict().items()}
    draw(config.to_dict(), tensors, tmp_path / "encoder.onnx", int8=False)
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx")
    found = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(ids, mask).logits.numpy(), atol=2e-5)


def test_a_network_that_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="albert with gelu cannot be exported"):
        draw({"model_type": "albert"}, {}, tmp_path / "encoder.onnx", int8=True)


def test_calibration_undoes_what_was_stretched_and_shifted() -> None:
    labels = targets(FEW)
    draw = np.random.default_rng(0)
    honest = np.log(np.tile([0.8, 0.6, 0.4, 0.2], (len(FEW), 1)) / np.tile([0.2, 0.4, 0.6, 0.8], (len(FEW), 1)))
    logits = np.hstack([honest * 3 + 2, draw.normal(size=(len(FEW), OUTPUTS - 4))])
    slopes, offsets = calibrate(logits, labels)
    assert slopes[0] == slopes[3] == pytest.approx(1 / 3, abs=0.1)
    assert np.array(slopes[:4]) * logits[0, :4] + np.array(offsets[:4]) == pytest.approx(honest[0], abs=0.15)
    assert max(np.abs(slopes[15:])) < 0.3  # noise is told to count for little


def test_calibration_of_one_sided_labels_stays_near_where_it_was() -> None:
    few = [e for e in FEW if e.level == 0][:5]
    slopes, offsets = calibrate(np.zeros((5, OUTPUTS)), targets(few))
    assert slopes == pytest.approx([1.0] * OUTPUTS, abs=0.01)
    assert max(np.abs(offsets)) < 3
    assert len(validation_split(FEW)[1]) > 20
