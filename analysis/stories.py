"""Copies -> stories: nine outlets carrying one release are one origin with nine copies.

Near duplicates are found with MinHash over word shingles and locality-sensitive banding (Broder 1997;
Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, ch. 3). The caller keeps the band keys, so the
search works over months without holding the texts in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import rensa
from numpy.typing import NDArray

from analysis.text import words

PERMUTATIONS = 128
BANDS = 32  # of 4 rows: two texts of Jaccard 0.6 share a band with probability 0.99, of 0.2 with 0.05
SHINGLE = 3  # words
SEED = 20250524  # of the permutations; stored signatures are only comparable under the same seed
SAME_STORY = 0.5  # estimated Jaccard of shingles from which two texts are copies; checked in tests
SHORT = 8  # words; shorter texts are copies only when identical, for a shingle more would be chance


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A text's MinHash: `signature` is (128,) uint32, `keys` its 32 band keys (signed 64-bit)."""

    signature: NDArray[np.uint32]
    keys: tuple[int, ...]


def shingles(text: str) -> list[str]:
    """Return the overlapping word shingles of a text; a short text is one shingle.

    >>> shingles("satu dua tiga empat lima enam tujuh delapan sembilan")[:2]
    ['satu dua tiga', 'dua tiga empat']
    >>> shingles("Ojo rusuh, yo!")
    ['ojo rusuh yo']
    """
    tokens = words(text)
    if len(tokens) < SHORT:
        return [" ".join(tokens) or text.strip()]
    return [" ".join(tokens[i : i + SHINGLE]) for i in range(len(tokens) - SHINGLE + 1)]


def fingerprints(texts: Sequence[str]) -> list[Fingerprint]:
    """Return one fingerprint a text, in order."""
    if not texts:
        return []
    rows = rensa.RMinHash.digests_from_token_sets([shingles(text) for text in texts], PERMUTATIONS, SEED)
    matrix = np.asarray(rows, dtype=np.uint32)
    return [Fingerprint(row, keys) for row, keys in zip(matrix, band_keys(matrix), strict=True)]


def band_keys(matrix: NDArray[np.uint32]) -> list[tuple[int, ...]]:
    """Hash each band of 4 rows of (n, 128) signatures into one signed 64-bit key, its number in it (FNV-1a)."""
    bands = matrix.reshape(len(matrix), BANDS, -1).astype(np.uint64)
    key = np.full(bands.shape[:2], 0xCBF29CE484222325, dtype=np.uint64) ^ np.arange(BANDS, dtype=np.uint64)
    for column in range(bands.shape[2]):
        key = (key ^ bands[:, :, column]) * np.uint64(0x100000001B3)
    return [tuple(int(k) for k in row) for row in key.view(np.int64)]


def similarity(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    """Return the estimated Jaccard similarity of two signatures, in [0, 1]."""
    return float(np.mean(a == b))


def best_match(mine: Fingerprint, others: Iterable[tuple[str, NDArray[np.uint32]]]) -> str | None:
    """Return the id of the most similar candidate that is a copy, or None.

    Args: others: candidates (id, signature) that share a band with `mine`; ties go to the smaller id,
        so that the result does not depend on the order of arrival.
    """
    scored = ((similarity(mine.signature, signature), name) for name, signature in others)
    close = [(-score, name) for score, name in scored if score >= SAME_STORY]
    return min(close)[1] if close else None
