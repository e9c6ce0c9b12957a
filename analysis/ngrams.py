"""Hashed word and character n-grams, and linear heads on them: vectorised over a whole batch of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BITS = 18  # buckets a block = 2**BITS; more did not measure better
CHARACTERS = (2, 3, 4, 5)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SPACE = 32


@dataclass(frozen=True, slots=True)
class Features:
    """A sparse batch: row i holds `indices[starts[i]:starts[i + 1]]` with the same slice of `values`."""

    indices: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]


def _bucket(hashes: NDArray[np.uint64], block: int) -> NDArray[np.int64]:
    mixed = (hashes ^ (hashes >> np.uint64(29))) * _MIX
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64) + (block << BITS)


def _character_hashes(points: NDArray[np.uint64], space: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return, for each n, the bucket at every start of an n-gram that stays within one word and its edges."""
    found, rolling, inner = [], points.copy(), np.zeros(len(points), bool)
    for n in range(2, CHARACTERS[-1] + 1):
        rolling = rolling[:-1] * _PRIME + points[n - 1 :]
        # a blank may stand first or last, never between
        inner = space[:-1] & space[1:] if n == 2 else inner[:-1] | space[n - 2 : len(space) - 1]
        buckets = np.where(inner, np.int64(-1), _bucket(rolling + np.uint64(n), 1))
        found.append(np.append(buckets, np.full(n - 1, -1, np.int64))[: len(points)])
    return found


def _word_hashes(
    points: NDArray[np.uint64], space: NDArray[np.bool_], row: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return buckets of words and of neighbouring word pairs, and the row each belongs to."""
    begin = np.flatnonzero(~space & np.append(True, space[:-1]))
    if not len(begin):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    offset = (np.arange(len(points)) - begin[np.searchsorted(begin, np.arange(len(points)), "right") - 1]) % 64
    powers = np.cumprod(np.full(64, _PRIME, np.uint64), dtype=np.uint64)
    hashes = np.add.reduceat(np.where(space, np.uint64(0), points * powers[offset]), begin)
    owner = row[begin]
    pair = (hashes[:-1] * _MIX + hashes[1:])[owner[:-1] == owner[1:]]
    pair_owner = owner[:-1][owner[:-1] == owner[1:]]
    return np.append(_bucket(hashes, 0), _bucket(pair, 0)), np.append(owner, pair_owner)


def features(texts: Sequence[str], idf: NDArray[np.float32] | None = None) -> Features:
    """Return the features of normalised texts: log counts times `idf`, each of the two blocks scaled to length 1.

    Args:
        texts: n normalised texts.
        idf: (2 * 2**BITS,) rarity of each bucket; ones where None.

    >>> found = features(["adem ayem", ""])
    >>> bool(found.starts[1] > 8), int(found.starts[2] - found.starts[1])
    (True, 0)
    """
    joined = "".join(f" {text} " for text in texts)
    lengths = np.array([len(text) + 2 for text in texts], np.int64)
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), "<u4").astype(np.uint64)
    row = np.repeat(np.arange(len(texts)), lengths)
    space = points == _SPACE
    word_buckets, word_rows = _word_hashes(points, space, row)
    buckets = [word_buckets]
    rows = [word_rows]
    for n, found in enumerate(_character_hashes(points, space), start=2):
        last = np.minimum(np.arange(len(points)) + n - 1, len(points) - 1)
        keep = (found >= 0) & (row == row[last])
        buckets.append(found[keep])
        rows.append(row[keep])
    return _count(np.concatenate(buckets), np.concatenate(rows), len(texts), idf)


def _count(buckets: NDArray[np.int64], rows: NDArray[np.int64], n: int, idf: NDArray[np.float32] | None) -> Features:
    width = np.int64(2 << BITS)
    keys, counts = np.unique(rows * width + buckets, return_counts=True)
    owner, index = keys // width, keys % width
    values = (1 + np.log(counts)) * (1 if idf is None else idf[index])
    block = owner * 2 + (index >> BITS)
    norm = np.sqrt(np.bincount(block, values**2, minlength=2 * n))
    starts = np.searchsorted(owner, np.arange(n + 1))
    return Features(index, (values / norm[block]).astype(np.float32), starts)


@dataclass(frozen=True, slots=True)
class LinearHeads:
    """Linear heads on hashed n-grams: int8 weights (buckets, heads), one scale a head, a bias; idf (buckets,)."""

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    idf: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> LinearHeads:
        """Read the heads from an .npz file without pickles."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(stored["weights"], stored["scale"], stored["bias"], stored["idf"].astype(np.float32))

    def save(self, path: Path) -> None:
        """Write the heads as a compressed .npz file."""
        np.savez_compressed(
            path, weights=self.weights, scale=self.scale, bias=self.bias, idf=self.idf.astype(np.float16)
        )

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, heads) float32 logits of normalised texts."""
        found = features(texts, self.idf)
        out = np.tile(self.bias, (len(texts), 1))
        filled = np.flatnonzero(np.diff(found.starts))
        if len(filled):
            parts = self.weights[found.indices] * found.values[:, None]
            out[filled] += np.add.reduceat(parts, found.starts[filled], axis=0) * self.scale
        return out
