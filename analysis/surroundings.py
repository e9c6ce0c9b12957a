"""What a text says around each place of the region: the features from which `matter` weighs where its matter lies.

A feature is a short string: "before warga" is a word before a place within its sentence, "1st before di" the one right
before it, "before warga~" a stem; "role=home" and "located=True" are what `cues` read; "out" tells of places outside
the region, "unknown" of names that no gazetteer holds; a word alone stands anywhere in the text. What ends in ",desa"
weighs for a desa alone. Training and locating read the same features.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TypeVar

from analysis import cues
from analysis.mentions import Field, Found, is_outside, words_apart

_T = TypeVar("_T")
DESA, KECAMATAN, REGION = "desa", "kecamatan", "region"  # the three kinds of a place told
WINDOW = 140  # characters before and behind a place that are read
WORDS = 24  # words of these that count, within the sentence
GIST = 900  # characters of a field whose words tell what the text is of
_INSIDE, _OUTSIDE, _OPEN = "\x01", "\x02", "\x03"  # names, as they stand in a masked text
_KNOWN = frozenset({*cues.TRIGGERS, *cues.BESIDE, *cues.NEAR, *cues.TELLING})
_END = re.compile(r"\. ")
_NAME = re.compile(r" ([A-Z][a-z]+)")
_ANNOUNCING = frozenset(
    "di ke dari desa dusun kampung kota kabupaten kecamatan pasar kelurahan pekon kec kab perumahan daerah wilayah "
    "terminal jalan pulau pantai stasiun pelabuhan universitas lapangan rs rsud polsek polres".split()
)
_AFFIXES = re.compile(r"^(?:me(?:ng|ny|m|n|r|l)?|pe(?:ng|ny|m|n|r|l)?|be(?:r|l)?|di|ter|se|ke)(?=\w{3})")
_ENDINGS = re.compile(r"(?<=\w{4})(?:nya|kan|an|i|lah|kah|ku|mu)$")


@dataclass(slots=True)
class Told:
    """A place of the region that a text tells of, or the region as a whole, and what is said around its names."""

    kind: str  # DESA, KECAMATAN or REGION
    code: str
    gist: frozenset[str]  # what the whole text says; the same for all its places
    names: list[Found] = field(default_factory=list)
    said: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Masked:
    """A field in which every name is one character, so that words around a place are not those of other places."""

    text: str
    title: bool
    at: dict[int, int]  # start of a name in the plain text -> in this text
    ends: list[int]  # of sentences
    outside: list[tuple[int, Found]]
    unknown: list[tuple[int, str]]  # names after "di", "desa", … that no gazetteer holds, with that word

    def slot(self, position: int) -> str:
        """Return in what part of the text a position lies: title, first sentence, or later."""
        return "title" if self.title else "later" if self.ends and self.ends[0] < position else "lead"

    def beside(self, position: int) -> tuple[list[tuple[int, Found]], list[tuple[int, str]]]:
        """Return the places outside and the unknown names of the sentence at a position."""
        at = bisect_left(self.ends, position)
        start, end = self.ends[at - 1] if at else 0, self.ends[at] if at < len(self.ends) else len(self.text)
        return _between(self.outside, start, end), _between(self.unknown, start, end)


def _between(marked: list[tuple[int, _T]], start: int, end: int) -> list[tuple[int, _T]]:
    return marked[bisect_left(marked, start, key=itemgetter(0)) : bisect_left(marked, end, key=itemgetter(0))]


def places_told(found: Sequence[Found], fields: Iterable[Field]) -> list[Told]:
    """Return the desa and kecamatan a text names, and the region as a whole, with what is said around them.

    Args:
        found: every name of a text, resolved; those taken for a place of the region are told of.
        fields: title and text as `mentions.read` gives them.

    Returns: nothing where no name lies in the region; else the region last.
    """
    if all(hit.chosen is None or is_outside(hit) for hit in found):
        return []
    masked = {each.name: _mask(each, [hit for hit in found if hit.field == each.name]) for each in fields}
    chains: dict[tuple[str, int], list[Found]] = {}
    for hit in found:
        chains.setdefault((hit.field, hit.chain), []).append(hit)
    gist = _gist(masked.values())
    region, told = Told(REGION, "", gist), dict[str, Told]()
    for (where, _), chain in chains.items():
        inside = [hit for hit in chain if hit.chosen and not is_outside(hit)]
        if not inside:
            continue
        said, parts = _around(chain, inside, masked[where], masked.get("title") if where == "text" else None)
        for hit in inside:
            if hit.chosen and hit.chosen.level != "kabupaten":
                kind = KECAMATAN if hit.chosen.level == "kecamatan" else DESA
                place = told.setdefault(hit.chosen.code, Told(kind, hit.chosen.code, gist))
                place.names.append(hit)
                _say(place, said, parts)
                place.said.add(f"rule={hit.rule.partition(';')[0]}")
        region.names += inside
        _say(region, said, parts)
    places = [*told.values(), region]
    _add_others(places, masked.values())
    return places


def _say(place: Told, said: Iterable[str], parts: Iterable[str]) -> None:
    """Add what is said around a name; its parts weigh otherwise for a desa than for the region."""
    place.said.update(said)
    place.said.update([f"{part},{place.kind}" for part in parts])


def _mask(text: Field, names: Sequence[Found]) -> _Masked:
    parts: list[str] = []
    at: dict[int, int] = {}
    outside: list[tuple[int, Found]] = []
    past = length = 0
    for hit in names:
        length += hit.start - past
        at[hit.start] = length
        if is_outside(hit):
            outside.append((length, hit))
        mark = _OPEN if hit.chosen is None else _OUTSIDE if is_outside(hit) else _INSIDE
        parts += text.cased[past : hit.start], mark
        length += 1
        past = hit.end
    masked = "".join((*parts, text.cased[past:]))
    unknown = [
        (match.start(1), before)
        for match in _NAME.finditer(masked, 0, GIST)
        if (before := _word_before(masked, match.start())) in _ANNOUNCING and match[1].lower() not in _KNOWN
    ]
    ends = [match.start() for match in _END.finditer(masked)]
    return _Masked(masked, text.name == "title", at, ends, outside, unknown)


def _word_before(text: str, end: int) -> str:
    return text[text.rfind(" ", 0, end) + 1 : end].lower().strip(".(\"'")


def _around(
    chain: Sequence[Found], inside: Sequence[Found], here: _Masked, title: _Masked | None
) -> tuple[set[str], set[str]]:
    """Return what is said around the names of one chain, and of it the part they play.

    Args: title: the field that stands before this one, None where there is none.
    """
    start, end = here.at[chain[0].start], here.at[chain[-1].start] + 1
    before = _sentence_before(cues.TOKEN.findall(here.text, max(0, start - WINDOW), start), here.title)
    behind = _sentence_behind(cues.TOKEN.findall(here.text, end, end + WINDOW), here.title)
    slot = here.slot(start)
    said = {f"behind {word}" for word in behind}
    for word in before:
        said.update(_of_word(word))
    said.update([f"{nth} before {word}" for nth, word in zip(("2nd", "3rd"), before[1:3], strict=False)])
    said.update([f"{nth} behind {word}" for nth, word in zip(("1st", "2nd"), behind, strict=False)])
    said.add(f"chain={min(len(chain), 3)}")
    said.add(f"tied to outside={any(map(is_outside, chain))}")
    parts = {f"1st before {before[0] if before else '-'}", f"at={slot}"}
    for hit in inside:
        said.add(f"level={hit.chosen.level if hit.chosen else ''}")
        said.add(f"called={hit.trigger}")
        said.add(f"located={hit.located},{slot}")
        said.add(f"role={hit.role},located={hit.located}")
        parts.add(f"located={hit.located}")
        parts.add(f"role={hit.role}")
    out, unknown = here.beside(start)
    for at, hit in out:
        said.add(f"beside out,{at < start},{hit.role},{hit.located}")
    for at, word in unknown:
        said.add(f"beside unknown,{at < start}")
        said.add(f"beside unknown,{at < start},{word}")
    said.add(f"out before={bool(title and title.outside) or any(at < start for at, _ in here.outside[:1])}")
    said.add(f"unknown before={bool(title and title.unknown) or any(at < start for at, _ in here.unknown[:1])}")
    return said | parts, parts


def _gist(fields: Iterable[_Masked]) -> frozenset[str]:
    """Return what the whole text says: places outside, unknown names, its words."""
    said: set[str] = set()
    for each in fields:
        said.update(words_apart(each.text[:GIST].lower()).split())
        for at, hit in each.outside:
            said.add(f"out,{hit.role},{hit.located}")
            said.add(f"out,{each.slot(at)},{hit.located}")
        for at, word in each.unknown:
            said.add(f"unknown,{each.slot(at)}")
            said.add(f"unknown,{word}")
    return frozenset(said)


def _add_others(places: Sequence[Told], fields: Iterable[_Masked]) -> None:
    """Add to every place what else the text tells of: other places of the region, and outside it."""
    out, unknown = sum(len(each.outside) for each in fields), sum(len(each.unknown) for each in fields)
    parents = [hit.chosen.parent for place in places if place.kind == DESA for hit in place.names[:1] if hit.chosen]
    kecamatan = {place.code for place in places if place.kind == KECAMATAN}
    region = any(hit.chosen and hit.chosen.level == "kabupaten" for hit in places[-1].names)
    for place in places:
        kind = place.kind
        place.said |= {
            f"kind={kind}",
            f"outside={min(out, 3)},{kind}",
            f"unknown={min(unknown, 2)},{kind}",
            f"desa={min(len(parents), 5)},{kind}",
        }
        if kind == DESA and (chosen := place.names[0].chosen):
            place.said |= {
                f"its kecamatan={chosen.parent in kecamatan}",
                f"of its kecamatan={min(parents.count(chosen.parent) - 1, 3)}",
                f"the region={region}",
            }


def _sentence_before(tokens: list[str], title: bool) -> list[str]:
    """Return the words before a place, nearest first, up to the end of the sentence before."""
    found: list[str] = []
    for i in range(len(tokens) - 1, -1, -1):
        if cues.ends_sentence(tokens, i) or len(found) == WORDS:
            break
        found.append(_plain(tokens[i], title or i == 0 or tokens[i - 1] in cues.STOPS))
    return found


def _sentence_behind(tokens: list[str], title: bool) -> list[str]:
    """Return the words behind a place, nearest first, up to the end of its sentence."""
    end = next((i for i, token in enumerate(tokens) if token in cues.STOPS), len(tokens))
    return [_plain(token, title) for token in tokens[: min(end, WORDS)]]


def _plain(token: str, starts: bool) -> str:
    """Return a word as it counts: small, numbers alike, names that no gazetteer holds alike."""
    if token.isdigit():
        return "#"
    small = token.lower()
    return "<Name>" if not starts and len(token) > 2 and token[0].isupper() and small not in _KNOWN else small


@lru_cache(maxsize=50_000)
def _of_word(word: str) -> tuple[str, ...]:
    """Return what a word before a place says: itself, its stem, the part it tells of a place."""
    bare = word.removesuffix("nya")
    told = [
        f"before {name}={role}"
        for name, roles in (("beside", cues.BESIDE), ("near", cues.NEAR), ("telling", cues.TELLING))
        if (role := roles.get(word) or roles.get(bare))
    ]
    return (f"before {word}", f"before {stem(word)}~", *told)


def stem(word: str) -> str:
    """Return a word without the commonest affixes of Indonesian; rough, short words as they are.

    >>> stem("kediamannya"), stem("menangkap"), stem("warga")
    ('diam', 'angkap', 'warga')
    """
    if len(word) < 6:
        return word
    short = _ENDINGS.sub("", _ENDINGS.sub("", word))
    return _AFFIXES.sub("", short)
