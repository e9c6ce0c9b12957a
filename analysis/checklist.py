"""Tests of behaviour: what must not change a score, and which of two texts must score higher.

Source: Ribeiro et al. 2020 (CheckList): invariance and directional expectation tests. The aims are those of the scale:
a swap of who is concerned changes tension by 0.05 on average and 0.20 at most; 90 % of contrasts go the right way.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ConfigError

Tension = Callable[[Sequence[str]], NDArray[np.float64]]  # n texts -> (n,) in [0, 1]
MEAN_AIM, WORST_AIM, RIGHT_AIM = 0.05, 0.20, 0.90

SWAPS = {
    "candidate": ("paslon 01", "paslon 02", "paslon nomor urut 3", "paslon 04"),
    "ethnic": ("Jawa", "Lampung", "Sunda", "Bali", "Batak", "Minang", "Bugis", "Tionghoa"),
    "faith": ("Islam", "Kristen", "Katolik", "Hindu", "Buddha", "Konghucu"),
    "village": ("Sukamaju", "Margodadi", "Tanjung Sari", "Karang Anyar", "Way Kepayang"),
    "institution": ("KPU", "Bawaslu", "Polres", "DPRD", "kecamatan", "dinas pertanian"),
    "gender": ("Pak", "Bu"),
}
_KEYS = dict(zip("qwertyuiopasdfghjkl", "wertyuiopqsdfghjkla", strict=True))  # the key to the right


def mistyped(text: str, seed: int) -> str:
    """Return the text with one slip in a word of five letters or more: two letters swapped, or the key beside one.

    >>> mistyped("Warga menolak hasil hitungan", 1), mistyped("Warga menolak hasil hitungan", 2)
    ('Warga mneolak hasil hitungan', 'Wsrga menolak hasil hitungan')
    """
    words, draw = text.split(" "), random.Random(seed)  # noqa: S311 (a test of spelling)
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    i = draw.choice(long)
    word, at = words[i], draw.randrange(1, len(words[i]) - 2)
    slip = word[at + 1] + word[at] if seed % 2 else _KEYS.get(word[at], word[at]) + word[at + 1]
    words[i] = word[:at] + slip + word[at + 2 :]
    return " ".join(words)


SURFACE: dict[str, Callable[[str, int], str]] = {
    "typo": mistyped,
    "case": lambda text, seed: text.upper() if seed % 2 else text.lower(),
    "emoji": lambda text, seed: f"{text} {('🙏', '😡🔥', '😂😂', '👍')[seed % 4]}",
    "link": lambda text, seed: f"{text} https://contoh.id/berita/{seed * 7919}",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Two texts that should score alike, and how far apart they are."""

    kind: str
    text: str
    other: str
    apart: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two texts of which the first should score higher, and what they score."""

    rule: str
    higher: str
    lower: str
    scores: tuple[float, float] = (0.0, 0.0)

    @property
    def right(self) -> bool:
        """Tell whether the first scores higher."""
        return self.scores[0] > self.scores[1]


def invariance(tension: Tension, sentences: Sequence[tuple[str, str]]) -> list[Change]:
    """Return how far each sentence moves under every swap of its kind and every change of its surface.

    Args: sentences: (kind of SWAPS, text with {} where the swapped words stand).
    """
    pairs = list(_variants(sentences))
    scores = tension([text for _, *both in pairs for text in both])
    return [
        Change(kind, text, other, abs(float(scores[2 * i] - scores[2 * i + 1])))
        for i, (kind, text, other) in enumerate(pairs)
    ]


def _variants(sentences: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for number, (kind, frame) in enumerate(sentences):
        first, *others = (frame.replace("{}", words) for words in SWAPS[kind])
        yield from ((kind, first, other) for other in others)
        yield from ((name, first, change(first, number)) for name, change in SURFACE.items())


def directions(tension: Tension, contrasts: Sequence[Contrast]) -> list[Contrast]:
    """Return the contrasts with their scores."""
    scores = tension([text for each in contrasts for text in (each.higher, each.lower)]).tolist()
    return [
        Contrast(each.rule, each.higher, each.lower, (scores[2 * i], scores[2 * i + 1]))
        for i, each in enumerate(contrasts)
    ]


def summary(changes: Sequence[Change], contrasts: Sequence[Contrast]) -> dict[str, float]:
    """Return the mean change of the kind that moves most, the worst change, and the share of contrasts gone right."""
    return {
        "mean_change": max(mean for mean, _, _ in by_kind(changes).values()),
        "worst_change": round(max(change.apart for change in changes), 4),
        "right_direction": round(float(np.mean([contrast.right for contrast in contrasts])), 4),
    }


def by_kind(changes: Sequence[Change]) -> dict[str, tuple[float, float, int]]:
    """Return mean change, worst change and number of pairs of each kind."""
    kinds = dict.fromkeys(change.kind for change in changes)
    apart = {kind: [change.apart for change in changes if change.kind == kind] for kind in kinds}
    return {kind: (round(float(np.mean(v)), 4), round(max(v), 4), len(v)) for kind, v in apart.items()}


def by_rule(contrasts: Sequence[Contrast]) -> dict[str, tuple[float, int]]:
    """Return the share gone right and the number of pairs of each rule."""
    rules = dict.fromkeys(contrast.rule for contrast in contrasts)
    right = {rule: [contrast.right for contrast in contrasts if contrast.rule == rule] for rule in rules}
    return {rule: (round(float(np.mean(v)), 4), len(v)) for rule, v in right.items()}


def read_sentences(path: Path) -> list[tuple[str, str]]:
    """Return (kind, text) of a JSON-lines file.

    Raises: ConfigError naming the line that cannot be read.
    """
    found = [(row["kind"], row["text"]) for row in _rows(path, ("kind", "text"))]
    for number, (kind, text) in enumerate(found, 1):
        if kind not in SWAPS or text.count("{}") != 1:
            raise ConfigError("labels", f"{path.name}, line {number}: kind of {', '.join(SWAPS)} and one {{}} wanted")
    return found


def read_contrasts(path: Path) -> list[Contrast]:
    """Return the pairs of a JSON-lines file.

    Raises: ConfigError naming the line that cannot be read.
    """
    rows = _rows(path, ("rule", "higher", "lower"))
    return [Contrast(row["rule"], row["higher"], row["lower"]) for row in rows]


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            yield {name: str(row[name]) for name in wanted}
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError("labels", f"{path.name}, line {number}: {error!r}") from error
