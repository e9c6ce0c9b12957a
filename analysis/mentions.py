"""Names found in a text: whole words, longest first, with offsets that lead back to the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import ahocorasick
from rapidfuzz.distance import DamerauLevenshtein

from analysis.gazetteer import Gazetteer, Sense

DISTINCT = 9  # letters from which a name is no other word, however it is written
FUZZY_LENGTH = 7  # shorter names lie too close to other words
_IGNORED = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff")
_SIGNS = {"\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "}
_SIGNS |= {"\u00e9": "e", "\u00c9": "E", "\u00e8": "e", "\u00c8": "E"}  # as Javanese and Sundanese are written: "désa"
_ODD = re.compile(  # what changes a text's length or form
    "[" + "".join(_IGNORED) + "\ufb00-\ufb06\uff01-\uff5e\u2000-\u200a\u3000]"
)
_SPACES = bytes(i if chr(i).isalnum() and i < 128 else 32 for i in range(256))
_TEASER = re.compile(
    r"(?:baca|simak|lihat) (?:juga|pula)[^\n.]*"
    r"|(?:baca|berita terkait|berita lain(?:nya)?|artikel lain(?:nya)?|terkini|terpopuler)\s*:[^\n.]*"
)
_TEASING = [f"{verb} {too}" for verb in ("baca", "simak", "lihat") for too in ("juga", "pula")] + (
    "baca,berita terkait,berita lain,berita lainnya,artikel lain,artikel lainnya,terkini,terpopuler".split(",")
)
_NAME = re.compile(r" (?:(?<=[^\W\d_] )|(?<=[^\W\d_][,\"'] ))[\"'(]?[A-Z][a-z]")  # a capital within a sentence
_TWO_WORDS = re.compile(r"(\w+)(?: (\w+)(?: \w+)?)?")
_BEFORE = re.compile(r" (?P<two>(?:\w+ )?(?P<one>\w+)) +(?:kec(?:amatan)? +)?$")
_ANNOUNCING = "desa ds dsa kampung kp pekon kelurahan kel kecamatan kec kabupaten kab kota".split()
_PLACE_FOLLOWS, _TEASER_FOLLOWS = "a place follows", "a teaser follows"
OWN = frozenset({"desa", "kecamatan", "kabupaten", "landmark"})
_KABUPATEN = ("ten", "kab", "ota")  # how kabupaten, kab and kota end
_KECAMATAN = ("tan", "kec")
_Match = tuple[int, int, str, tuple[Sense, ...], frozenset[str], bool]  # start, end, name, senses, levels, misspelt


@dataclass(slots=True, eq=False)
class Found:
    """One name in one field: where it stands, what it may mean, and (filled in by `locate`) what it was taken for."""

    field: str
    start: int  # in the plain text
    end: int
    span: tuple[int, int]  # in the original
    raw: str
    name: str
    senses: tuple[Sense, ...]
    capital: bool
    fuzzy: bool = False
    trigger: str = ""  # desa, kecamatan, kabupaten, dusun: what the words before it call it
    role: str = "event"
    levels: frozenset[str] = frozenset()
    located: bool = False  # "in", "to": something is or happens there
    chain: int = -1  # names that say one place together share a number
    listed: bool = False  # side by side with the name before it: "A dan B"
    bracketed: bool = False  # between brackets behind the name before it: "A (K)"
    hamlet: bool = False  # a part of the desa that is named with it
    chosen: Sense | None = None
    rule: str = "not decided"
    confidence: float = 0.0


def is_outside(hit: Found) -> bool:
    """Tell whether a name was taken for a place outside the region."""
    return hit.chosen is not None and hit.chosen.level[0] == "e"  # elsewhere_*; asked often


@dataclass(slots=True)
class Field:
    """A text as it is read: lower case, plain punctuation; `at` leads back to the original."""

    name: str
    original: str
    plain: str
    cased: str  # the same with its capitals
    at: Sequence[int]
    teasers: list[tuple[int, int]] = field(default_factory=list)


class Names:
    """Every name of a gazetteer as one automaton; built once, it holds no state between texts."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._automaton = ahocorasick.Automaton()
        for name, senses in gazetteer.senses.items():
            levels = frozenset(sense.level for sense in senses)
            self._automaton.add_word(f" {name} ", (len(name), name, tuple(senses), levels))
        for kind, words in ((_PLACE_FOLLOWS, _ANNOUNCING), (_TEASER_FOLLOWS, _TEASING)):
            for word in words:
                if word not in gazetteer.senses:
                    self._automaton.add_word(f" {word} ", kind)
        self._automaton.make_automaton()
        self._senses = gazetteer.senses
        self._by_half: dict[str, list[str]] = {}
        for name, senses in gazetteer.senses.items():
            if len(name) >= FUZZY_LENGTH and OWN & {sense.level for sense in senses}:
                for size in {(len(name) - 2) // 2, (len(name) - 1) // 2, len(name) // 2}:
                    for half in _halves(name, size):
                        self._by_half.setdefault(half, []).append(name)
        self._elsewhere = gazetteer.namesakes

    def find(self, text: Field) -> list[Found]:
        """Return the longest names that stand as whole words, outside teasers, and misspelt ones after "desa"."""
        matches: list[_Match] = []
        announced: list[int] = []
        teasing = False
        padded = f" {words_apart(text.plain)} "
        for end, entry in self._automaton.iter(padded):
            if entry is _PLACE_FOLLOWS:
                announced.append(end)
            elif entry is _TEASER_FOLLOWS:
                teasing = True
            else:
                matches.append((end - 1 - entry[0], end - 1, *entry[1:], False))
        if not (matches or announced):
            return []
        lower = _writes_small(text.original)
        if announced:
            known = {match[0] for match in matches if not match[4].isdisjoint(OWN)}
            matches += self._unknown(text, padded, announced, known, lower)
        if any("kecamatan" in match[4] for match in matches):
            matches += self._before_kecamatan(padded, matches)
        if not matches:
            return []
        if teasing:
            text.teasers = [match.span() for match in _TEASER.finditer(text.plain)]
        matches.sort(key=lambda m: (m[0], -m[1]))
        found: list[Found] = []
        past = 0
        for start, end, name, senses, levels, fuzzy in matches:
            if start < past or (teasing and any(a <= start < b for a, b in text.teasers)):
                continue
            past = end
            first = text.at[start]
            capital = lower or text.original[first].isupper()
            if not capital and len(name) < DISTINCT and levels.isdisjoint(OWN):
                continue  # a word, in a text that writes names with capitals
            span = (first, text.at[end - 1] + 1)
            raw = text.original[first : span[1]]
            found.append(Found(text.name, start, end, span, raw, name, senses, capital, fuzzy, levels=levels))
        return found

    def _unknown(
        self, text: Field, padded: str, announced: Sequence[int], exact: set[int], lower: bool
    ) -> list[_Match]:
        """Read unknown names: after "desa" perhaps misspelt ones, after "kabupaten" or "kecamatan" places elsewhere."""
        found: list[_Match] = []
        for at in announced:
            if at in exact or at >= len(text.at) or not (lower or text.original[text.at[at]].isupper()):
                continue
            match = _TWO_WORDS.match(padded, at + 1)
            if match is None:
                continue
            announcing, word = padded[at - 3 : at], match.group(1)
            if announcing in _KABUPATEN and not lower:
                found.append(_elsewhere(at, word, Sense("elsewhere_kabupaten", "", word, word)))
            elif hit := self._misspelt(at, match.group(), f"{word} {match.group(2)}", word):
                found.append(hit)
            elif announcing in _KECAMATAN and not lower and text.name == "text" and _is_whole(word):
                found.append(_elsewhere(at, word, Sense("elsewhere_kecamatan", "", word)))
        return found

    def _before_kecamatan(self, padded: str, matches: Sequence[_Match]) -> list[_Match]:
        """Read unknown words right before a kecamatan as a misspelt desa of it: "tmbangan padang cermin"."""
        found: list[_Match] = []
        for start, _, _, senses, levels, _ in matches:
            before = _BEFORE.search(padded, max(0, start - 40), start + 1) if "kecamatan" in levels else None
            if before is None:
                continue
            parents = {sense.code for sense in senses if sense.level == "kecamatan"}
            for words in filter(None, (before.group("two"), before.group("one"))):
                at = before.end("one") - len(words) - 1
                if (name := self._nearest(words, parents)) and not any(
                    at < m[1] and m[0] < at + len(words) for m in matches
                ):
                    own = tuple(sense for sense in self._senses[name] if sense.parent in parents)
                    found.append((at, at + len(words), name, own, frozenset(sense.level for sense in own), True))
                    break
        return found

    def _misspelt(self, at: int, *written: str) -> _Match | None:
        """Take a word, or two, for the name one edit away; never where it is another known name."""
        for words in written:
            if name := self._nearest(words):
                senses = tuple(self._senses[name])
                return at, at + len(words), name, senses, frozenset(sense.level for sense in senses), True
        return None

    def _nearest(self, written: str, parents: Set[str] = frozenset()) -> str:
        """Return the one name a single edit away, of a desa in `parents` where they are given; "" where none is."""
        if len(written) < FUZZY_LENGTH or written in self._senses or written in self._elsewhere:
            return ""
        alike = [name for half in _halves(written, (len(written) - 1) // 2) for name in self._by_half.get(half, ())]
        near = [name for name in alike if DamerauLevenshtein.distance(written, name, score_cutoff=1) <= 1]
        if parents:
            near = [name for name in near if any(sense.parent in parents for sense in self._senses[name])]
        places = {tuple(sense.code for sense in self._senses[name]) for name in near}
        return near[0] if len(places) == 1 else ""


def _writes_small(text: str) -> bool:
    """Tell whether a text writes names small too: it has not two capitals within its sentences."""
    first = _NAME.search(text, 0, 1000)
    return first is None or _NAME.search(text, first.end(), 1000) is None


def _is_whole(word: str) -> bool:
    """Tell whether a word may be the name of a kecamatan: no short form, no announcement of another name."""
    return len(word) > 4 and word not in _ANNOUNCING


def _elsewhere(at: int, word: str, sense: Sense) -> _Match:
    return at, at + len(word), word, (sense,), frozenset({sense.level}), False


def _halves(name: str, size: int) -> tuple[str, str]:
    """Return how a name begins and how it ends: one edit leaves one of them as it is, where they do not overlap.

    >>> _halves("bagelen", 3)
    ('bag-', '-len')
    """
    return f"{name[:size]}-", f"-{name[-size:]}"


def words_apart(plain: str) -> str:
    """Return a text of the same length in which all that is no ASCII letter or digit is a space."""
    return plain.encode("ascii", "replace").translate(_SPACES).decode("ascii")


def read(name: str, text: str) -> Field:
    """Prepare a text: lower case, dashes made plain, invisible characters left out.

    Returns: a field whose `at[i]` is the position in `text` of the i-th plain character.
    """
    plain = text
    if not text.isascii():
        for sign, simple in _SIGNS.items():
            plain = plain.replace(sign, simple)
        if not plain.isascii() and _ODD.search(plain):
            return _read_slowly(name, text)
    cased, plain = plain, plain.lower()
    if len(plain) != len(text) or "  " in plain or "\t" in plain or "\r" in plain or "\v" in plain:
        return _read_slowly(name, text)
    return Field(name, text, plain, cased, range(len(plain)))


def _read_slowly(name: str, text: str) -> Field:
    """As `read`, a character at a time: runs of spaces become one, ligatures and full-width letters simple ones."""
    characters: list[str] = []
    at: list[int] = []
    for position, character in enumerate(text):
        if character in _IGNORED:
            continue
        folded = _SIGNS.get(character, "").lower() or unicodedata.normalize("NFKC", character).casefold()
        if character.isspace():
            if characters and characters[-1] == " " and character != "\n":
                continue
            folded = "\n" if character == "\n" else " "
        characters += folded
        at += [position] * len(folded)
    cased = [small.upper()[0] if text[i].isupper() else small for small, i in zip(characters, at, strict=True)]
    return Field(name, text, "".join(characters), "".join(cased), at)
