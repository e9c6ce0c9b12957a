"""Which posts of a whole network may be about the region: those that hold a name which means it and little else.

What is not named so is let pass unread: nobody's post is stored for a word that is common elsewhere.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import ahocorasick

_SHORTEST = 5  # letters; "Psw" is half of everything
_NO_WORD = re.compile(r"[\W_]+")


class Words:
    """Names to be found in posts, as words of their own or run together as hashtags are."""

    def __init__(self, names: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for name in names:
            if plain := _plain(name):
                for form in (plain, f" {plain.replace(' ', '')} "):
                    self._automaton.add_word(form, True)
        if len(self._automaton):
            self._automaton.make_automaton()

    def found_in(self, text: str) -> bool:
        """Tell whether a text holds one of the names.

        >>> words = Words(["Gedong Tataan"])
        >>> [words.found_in(text) for text in ("di Gedong-Tataan!", "#GedongTataan damai", "gedong tataannya")]
        [True, True, False]
        """
        return bool(len(self._automaton)) and next(self._automaton.iter(_plain(text)), None) is not None


def region_words(folder: Path, more: Iterable[str] = ()) -> Words:
    """Return the names of a region that mean it alone, and `more`.

    The region's own name and its longer aliases; kecamatan, and desa of two words or more, that no other place bears
    (namesakes.csv). A folder without these files adds no name.
    """
    return Words([*more, *_region_names(folder)])


def _region_names(folder: Path) -> Iterator[str]:
    if (folder / "region.toml").is_file():
        facts = tomllib.loads((folder / "region.toml").read_text(encoding="utf-8"))
        yield from (name for name in (facts["name"], *facts.get("aliases", ())) if len(name) >= _SHORTEST)
    borne = {row["name"].casefold() for row in _rows(folder / "namesakes.csv")}
    for file, column, fewest in (("kecamatan.csv", "kecamatan", 1), ("desa.csv", "name", 2)):
        for row in _rows(folder / file):
            names = [row[column], *(each.strip() for each in (row.get("alt_names") or "").split(";"))]
            if len(row[column].split()) >= fewest and not borne & {name.casefold() for name in names}:
                yield from (name for name in names if len(name) >= _SHORTEST)


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with open(file, encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _plain(text: str) -> str:
    """Return small letters and digits between single spaces, one at each end; "" for none."""
    words = _NO_WORD.sub(" ", text.casefold()).strip()
    return f" {words} " if words else ""
