"""Train the linear heads on hashed n-grams (extra `train` or `test`: scikit-learn)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.model_folder import OUTPUTS
from analysis.ngrams import BITS, LinearHeads, features
from analysis.normalise import normalise
from analysis.training_data import Example, Targets, full_texts, targets

STRENGTH = 10.0  # inverse regularisation; cross-validated over writers among 1, 3, 10
SENTIMENT_STRENGTH = 1.0


def inverse_document_frequency(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the smoothed rarity of each bucket: ln((1 + n) / (1 + df)) + 1."""
    used = np.bincount(features(texts).indices, minlength=2 << BITS)
    rarity: NDArray[np.float32] = (np.log((1 + len(texts)) / (1 + used)) + 1).astype(np.float32)
    return rarity


def matrix(texts: Sequence[str], idf: NDArray[np.float32]) -> Any:
    """Return the (n, buckets) sparse feature matrix of normalised texts."""
    from scipy.sparse import csr_matrix

    found = features(texts, idf)
    return csr_matrix((found.values, found.indices, found.starts), shape=(len(texts), 2 << BITS))


def head_targets(labels: Targets) -> NDArray[np.int64]:
    """Return (n, 18) yes/no targets of the heads, -1 where the label is missing.

    Four columns level >= 1..4, three acts, eight themes, three sentiments.
    """
    level = np.where(labels.level[:, None] < 0, -1, labels.level[:, None] >= np.arange(1, 5))
    act = np.where(labels.act[:, None] < 0, -1, labels.act[:, None] == np.arange(3))
    mood = np.where(labels.sentiment[:, None] < 0, -1, labels.sentiment[:, None] == np.arange(3))
    return np.hstack([level, act, labels.themes, mood]).astype(np.int64)


def train_linear(
    examples: Sequence[Example], idf: NDArray[np.float32] | None = None, heads: Sequence[int] = range(OUTPUTS)
) -> LinearHeads:
    """Return linear heads fitted one by one to every example that carries their label.

    Args:
        examples: labelled texts, the project's and the sentiment sets together.
        idf: rarity of the buckets; taken from the examples where None.
        heads: which of the 18 heads to fit; the others stay zero.
    """
    from sklearn.linear_model import LogisticRegression

    texts = [normalise(text) for text in full_texts(examples)]
    idf = inverse_document_frequency(texts) if idf is None else idf
    whole, y = matrix(texts, idf), head_targets(targets(examples))
    used = np.unique(whole.indices)  # a bucket that no text fills keeps weight 0, and costs nothing
    x = whole[:, used]
    weights, bias = np.zeros((2 << BITS, OUTPUTS), np.float32), np.zeros(OUTPUTS, np.float32)
    for head in heads:
        rows = np.flatnonzero(y[:, head] >= 0)
        if len(np.unique(y[rows, head])) < 2:
            continue
        strength = SENTIMENT_STRENGTH if head >= OUTPUTS - 3 else STRENGTH
        model = LogisticRegression(C=strength, solver="liblinear", max_iter=300).fit(x[rows], y[rows, head])
        weights[used, head], bias[head] = model.coef_[0], model.intercept_[0]
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-6) / 127
    return LinearHeads(np.round(weights / scale).astype(np.int8), scale.astype(np.float32), bias, idf)
