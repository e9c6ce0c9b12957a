"""Learn the weights of places from labelled texts (extra `train` or `test`: scikit-learn).

Each place a text tells of is one example: yes where its label says that the matter lies there. Weights are those of a
logistic regression on features scaled by how differently they are spread over yes and no (Wang and Manning 2012), which
on texts of writers held out does better than without. Chances are calibrated (Platt 1999) on writers held out in turn.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError, MonitorError
from analysis.evaluation import PlaceLabel
from analysis.locate import Locator
from analysis.matter import FILE, STEP, Weights
from analysis.surroundings import DESA, KECAMATAN, Told
from analysis.training_data import folds

STRENGTH = 0.1  # inverse regularisation; cross-validated over writers among 0.05, 0.1, 0.3
SMOOTHING = 0.5  # added to every scale, so that an even feature is not lost
SEEN = 5  # texts in which a feature stands at least


@dataclass(frozen=True, slots=True)
class PlaceExample:
    """One place that a labelled text tells of."""

    text: int  # which text
    said: frozenset[str]
    here: bool  # the matter lies there
    share: float  # weight: a text of many places counts as the square root of their number


def place_examples(labels: Sequence[PlaceLabel], locator: Locator) -> list[PlaceExample]:
    """Return every place the texts tell of, with what is said around it and whether the label puts the matter there."""
    found: list[PlaceExample] = []
    for number, label in enumerate(labels):
        places = locator.places(label.text, label.title)
        share = 1 / math.sqrt(max(len(places), 1))
        for place in places:
            found.append(PlaceExample(number, frozenset(place.said | place.gist), _is_here(place, label), share))
    return found


def _is_here(place: Told, label: PlaceLabel) -> bool:
    if place.kind == DESA:
        return place.code in label.desa
    return place.code in label.kecamatan if place.kind == KECAMATAN else label.about


def writers(labels: Sequence[PlaceLabel]) -> list[str]:
    """Return who wrote each text: the letters its id begins with."""
    return [label.id.rstrip("0123456789") for label in labels]


def train_places(
    labels: Sequence[PlaceLabel], locator: Locator, on_step: Callable[[str], None] = lambda _: None
) -> tuple[Weights, dict[str, Any]]:
    """Return weights learnt from labelled texts and calibrated across their writers, and facts on them.

    Raises: MonitorError where all labels come from one writer.
    """
    from sklearn.linear_model import LogisticRegression

    examples, wrote = place_examples(labels, locator), writers(labels)
    apart = across_writers(examples, wrote, on_step)
    truth, share = np.array([e.here for e in examples]), np.array([e.share for e in examples])
    fitted = LogisticRegression(C=1e6).fit(apart[:, None], truth, sample_weight=share)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    on_step(f"all {len(labels)} texts")
    raw = fit(examples)
    learnt = {name: round(value * slope) for name, value in raw.weights.items()}
    weights = Weights(round(raw.bias * slope + offset / STEP), {name: value for name, value in learnt.items() if value})
    right = (apart * slope + offset > 0) == truth
    facts = {"texts": len(labels), "places": len(examples), "writers": sorted(set(wrote)), "slope": round(slope, 3),
             "right_across_writers": round(float(np.average(right, weights=share)), 4)}  # fmt: skip
    return weights, facts


def across_writers(
    examples: Sequence[PlaceExample], wrote: Sequence[str], on_step: Callable[[str], None] = lambda _: None
) -> NDArray[np.float64]:
    """Return the (n,) log-odds of each place by weights that saw no text of its writer.

    Raises: MonitorError where there is one writer only.
    """
    if len(set(wrote)) < 2:
        raise MonitorError("places are labelled by one writer only: calibration needs two (ids tell them apart)")
    found = np.zeros(len(examples))
    for held_out in folds(wrote):
        on_step(f"without writer {' and '.join(held_out)}")
        weights = fit([e for e in examples if wrote[e.text] not in held_out])
        for i, example in enumerate(examples):
            if wrote[example.text] in held_out:
                found[i] = (weights.bias + weights.steps(example.said)) * STEP
    return found


def fit(examples: Sequence[PlaceExample]) -> Weights:
    """Return weights fitted to examples, not calibrated."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    by_text: dict[int, set[str]] = {}
    for example in examples:
        by_text.setdefault(example.text, set()).update(example.said)
    texts = Counter(feature for said in by_text.values() for feature in said)
    names = sorted(feature for feature, count in texts.items() if count >= SEEN)
    column = {feature: i for i, feature in enumerate(names)}
    rows = [[column[feature] for feature in example.said if feature in column] for example in examples]
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    indices = np.array([i for row in rows for i in sorted(row)], np.int32)
    x = csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(rows), len(names)))
    here, share = np.array([e.here for e in examples]), np.array([e.share for e in examples])
    yes, no = 1 + np.asarray(x[here].sum(0)).ravel(), 1 + np.asarray(x[~here].sum(0)).ravel()
    scale = np.abs(np.log((yes / yes.sum()) / (no / no.sum()))) + SMOOTHING
    x.data = scale[x.indices]
    model = LogisticRegression(C=STRENGTH, solver="liblinear", max_iter=1000).fit(x, here, sample_weight=share)
    learnt = np.round(model.coef_[0] * scale / STEP).astype(np.int64).tolist()
    return Weights(round(float(model.intercept_[0]) / STEP), dict(zip(names, learnt, strict=True)))


def save(weights: Weights, facts: dict[str, Any], file: Path = FILE) -> None:
    """Write weights as JSON, a feature a line, by name.

    Raises: ModelError where the file cannot be written.
    """
    row = {"facts": facts, "bias": weights.bias, "weights": dict(sorted(weights.weights.items()))}
    try:
        file.write_text(json.dumps(row, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{file}: cannot be written ({error.strerror})") from error
