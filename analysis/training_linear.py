"""Train the linear heads on hashed n-grams (extra `train` or `test`: scikit-learn)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.lexicon import Lexicon, read_families
from analysis.model_folder import HEADS, OUTPUTS
from analysis.ngrams import BITS, CLIMBED, COLUMNS, EXACT, GATE, LinearHeads, features, lexicon
from analysis.normalise import normalise
from analysis.records import LEVELS
from analysis.training_data import Example, Targets, full_texts, targets

STRENGTH = 20.0  # inverse regularisation; cross-validated over writers among 5, 10, 20
GATE_STRENGTH = 1.0
MOODS = HEADS[-1]


def width(known: Lexicon) -> int:
    """Return the number of buckets: two blocks of n-grams, and the families."""
    return (2 << BITS) + known.width


def inverse_document_frequency(texts: Sequence[str], known: Lexicon) -> NDArray[np.float32]:
    """Return the smoothed rarity of each bucket: ln((1 + n) / (1 + df)) + 1."""
    used = np.bincount(features(texts, None, known).indices, minlength=width(known))
    rarity: NDArray[np.float32] = (np.log((1 + len(texts)) / (1 + used)) + 1).astype(np.float32)
    return rarity


def matrix(texts: Sequence[str], idf: NDArray[np.float32], known: Lexicon) -> Any:
    """Return the (n, buckets) sparse feature matrix of normalised texts."""
    from scipy.sparse import csr_matrix

    found = features(texts, idf, known)
    return csr_matrix((found.values, found.indices, found.starts), shape=(len(texts), width(known)))


def head_targets(labels: Targets) -> NDArray[np.int64]:
    """Return (n, 18) yes/no targets of the heads, -1 where the label is missing.

    Four columns level >= 1..4, three acts, eight themes, three sentiments.
    """
    level = np.where(labels.level[:, None] < 0, -1, labels.level[:, None] >= np.arange(1, 5))
    act = np.where(labels.act[:, None] < 0, -1, labels.act[:, None] == np.arange(3))
    mood = np.where(labels.sentiment[:, None] < 0, -1, labels.sentiment[:, None] == np.arange(3))
    return np.hstack([level, act, labels.themes, mood]).astype(np.int64)


def column_targets(labels: Targets) -> NDArray[np.int64]:
    """Return (n, COLUMNS) yes/no targets of the columns: sentiment of reviews (texts without a level) stands apart."""
    heads, level = head_targets(labels), labels.level[:, None]
    ours = labels.level >= 0
    own, reviews = heads.copy(), heads[:, -MOODS:].copy()
    own[~ours, -MOODS:] = -1
    reviews[ours] = -1
    found = np.full((len(heads), COLUMNS), -1)
    found[:, :OUTPUTS], found[:, OUTPUTS:GATE], found[:, GATE] = own, reviews, ours
    steps, levels = np.arange(1, HEADS[0] + 1), np.arange(len(LEVELS))
    found[:, CLIMBED] = np.where(level >= steps - 1, heads[:, : HEADS[0]], -1)
    found[:, EXACT] = np.where(level < 0, -1, level == levels)
    return found


def train_linear(
    examples: Sequence[Example], columns: Sequence[int] = range(COLUMNS), known: Lexicon | None = None
) -> LinearHeads:
    """Return linear heads fitted one by one to every example that carries their label.

    Args:
        examples: labelled texts, the project's and the sentiment sets together.
        columns: which columns to fit; the others stay zero.
        known: families of words; read from data/lexicon.txt where None.
    """
    from sklearn.linear_model import LogisticRegression

    known = lexicon(read_families()) if known is None else known
    texts = [normalise(text) for text in full_texts(examples)]
    idf = inverse_document_frequency(texts, known)
    x, y = matrix(texts, idf, known), column_targets(targets(examples))
    weights, bias = np.zeros((width(known), COLUMNS), np.float32), np.zeros(COLUMNS, np.float32)
    for column in columns:
        rows = np.flatnonzero(y[:, column] >= 0)
        if len(np.unique(y[rows, column])) < 2:
            bias[column] = 20.0 * float(column == GATE and bool(y[:, GATE].any()))
            continue
        strength = GATE_STRENGTH if column == GATE else STRENGTH
        balance = "balanced" if OUTPUTS - MOODS <= column <= GATE else None
        model = LogisticRegression(C=strength, solver="liblinear", max_iter=300, class_weight=balance)
        model.fit(x[rows], y[rows, column])
        weights[:, column], bias[column] = model.coef_[0], model.intercept_[0]
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-6) / 127
    return LinearHeads(np.round(weights / scale).astype(np.int8), scale.astype(np.float32), bias, idf, known)
