"""Train the shipped default, `kecil`: linear heads on hashed n-grams, calibrated across writers of labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.lexicon import read_families
from analysis.model_folder import HEADS, OUTPUTS, PARTS, Manifest, write_manifest
from analysis.ngrams import CLIMBED, COLUMNS, lexicon
from analysis.normalise import normalise
from analysis.quality import measure
from analysis.tension import expected_tension
from analysis.training_data import Example, folds, full_texts, targets
from analysis.training_linear import head_targets, train_linear

OWN = OUTPUTS - HEADS[-1]  # heads that only the project's labels carry: level, act, themes
_INSTITUTIONS = ("KPU", "Bawaslu", "Polres", "Polsek", "DPRD", "kecamatan", "dinas", "kabupaten")
_INSTITUTION = re.compile(rf"\b(?:{'|'.join(_INSTITUTIONS)}|polisi)\b", re.IGNORECASE)
ASKED = (*range(OWN), *range(CLIMBED.start, COLUMNS))  # their columns


def train_kecil(
    labels: Sequence[Example], moods: Sequence[Example], folder: Path, on_step: Callable[[str], None] = lambda _: None
) -> Manifest:
    """Train and calibrate the heads, and write the model folder.

    Every head but sentiment is calibrated by a slope and an offset (Platt) on texts of a writer whose texts the
    heads had not seen. What was measured there stands in the manifest's `facts`: it is no test split.

    Args:
        labels: the project's own labels, of at least two writers.
        moods: sentiment sets that train the sentiment heads alone; may be empty.
        folder: where ngrams.npz and sejuk.json are written.

    Raises: ValueError where all labels come from one writer.
    """
    from sklearn.linear_model import LogisticRegression

    apart, writers = across_writers(labels, on_step)
    wanted = targets(labels)
    truth = head_targets(wanted)[:, :OWN]
    slope, offset = np.ones(OUTPUTS), np.zeros(OUTPUTS)
    for head in range(OWN):
        rows = truth[:, head] >= 0  # a correction carries a level alone
        fitted = LogisticRegression(C=1e6).fit(apart[rows][:, [head]], truth[rows, head])
        slope[head], offset[head] = fitted.coef_[0, 0], fitted.intercept_[0]
    on_step(f"all {len(labels)} labels and {len(moods)} sentiment texts")
    folder.mkdir(parents=True, exist_ok=True)
    train_linear([*labels, *counterfactuals(labels), *moods]).save(folder / PARTS["ngrams"])
    told = wanted.level >= 0
    found = expected_tension(apart[told, :4] * slope[:4] + offset[:4])
    facts = {
        "labels": len(labels),
        "sentiment_texts": len(moods),
        "writers": writers,
        "across_writers": measure(wanted.level[told], found),
    }
    blend = {"ngrams": [round(float(value), 5) for value in slope]}
    bias = [round(float(value), 5) for value in offset]
    return write_manifest(folder, Manifest("kecil", ("ngrams",), blend, bias, {}, facts=facts))


def counterfactuals(labels: Sequence[Example]) -> list[Example]:
    """Return copies of every third text that names an institution, with another in its place and the same labels.

    Source: rule 8 of the annotation guide; Kaushik, Hovy and Lipton 2020.

    >>> counterfactuals([Example("KPU lambat sekali", level=1)])[0].text
    'Bawaslu lambat sekali'
    """
    found = [e for e in labels if _INSTITUTION.search(e.text)]
    return [
        replace(e, text=_INSTITUTION.sub(_INSTITUTIONS[(i + 1) % len(_INSTITUTIONS)], e.text))
        for i, e in enumerate(found[::3])
    ]


def across_writers(
    labels: Sequence[Example],
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the (n, 15) logits of each text by heads that saw no text of its writer, and the writers.

    Writers are held out as `folds` groups them.
    """
    writers = sorted({example.writer for example in labels})
    if len(writers) < 2:
        raise ValueError("labels of one writer only: calibration needs at least two")
    texts = [normalise(text) for text in full_texts(labels)]
    logits = np.zeros((len(labels), OWN))
    known = lexicon(read_families())
    for apart in folds(writers):
        on_step(f"without writer {' and '.join(apart)}")
        seen = [e for e in labels if e.writer not in apart]
        others = train_linear([*seen, *counterfactuals(seen)], ASKED, known)
        rows = [i for i, e in enumerate(labels) if e.writer in apart]
        logits[rows] = others.logits([texts[i] for i in rows])[:, :OWN]
    return logits, writers
