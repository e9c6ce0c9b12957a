"""Write a fine-tuned folder as two model folders for the scorer, fp32 and int8: verified, calibrated, hashed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.calibration import calibrate
from analysis.classifier import DEFAULT, Classifier, Encoder
from analysis.errors import ModelError
from analysis.model_folder import HEADS, OUTPUTS, PARTS, STANDARD, Manifest, write_manifest
from analysis.normalise import normalise
from analysis.quality import measure, reliability
from analysis.tension import expected_tension
from analysis.training_data import Example, full_texts, targets
from analysis.training_folder import WEIGHTS, quiet, read_facts
from analysis.training_graph import draw

FP32_TOLERANCE = 1e-3  # of a logit, at most, against torch
INT8_TOLERANCE = 0.02  # of tension, on average, against torch
PRECISIONS = ("fp32", "int8")


def export(
    folder: Path, check: Sequence[Example], on_step: Callable[[str], None] = lambda _: None
) -> dict[str, Manifest]:
    """Write `folder`/fp32 and `folder`/int8, each a model folder of its own; return their manifests.

    Each is compared with torch on the held-out texts, and calibrated on its own logits there. The n-gram heads of
    the shipped model go along with no weight of their own: they choose the sentences of a long article that are read.

    Args:
        folder: what `train_encoder` wrote.
        check: labelled texts that were not trained on (`validation_split`).

    Raises: ModelError where the folder is no trained encoder, or a graph strays from torch beyond its tolerance.
    """
    facts = read_facts(folder)
    window = int(facts["plan"]["window"])
    texts = [normalise(text) for text in full_texts(check)]
    wanted = torch_logits(folder, texts, window)
    return {name: _one(folder, name, facts, check, texts, wanted, on_step) for name in PRECISIONS}


def torch_logits(folder: Path, texts: Sequence[str], window: int) -> NDArray[np.float32]:
    """Return the (n, 18) logits that torch computes, text by text without padding."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    quiet()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    out = np.empty((len(texts), OUTPUTS), np.float32)
    with torch.inference_mode():
        for i, text in enumerate(texts):
            inputs = tokenizer(text, truncation=True, max_length=window, return_tensors="pt")
            out[i] = network.eval()(inputs["input_ids"]).logits[0].numpy()
    return out


def _one(
    folder: Path,
    name: str,
    facts: dict[str, Any],
    check: Sequence[Example],
    texts: Sequence[str],
    wanted: NDArray[np.float32],
    on_step: Callable[[str], None],
) -> Manifest:
    """Write one of the two, through a folder that takes its place when it is whole."""
    from safetensors.numpy import load_file

    part, window = folder / f".{name}", int(facts["plan"]["window"])
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    config = json.loads((folder / "config.json").read_text())
    draw(config, load_file(folder / WEIGHTS), part / PARTS["encoder"], name == "int8")
    for source in (*(folder / each for each in (*STANDARD, "README.md")), DEFAULT / PARTS["ngrams"]):
        shutil.copy(source, part)
    logits = Encoder(part, window, None).logits(texts)
    strayed = _compare(name, wanted, logits)
    labels = targets(check)
    slopes, offsets = calibrate(logits, labels)
    told = labels.level >= 0
    found = _tension(logits[told] * np.array(slopes) + np.array(offsets))
    kept = {key: facts[key] for key in ("base_commit", "labels", "writers", "sentiment_texts")}
    said = {
        "precision": name,
        "base": facts["plan"]["base"],
        **kept,
        "against_torch": strayed,
        "validation_texts": len(check),
        "validation": measure(labels.level[told], found) if told.any() else {},
        "reliability": [[round(a, 3), round(b, 3), n] for a, b, n in reliability(labels.level[told], found)],
    }
    blend = {"encoder": slopes, "ngrams": [0.0] * OUTPUTS}
    manifest = Manifest(folder.name, ("ngrams", "encoder"), blend, offsets, {}, window, said)
    write_manifest(part, manifest)
    probes = {"probes": Classifier.load(part).probe()}
    whole = write_manifest(part, Manifest(folder.name, manifest.parts, blend, offsets, {}, window, said | probes))
    shutil.rmtree(folder / name, ignore_errors=True)
    part.rename(folder / name)
    on_step(f"{name}: {whole.model_id}, {json.dumps(strayed)}, {json.dumps(said['validation'])}")
    return whole


def _compare(name: str, wanted: NDArray[np.float32], logits: NDArray[np.float32]) -> dict[str, float]:
    """Return how far a graph strays from torch: logits at most, tension on average and at most.

    Raises: ModelError where it is too far.
    """
    apart = np.abs(_tension(wanted) - _tension(logits))
    found = {
        "logit_most": round(float(np.abs(wanted - logits).max()), 5),
        "tension_mean": round(float(apart.mean()), 5),
        "tension_most": round(float(apart.max()), 5),
    }
    key, bound = ("logit_most", FP32_TOLERANCE) if name == "fp32" else ("tension_mean", INT8_TOLERANCE)
    if not found[key] <= bound:
        raise ModelError(f"the {name} graph strays from torch: {key} {found[key]}, at most {bound} is taken")
    return found


def _tension(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    return expected_tension(logits[:, : HEADS[0]])
