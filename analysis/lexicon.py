"""Families of words (data/lexicon.txt) as a table of hashed word forms, so that unseen words still say something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ConfigError
from analysis.normalise import normalise

FILE = Path(__file__).parent.parent / "data" / "lexicon.txt"
ROOT = 4  # letters from which a word takes affixes
NEAR = 5  # words within which two families are told as a pair
NONE = 255
_MANY = 3  # families of one form that are kept
_PREFIXES = ("", "di", "ter", "ber", "ke", "se", "nge", "ku", "pe")
_SUFFIXES = (
    "",
    "kan",
    "i",
    "an",
    "in",
    "nya",
    "lah",
    "annya",
    "kannya",
    "inya",
    "e",
    "ne",
    "ake",
    "keun",
    "na",
    "mu",
    "ku",
)
_NASAL = {"p": "m", "t": "n", "k": "ng", "s": "ny", "c": "nc", "b": "mb", "d": "nd", "j": "nj", "g": "ngg", "r": "r",
          "l": "l", "m": "m", "n": "n", "w": "w", "y": "y", **{vowel: f"ng{vowel}" for vowel in "aiueo"}}  # fmt: skip
_DROPS = "ptks"


def forms(word: str) -> Iterator[str]:
    """Yield a word with the affixes of Indonesian, its slang, Javanese and Sundanese.

    >>> found = set(forms("pukul"))
    >>> {"memukuli", "dipukul", "pemukulan", "mukul", "dipukuli", "pukul-pukul"} <= found
    True
    """
    stems = [prefix + word for prefix in _PREFIXES]
    first = _NASAL.get(word[0])
    if first is not None:
        rest = word[1:] if word[0] in _DROPS or len(first) > 1 or first == word[0] else word
        for nasal in ("me", "pe", ""):
            stems.append(nasal + first + rest)
    for stem, suffix in product(dict.fromkeys(stems), _SUFFIXES):
        yield stem + suffix
    yield f"{word}-{word}"
    yield f"{word}-{word}an"
    yield f"ber{word}-{word}an"


def read_families(file: Path = FILE) -> dict[str, list[str]]:
    """Return the words and pairs of each family, in the file's order.

    Raises: ConfigError naming the line that belongs to no family.
    """
    found: dict[str, list[str]] = {}
    words: list[str] | None = None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            name, colon, line = line.partition(":")
            if not colon or not name.isidentifier():
                raise ConfigError("lexicon", f"{file.name}, line {number}: no family")
            words = found.setdefault(name, [])
        if words is None:
            raise ConfigError("lexicon", f"{file.name}, line {number}: no family")
        words += line.split()
    return found


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Sorted hashes of words and word pairs (n,), and up to three families of each (n, 3), NONE where fewer."""

    keys: NDArray[np.uint64]
    families: NDArray[np.uint8]
    size: int

    @property
    def width(self) -> int:
        """Return the number of features: each family, and each ordered pair of families."""
        return self.size * (self.size + 1)

    def features(
        self, words: NDArray[np.uint64], pairs: NDArray[np.uint64], owner: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the features found and the text each belongs to.

        Args:
            words: (n,) hashes of the words of all texts, in order.
            pairs: (n - 1,) hashes of each word with the next.
            owner: (n,) the text of each word.
        """
        at, family = self._events(words, pairs, owner)
        found, rows = [family], [owner[at]]
        for lag in range(1, NEAR + 1):
            apart = at[lag:] - at[:-lag]
            near = (apart > 0) & (apart <= NEAR) & (owner[at[lag:]] == owner[at[:-lag]])
            found.append((self.size + family[:-lag] * self.size + family[lag:])[near])
            rows.append(owner[at[:-lag]][near])
        return np.concatenate(found), np.concatenate(rows)

    def _events(
        self, words: NDArray[np.uint64], pairs: NDArray[np.uint64], owner: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return position and family of all that matched, by position."""
        ats, families = [], []
        for hashes in (words, pairs):
            place = np.minimum(np.searchsorted(self.keys, hashes), len(self.keys) - 1)
            hit = np.flatnonzero(self.keys[place] == hashes)
            if hashes is pairs:
                hit = hit[owner[hit] == owner[hit + 1]]
            for column in self.families[place[hit]].T:
                ats.append(hit[column != NONE])
                families.append(column[column != NONE].astype(np.int64))
        at, family = np.concatenate(ats), np.concatenate(families)
        order = np.lexsort((family, at))
        return at[order], family[order]


def expand(families: dict[str, list[str]]) -> dict[tuple[str, ...], list[int]]:
    """Return the families of every form, normalised as texts are; what is listed wins over what affixes make."""
    listed: dict[tuple[str, ...], list[int]] = {}
    made: dict[tuple[str, ...], list[int]] = {}
    for number, words in enumerate(families.values()):
        for word in words:
            parts = tuple(normalise(word.lstrip("=").replace("_", " ")).split())
            if len(parts) in (1, 2) and number not in listed.setdefault(parts, []):
                listed[parts].append(number)
            if len(word) < ROOT or not word.isalpha():
                continue
            for form in forms(word):
                key = (form,)
                if number not in made.setdefault(key, []):
                    made[key].append(number)
    return made | listed


def build(keys: NDArray[np.uint64], families: Sequence[Sequence[int]], size: int) -> Lexicon:
    """Return the table of hashed forms with the families of each."""
    order = np.argsort(keys, kind="stable")
    table = np.full((len(keys), _MANY), NONE, np.uint8)
    for row, which in enumerate(order):
        chosen = families[which][:_MANY]
        table[row, : len(chosen)] = chosen
    return Lexicon(keys[order], table, size)
