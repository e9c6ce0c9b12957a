"""What the scorer does with bad input, on a model of n-grams and on an encoder; nothing is scored twice."""

from __future__ import annotations

import io
import json
import shutil
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from analysis.classifier import BLANK_LEVELS, Classifier, Encoder
from analysis.errors import ModelError, StorageError
from analysis.model_folder import MANIFEST, OUTPUTS, Manifest, read_manifest, write_manifest
from analysis.ngrams import LinearHeads
from analysis.records import Scores
from analysis.tension import tension
from analysis.training_graph import draw
from pipelines import score_cache
from pipelines.config import PROJECT, load_settings
from pipelines.models import MODELS
from pipelines.score_cache import ScoreCache, scorer
from pipelines.texts import score_lines
from tests.training import wordpiece

KECIL = MODELS / "kecil"
WORDS = "warga desa kantor disegel rukun pagi bentrok jalan rusak"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 encoder of random weights, drawn without torch."""
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = wordpiece([WORDS])
    tokenizer.save(str(folder / "tokenizer.json"))
    draw(_config(tokenizer.get_vocab_size()), _weights(tokenizer.get_vocab_size()), folder / "encoder.onnx", int8=True)
    blend = {"encoder": [1.0] * OUTPUTS}
    write_manifest(folder, Manifest("acak", ("encoder",), blend, [0.0] * OUTPUTS, {}, window=32))
    return folder


def _config(vocabulary: int) -> dict[str, object]:
    return {"model_type": "bert", "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": vocabulary}


def _weights(vocabulary: int, width: int = 16) -> dict[str, np.ndarray]:
    draw_ = np.random.default_rng(0)
    shapes = {"bert.embeddings.word_embeddings": (vocabulary, width), "classifier": (OUTPUTS, width)}
    shapes |= {"bert.embeddings.position_embeddings": (34, width), "bert.embeddings.token_type_embeddings": (2, width)}
    shapes |= {"bert.pooler.dense": (width, width)}
    for layer in ("bert.encoder.layer.0", "bert.encoder.layer.1"):
        names = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
        shapes |= {f"{layer}.{name}": (width, width) for name in names}
        shapes |= {f"{layer}.intermediate.dense": (24, width), f"{layer}.output.dense": (width, 24)}
        shapes |= {f"{layer}.{name}.LayerNorm": (width,) for name in ("attention.output", "output")}
    shapes["bert.embeddings.LayerNorm"] = (width,)
    found = {f"{name}.weight": draw_.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return found | {f"{name}.bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}


@pytest.fixture(params=["kecil", "encoder"])
def model(request: pytest.FixtureRequest) -> Classifier:
    return Classifier.load(KECIL if request.param == "kecil" else request.getfixturevalue("encoder"), threads=1)


def sound(scores: Scores) -> bool:
    """Tell whether all are probabilities that sum to 1."""
    sums = [np.allclose(part.sum(axis=1), 1, atol=1e-5) for part in (scores.levels, scores.acts, scores.sentiment)]
    parts = (scores.levels, scores.acts, scores.themes, scores.sentiment)
    return all(sums) and all(((part >= 0) & (part <= 1)).all() for part in parts)


BLANK = {
    "empty": "",
    "blanks": " \n\t ",
    "emoji": "😡🔥🙏🏽👩‍👩‍👧",
    "a link": "https://contoh.id/berita?x=1 @akun",
    "Chinese": "村民封锁了道路",
    "Javanese script": "ꦱꦸꦒꦼꦁ ꦫꦮꦸꦃ",
    "Arabic": "أهل القرية",
    "digits": "2025 24-05 !!!",
}
ODD = {
    "control characters": "warga\x00 menyegel\x1b[31m kantor\x7f desa\u200b\u202e",
    "half a surrogate": "warga \ud83d menyegel kantor",
    "English": "Residents blocked the road and threatened to burn the office",
    "Lampung and Latin": "ᥑᥒ warga ribut",
    "one word": "a" * 100_000,
    "no blank": "ribut," * 20_000,
    "combining marks": "w̶̡a̷r̸g̴a̵ r̷i̶b̸u̵t̴" * 50,
}


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_a_text_with_nothing_to_read_gets_the_spread_out_answer(model: Classifier, text: str) -> None:
    scores = model.score([text], [text])
    assert scores.levels[0].tolist() == pytest.approx(BLANK_LEVELS)
    assert sound(scores)
    assert not scores.themes.any()


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_text_is_scored_and_harms_no_neighbour(model: Classifier, text: str) -> None:
    plain = "warga desa menyegel kantor pagi ini"
    scores = model.score([plain, text, plain[:-4]])
    assert sound(scores)
    alone = tension(model.score([plain]).levels)[0]
    assert tension(scores.levels)[0] == pytest.approx(alone, abs=0.02)
    assert model.sentences([text])[0] == [] or sound(scores)


def test_a_hundred_thousand_words_are_read_in_seconds_and_where_they_are_contentious() -> None:
    model = Classifier.load(KECIL)
    calm = "Rapat pagi di balai desa membahas jadwal kerja bakti dan arisan. "
    long = calm * 10_000
    start = time.process_time()
    tense = long[: 20 * len(calm)] + "Massa membakar rumah dan membacok warga. " + long
    scores = model.score([long, tense])
    assert time.process_time() - start < 10
    assert sound(scores)
    assert "membacok" in model.read("", tense)[0]
    assert tension(scores.levels)[1] > 1.5 * tension(scores.levels)[0]


def test_a_hundred_thousand_words_fit_the_window_of_an_encoder(encoder: Path) -> None:
    model = Classifier.load(encoder, threads=1)
    assert sound(model.score(["warga desa rukun " * 33_000]))
    assert max(len(ids) for ids in Encoder(encoder, 32, 1).tokenize(["warga " * 1000])) == 32


def test_no_texts_give_no_scores(model: Classifier) -> None:
    assert len(model.score([])) == 0
    assert model.sentences([]) == []
    with pytest.raises(ValueError, match="2 titles for 1 texts"):
        model.score(["a"], ["b", "c"])


def test_progress_counts_every_text(model: Classifier) -> None:
    done: list[int] = []
    model.score([f"warga {i}" for i in range(600)], progress=done.append)
    assert done == [512, 88]


def test_sentences_are_found_where_they_stand(model: Classifier) -> None:
    texts = ["Warga rukun. Kantor desa disegel!", "", "Jalan rusak."]
    found = model.sentences(texts)
    assert [[text[s.start : s.end] for s in each] for text, each in zip(texts, found, strict=True)] == [
        ["Warga rukun.", "Kantor desa disegel!"],
        [],
        ["Jalan rusak."],
    ]
    alone = tension(model.score(["Kantor desa disegel!"]).levels)[0]
    assert found[0][1].tension == pytest.approx(alone, abs=0.02)


# -- broken folders -------------------------------------------------------------------------------


def test_a_manifest_of_other_labels_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(KECIL, tmp_path / "kecil")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["bias"] = manifest["bias"][:17]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="18 outputs"):
        Classifier.load(folder)


def test_heads_of_another_number_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(KECIL, tmp_path / "kecil")
    heads = LinearHeads.load(folder / "ngrams.npz")
    LinearHeads(heads.weights[:, :5], heads.scale[:5], heads.bias[:5], heads.idf, heads.known).save(
        folder / "ngrams.npz"
    )
    write_manifest(folder, read_manifest(folder))
    with pytest.raises(ModelError, match="5 heads in place of 31"):
        Classifier.load(folder)


def test_tampered_weights_a_swapped_tokenizer_and_half_a_graph_are_refused(encoder: Path, tmp_path: Path) -> None:
    for name in ("encoder.onnx", "tokenizer.json"):
        folder = shutil.copytree(encoder, tmp_path / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ModelError, match=f"{name} is not what"):
            Classifier.load(folder)
    (folder / "tokenizer.json").write_bytes(whole)
    (folder / "encoder.onnx").write_bytes((folder / "encoder.onnx").read_bytes()[:100])
    write_manifest(folder, read_manifest(folder))
    with pytest.raises(ModelError, match="cannot be loaded"):
        Classifier.load(folder)


def test_weights_too_many_for_one_file_lie_beside_the_graph_and_are_hashed_too(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.training_graph.APART", 0)
    folder = shutil.copytree(encoder, tmp_path / "large")
    rows = Tokenizer.from_file(str(encoder / "tokenizer.json")).get_vocab_size()
    draw(_config(rows), _weights(rows), folder / "encoder.onnx", int8=True)
    write_manifest(folder, read_manifest(folder))
    texts = ["warga desa rukun", "kantor desa disegel"]
    one, other = (Classifier.load(each, threads=1).score(texts).levels for each in (encoder, folder))
    np.testing.assert_array_equal(one, other)
    beside = folder / "encoder.onnx.data"
    beside.write_bytes(beside.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"encoder\.onnx\.data is not what"):
        Classifier.load(folder)


# -- nothing is scored twice ----------------------------------------------------------------------


class Counting:
    """A model's encoder that counts the texts it is given."""

    def __init__(self, inner: Encoder) -> None:
        self.inner, self.texts = inner, 0

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += len(texts)
        return self.inner.logits(texts)


@pytest.fixture
def counted(encoder: Path, tmp_path: Path) -> tuple[Manifest, Counting]:
    return read_manifest(encoder), Counting(Encoder(encoder, 32, 1))


def test_what_was_scored_in_an_earlier_run_is_not_scored_again(
    counted: tuple[Manifest, Counting], tmp_path: Path
) -> None:
    manifest, network = counted
    texts = ["warga rukun", "kantor disegel", "warga rukun", "jalan rusak"]
    results = []
    for more in ([], ["bentrok pagi"]):
        model = Classifier(manifest, None, network)  # type: ignore[arg-type]
        model.kept = ScoreCache(tmp_path / "scores.sqlite", model.model_id)
        results.append(model.score([*texts, *more]).levels)
    assert network.texts == 4  # three different texts, then the one that is new
    np.testing.assert_array_equal(results[0], results[1][:4])


def test_another_model_scores_anew_and_old_outputs_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.sqlite"
    one, other = ScoreCache(path, "one"), ScoreCache(path, "other")
    for cache in (one, other):
        cache.keep({bytes([i]) * 16: np.full(OUTPUTS, i, np.float32) for i in range(5)})
    assert len(one.known([b"\1" * 16])) == len(other.known([b"\1" * 16])) == 1
    monkeypatch.setattr(score_cache, "ROOM", 7)
    third = ScoreCache(path, "other")
    assert len(one.known([b"\1" * 16])) == 0
    assert third.known([b"\1" * 16])[b"\1" * 16].tolist() == [1.0] * OUTPUTS


def test_the_cache_lies_in_the_home_and_a_broken_one_says_what_to_do(tmp_path: Path) -> None:
    settings = load_settings(environment={}, home=tmp_path / "home")
    with scorer(settings) as model:
        assert sound(model.score(["warga"]))
    assert not settings.home.exists()  # nobody asked for one
    settings.home.mkdir()
    for _ in range(2):
        with scorer(settings) as model:
            model.score(["warga"])
    assert (settings.home / "scores.sqlite").exists()
    (settings.home / "scores.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="delete it"), scorer(settings):
        pass


def test_memory_stays_bounded_whatever_the_input(tmp_path: Path) -> None:
    settings = load_settings(environment={}, home=tmp_path)

    def peak(lines: int) -> int:
        texts = (json.dumps({"id": i, "text": f"warga {i} di desa {i * 7}"}) for i in range(lines))
        tracemalloc.start()
        assert score_lines(settings, texts, io.StringIO()) == lines
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(3000) < 1.3 * peak(600) + 2_500_000  # the answers themselves are kept by this test


def test_the_project_has_one_shipped_model() -> None:
    assert load_settings(environment={}).model == KECIL.absolute() == (PROJECT / "data" / "models" / "kecil")
