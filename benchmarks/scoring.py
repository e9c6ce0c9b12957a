"""Texts per CPU-second: IndoBERT-base's shape under transformers.pipeline and under the scorer; the shipped default.

    python -m benchmarks.scoring [--posts 96] [--articles 24] [--rounds 4]

Needs the extra `train`. Weights are random: only speed is measured. Lengths are real: posts of data/labels, and
articles of 250 words strung together from its news. The scorer is timed whole, from the raw text; the others are given
the strings that it reads. One thread each, in turn, the order reversed every second round; the best round counts, in
processor time. Cold start and peak memory are those of a process of its own.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.classifier import DEFAULT, Classifier, Encoder, Recent
from analysis.model_folder import OUTPUTS, PARTS, Manifest, write_manifest
from analysis.training_data import project_labels
from analysis.training_graph import draw

WINDOW = 192
HIDDEN, LAYERS, INNER, WORDS = 768, 12, 3072, 30_521
ROWS = 50_000  # of the embedding: IndoBERT-base has more than its tokenizer uses
PRECISIONS = ("fp32", "int8")
INT8 = "the scorer, ONNX Runtime int8"
COLD = r"""
import json, re, sys, time
from pathlib import Path
from analysis.classifier import Classifier
model = Classifier.load(Path(sys.argv[1]), threads=1)
model.score(["Warga menyegel kantor desa"])
seconds = time.time() - float(sys.argv[2]), time.process_time()
model.score(json.load(sys.stdin))
print(*seconds, int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""
Job = Callable[[Sequence[str]], object]


def raw_texts(posts: int, articles: int) -> dict[str, list[str]]:
    """Return posts, and articles of 250 words, as they come in."""
    draw_ = random.Random(1)
    labels = project_labels()
    short = [e.text for e in labels if e.kind in ("post", "comment")]
    news = [e.text for e in labels if e.kind in ("news", "article", "release")]

    def article() -> str:
        parts: list[str] = []
        while sum(len(part.split()) for part in parts) < 250:
            parts.append(draw_.choice(news))
        return " ".join(parts)

    return {"posts": draw_.sample(short, posts), "articles": [article() for _ in range(articles)]}


def build(folder: Path) -> tuple[Any, Any]:
    """Write random weights as fp32 and int8 model folders, as `model export` does; return network and tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedTokenizerFast

    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=special, show_progress=False)
    words.train_from_iterator((e.text for e in project_labels()), trainer)
    ends = [(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=ROWS, num_labels=OUTPUTS)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    blend = {"encoder": [1.0] * OUTPUTS, "ngrams": [0.0] * OUTPUTS}
    for name in PRECISIONS:
        (folder / name).mkdir()
        words.save(str(folder / name / "tokenizer.json"))
        shutil.copy(DEFAULT / PARTS["ngrams"], folder / name)
        draw(config.to_dict(), weights, folder / name / PARTS["encoder"], name == "int8")
        write_manifest(folder / name, Manifest("acak", ("ngrams", "encoder"), blend, [0.0] * OUTPUTS, {}, WINDOW))
    return network, PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", model_max_length=WINDOW)


class Torch:
    """A session that computes with torch."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def run(self, _: None, feed: Mapping[str, NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        """Return the logits of one batch."""
        import torch

        with torch.inference_mode():
            return [self.network(**{name: torch.from_numpy(value) for name, value in feed.items()}).logits.numpy()]


def scoring(folder: Path) -> Job:
    """Return the scorer of a model folder; it forgets what it scored before."""
    model = Classifier.load(folder, threads=1)

    def job(every: Sequence[str]) -> object:
        model.kept = Recent()
        return model.score(every)

    return job


def contenders(folder: Path, network: Any, tokenizer: Any, read: Mapping[str, str]) -> dict[str, Job]:
    """Return what is timed, by name; `read` holds what the scorer reads of each text."""
    import torch
    from transformers import pipeline

    torch.set_num_threads(1)
    base = pipeline("text-classification", model=network, tokenizer=tokenizer, device="cpu")
    by_length = Encoder(folder / "fp32", WINDOW, 1)
    by_length.session = Torch(network)

    def piped(size: int) -> Job:
        said = {"batch_size": size, "truncation": True, "max_length": WINDOW, "top_k": None}
        return lambda every: base([read[text] for text in every], **said)

    return {
        "transformers.pipeline, batch 1": piped(1),
        "transformers.pipeline, batch 32": piped(32),
        "torch fp32, batches of like length": lambda every: by_length.logits([read[text] for text in every]),
        "the scorer, ONNX Runtime fp32": scoring(folder / "fp32"),
        INT8: scoring(folder / "int8"),
    }


def timed(jobs: Mapping[str, Job], every: Sequence[str], rounds: int) -> dict[str, float]:
    """Return texts a CPU-second of each, at best."""
    best: dict[str, float] = {}
    for turn in range(rounds):
        for name in list(jobs)[:: 1 if turn % 2 == 0 else -1]:
            start = time.process_time()
            jobs[name](every)
            best[name] = max(best.get(name, 0.0), len(every) / (time.process_time() - start))
    return best


def int8_peak() -> float:
    """Return operations a second (a multiply-add is two) of onnxruntime's plain int8 product, at best."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    draw_ = np.random.default_rng(0)
    weight = numpy_helper.from_array(draw_.integers(-127, 128, (HIDDEN, INNER)).astype(np.int8), "w")
    source = helper.make_tensor_value_info("x", TensorProto.UINT8, [None, HIDDEN])
    target = helper.make_tensor_value_info("y", TensorProto.INT32, [None, INNER])
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], "g", [source], [target], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    best = 0.0
    for rows in (256, 512, 1024, 2048) * 6:
        x = draw_.integers(0, 256, (rows, HIDDEN)).astype(np.uint8)
        start = time.process_time()
        session.run(None, {"x": x})
        best = max(best, 2 * rows * HIDDEN * INNER / (time.process_time() - start))
    return best


def operations(lengths: Sequence[int]) -> float:
    """Return the operations of the dense layers alone for texts of these lengths, as the graph is drawn."""
    dense, last = HIDDEN * (4 * HIDDEN + 2 * INNER), 2 * HIDDEN * HIDDEN
    return 2.0 * sum(n * ((LAYERS - 1) * dense + last) + dense - last for n in lengths)


def alone(folder: Path, every: Sequence[str], rounds: int) -> tuple[float, float, float]:
    """Return seconds from a process's start to its first score (by the clock, of a processor), and its peak MB."""
    found = []
    for _ in range(rounds):
        command = [sys.executable, "-c", COLD, str(folder), str(time.time())]
        said = subprocess.run(command, input=json.dumps(every), capture_output=True, text=True, check=True).stdout
        found.append([float(value) for value in said.split()])
    clock, processor, memory = zip(*found, strict=True)
    return min(clock), min(processor), max(memory)


def main() -> None:
    """Print ratios, the share of the int8 peak, the default's speed, cold starts and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("--posts", 96), ("--articles", 24), ("--rounds", 4)):
        parser.add_argument(name, type=int, default=value)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    sample = raw_texts(arguments.posts, arguments.articles)
    chooser = Classifier.load(DEFAULT)
    read = {text: chooser.read("", text)[0] for each in sample.values() for text in each}
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        jobs = contenders(folder, *build(folder), read)
        tokenize = Encoder(folder / "int8", WINDOW, 1).tokenize
        peak = int8_peak()
        for kind, every in sample.items():
            lengths = [len(ids) for ids in tokenize([read[text] for text in every])]
            rates = timed(jobs, every, arguments.rounds)
            peak = max(peak, int8_peak())
            print(f"{kind}: {np.mean(lengths):.0f} tokens on average")
            for name, rate in rates.items():
                print(f"  {name:36} {rate:7.1f} texts a CPU-second  {rate / rates[next(iter(jobs))]:5.2f}")
            share = rates[INT8] * operations(lengths) / len(lengths) / peak
            print(f"  int8 peak {peak / 1e9:.0f} GOP/s; the dense layers' part of it, whole scorer: {share:.2f}")
        posts = raw_texts(2000, 1)["posts"]
        whole = {"IndoBERT-base, int8": folder / "int8", "the shipped default": DEFAULT}
        for name, place in whole.items():
            clock, processor, memory = alone(place, posts[:400] + sample["articles"], 3)
            print(f"{name}: first score after {clock:.2f} s ({processor:.2f} of a CPU), peak {memory:.0f} MB")
    rate = timed({"default": scoring(DEFAULT)}, posts, 3 * arguments.rounds)["default"]
    print(f"the shipped default: {rate:.0f} posts a CPU-second")


if __name__ == "__main__":
    main()
