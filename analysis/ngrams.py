"""Hashed n-grams and word families, and linear heads on them: vectorised over a whole batch of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.lexicon import Lexicon, build, expand
from analysis.model_folder import HEADS, OUTPUTS
from analysis.records import LEVELS
from analysis.tension import chance

BITS = 18  # buckets a block = 2**BITS; more did not measure better
CHARACTERS = (2, 3, 4, 5)
FAMILIES = 0.4  # length of the families' block beside the two others; cross-validated over writers among 0.35 to 2
REVIEWS = slice(OUTPUTS, OUTPUTS + HEADS[-1])  # sentiment as the review sets have it; OUTPUTS' own is the labels'
GATE = OUTPUTS + HEADS[-1]  # whether a text is of the kind the labels are of
REACHED = slice(0, HEADS[0])  # the level is asked in three ways: is it k or more,
CLIMBED = slice(GATE + 1, GATE + 1 + HEADS[0])  # is it k or more where it is at least k - 1,
EXACT = slice(CLIMBED.stop, CLIMBED.stop + len(LEVELS))  # and is it just this one
COLUMNS = EXACT.stop
FAINT = 1e-6  # the least chance that a level is given before log-odds are taken
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
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Return the hash of every word, of every word with its next, and the row each word belongs to."""
    begin = np.flatnonzero(~space & np.append(True, space[:-1]))
    if not len(begin):
        return np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64)
    offset = (np.arange(len(points)) - begin[np.searchsorted(begin, np.arange(len(points)), "right") - 1]) % 64
    powers = np.cumprod(np.full(64, _PRIME, np.uint64), dtype=np.uint64)
    words = np.add.reduceat(np.where(space, np.uint64(0), points * powers[offset]), begin)
    return words, words[:-1] * _MIX + words[1:], row[begin]


def lexicon(families: dict[str, list[str]]) -> Lexicon:
    """Return the table that finds these families in normalised texts."""
    expanded = expand(families)
    lines = [" ".join(form) for form in expanded]
    _, points, row, space = _points(lines)
    words, pairs, owner = _word_hashes(points, space, row)
    first = np.searchsorted(owner, np.arange(len(lines)))
    double = np.append(owner[1:] == owner[:-1], False)[first]
    keys = np.where(double, np.append(pairs, np.uint64(0))[first], words[first])
    return build(keys, list(expanded.values()), len(families))


def _points(
    texts: Sequence[str],
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return lengths of the padded texts, their characters end to end, the text of each, and where the blanks are."""
    joined = "".join(f" {text} " for text in texts)
    lengths = np.array([len(text) + 2 for text in texts], np.int64)
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), "<u4").astype(np.uint64)
    return lengths, points, np.repeat(np.arange(len(texts)), lengths), points == _SPACE


def features(texts: Sequence[str], idf: NDArray[np.float32] | None = None, known: Lexicon | None = None) -> Features:
    """Return the features of normalised texts: log counts times `idf`, each block scaled to a length.

    The blocks: words and word pairs, characters, each to length 1; where a lexicon is known its families, to FAMILIES.

    Args:
        texts: n normalised texts.
        idf: (2 * 2**BITS + families,) rarity of each bucket; ones where None.
        known: families of words that are features as well.

    >>> found = features(["adem ayem", ""])
    >>> bool(found.starts[1] > 8), int(found.starts[2] - found.starts[1])
    (True, 0)
    """
    _, points, row, space = _points(texts)
    words, pairs, owner = _word_hashes(points, space, row)
    same = owner[:-1] == owner[1:]
    buckets, rows = [_bucket(words, 0), _bucket(pairs[same], 0)], [owner, owner[:-1][same]]
    for n, found in enumerate(_character_hashes(points, space), start=2):
        last = np.minimum(np.arange(len(points)) + n - 1, len(points) - 1)
        keep = (found >= 0) & (row == row[last])
        buckets.append(found[keep])
        rows.append(row[keep])
    if known is not None:
        families, family_rows = known.features(words, pairs, owner)
        buckets.append(families + (2 << BITS))
        rows.append(family_rows)
    return _count(np.concatenate(buckets), np.concatenate(rows), len(texts), idf)


def _count(buckets: NDArray[np.int64], rows: NDArray[np.int64], n: int, idf: NDArray[np.float32] | None) -> Features:
    width = np.int64(3 << BITS)
    keys, counts = np.unique(rows * width + buckets, return_counts=True)
    owner, index = keys // width, keys % width
    values = (1 + np.log(counts)) * (1 if idf is None else idf[index])
    kind = index >> BITS
    block = owner * 3 + kind
    norm = np.sqrt(np.bincount(block, values**2, minlength=3 * n))
    starts = np.searchsorted(owner, np.arange(n + 1))
    return Features(index, (values / norm[block] * np.array([1, 1, FAMILIES])[kind]).astype(np.float32), starts)


@dataclass(frozen=True, slots=True)
class LinearHeads:
    """Linear heads: int8 weights (buckets, COLUMNS), one scale a head, a bias; idf (buckets,); families of words.

    The columns are the 18 outputs; sentiment as the review sets have it, and the gate between the two; the level asked
    in two more ways.
    """

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    idf: NDArray[np.float32]
    known: Lexicon

    @classmethod
    def load(cls, path: Path) -> LinearHeads:
        """Read the heads from an .npz file without pickles.

        Raises: ModelError where it is of another form.
        """
        with np.load(path, allow_pickle=False) as stored:
            if stored["weights"].shape[1] != COLUMNS or "keys" not in stored:
                raise ModelError(f"{path} has {stored['weights'].shape[1]} heads in place of {COLUMNS}")
            known = Lexicon(stored["keys"], stored["families"], int(stored["size"]))
            return cls(stored["weights"], stored["scale"], stored["bias"], stored["idf"].astype(np.float32), known)

    def save(self, path: Path) -> None:
        """Write the heads as a compressed .npz file."""
        np.savez_compressed(
            path,
            weights=self.weights,
            scale=self.scale,
            bias=self.bias,
            idf=self.idf.astype(np.float16),
            keys=self.known.keys,
            families=self.known.families,
            size=np.array(self.known.size),
        )

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, 18) float32 logits of normalised texts.

        The level is the mean of the log-odds that its three ways of asking give; sentiment is mixed from both its heads
        by the gate.
        """
        found = features(texts, self.idf, self.known)
        out = np.tile(self.bias, (len(texts), 1))
        filled = np.flatnonzero(np.diff(found.starts))
        if len(filled):
            parts = self.weights[found.indices] * found.values[:, None]
            out[filled] += np.add.reduceat(parts, found.starts[filled], axis=0) * self.scale
        ours = chance(2 * out[:, GATE : GATE + 1])
        mood = slice(OUTPUTS - HEADS[-1], OUTPUTS)
        out[:, mood] = ours * out[:, mood] + (1 - ours) * out[:, REVIEWS]
        out[:, REACHED] = (out[:, REACHED] + climbed(out[:, CLIMBED]) + told_apart(out[:, EXACT])) / 3
        return out[:, :OUTPUTS]


def climbed(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (n, 4) log-odds of reaching each level, step by step, from those of each step.

    Source: the continuation-ratio model, Fienberg 1980.

    >>> climbed(np.zeros((1, 4), np.float32)).round(2).tolist()
    [[0.0, -1.100000023841858, -1.9500000476837158, -2.7100000381469727]]
    """
    reached = np.asarray(np.cumprod(chance(steps.astype(np.float64)), axis=1), np.float64)
    return _log_odds(reached)


def told_apart(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (n, 4) log-odds of reaching each level from those of each of the five against all others.

    >>> told_apart(np.zeros((1, 5), np.float32)).round(2).tolist()
    [[1.3899999856948853, 0.4099999964237213, -0.4099999964237213, -1.3899999856948853]]
    """
    chances = chance(levels.astype(np.float64))
    return _log_odds(np.cumsum(chances[:, :0:-1], axis=1)[:, ::-1] / chances.sum(axis=1, keepdims=True))


def _log_odds(chances: NDArray[np.float64]) -> NDArray[np.float32]:
    kept = np.clip(chances, FAINT, 1 - FAINT)
    found: NDArray[np.float32] = np.log(kept / (1 - kept)).astype(np.float32)
    return found
