"""Text -> Location: names matched, their context weighed, abstaining where it is not certain."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache

from analysis import chains, cues, gazetteer, matter, mentions, resolve, surroundings, whole_text
from analysis.fingerprint import fingerprint
from analysis.gazetteer import Gazetteer, Sense
from analysis.matter import Weighed, Weights
from analysis.mentions import OWN, Field, Found, Names, is_outside, read
from analysis.records import Candidate, Location, Mention, PlaceLevel, Reason
from analysis.resolve import Resolver
from analysis.surroundings import DESA, KECAMATAN, REGION, Told, places_told
from analysis.whole_text import take

_OPEN = "no name is certain"


def rules() -> bytes:
    """Return a hash of the rules and weights: stories located by others are located anew."""
    modules = (gazetteer, mentions, cues, chains, whole_text, resolve, surroundings, matter, sys.modules[__name__])
    return hashlib.blake2b(fingerprint(*modules) + matter.FILE.read_bytes(), digest_size=16).digest()


class Locator:
    """Locate texts in one region; build it once, it holds no state between texts."""

    def __init__(self, gazetteer: Gazetteer, weights: Weights | None = None) -> None:
        """Build the automaton of names; `weights` are those of data/place_weights.json where none are given."""
        self.gazetteer = gazetteer
        self._names = Names(gazetteer)
        self._resolver = Resolver(gazetteer)
        self._weights = weights or Weights.load()

    def locate(self, text: str, title: str = "", source_region: str | None = None) -> Location:
        """Locate one text with its title.

        Args: source_region: code of the region a source writes about; weak evidence.
        """
        fields = _fields(title, text)
        names = [self._names.find(each) for each in fields]
        if not any(self._may_be_here(hit, each) for each, hits in zip(fields, names, strict=True) for hit in hits):
            return self._outside(names, fields)
        return self._decide(self._resolver.resolve(fields, names, source_region), fields)

    def places(self, text: str, title: str = "") -> list[Told]:
        """Return the places of the region a text tells of, with what it says around them."""
        fields = _fields(title, text)
        return places_told(self._resolver.resolve(fields, [self._names.find(each) for each in fields]), fields)

    def reasons(self, text: str, title: str = "") -> list[Reason]:
        """Return each place of the region a text tells of, with its chance and what weighed most, the region last."""
        places = self.places(text, title)
        if not places:
            return []
        weighed = self._weights.weigh(places)
        return [
            Reason(place.code, self._name(place.code), weighed.of(place.code), tuple(self._weights.reasons(place)))
            for place in places
        ]

    def _name(self, code: str) -> str:
        place = self.gazetteer.desa.get(code) or self.gazetteer.kecamatan.get(code)
        return place.name if place else self.gazetteer.name

    def _may_be_here(self, hit: Found, text: Field) -> bool:
        """Tell whether a name may mean a place of the region: one that is a word, written small, needs a "desa"."""
        if hit.levels.isdisjoint(OWN):
            return False
        if hit.capital or hit.name not in self.gazetteer.risky:
            return True
        return bool(cues.trigger_of(cues.words_before(text.plain, hit.start)))

    def _outside(self, names: Sequence[Sequence[Found]], fields: Sequence[Field]) -> Location:
        """Say that a text names no place of the region: there is nothing to weigh."""
        words = self.gazetteer.words
        found = [
            hit
            for field, hits in zip(fields, names, strict=True)
            for hit in hits
            if hit.levels.isdisjoint(OWN)
            if hit.name not in words or cues.is_located(cues.words_before(field.plain, hit.start))
        ]
        for hit in found:
            take(hit, hit.senses[0], "place outside the region", 0.8)
        reason = "only other places are named" if found else "no place of the region is named"
        level = PlaceLevel.ELSEWHERE if found else PlaceLevel.NONE
        return Location(level, mentions=tuple(map(_mention, found)), reason=reason, confidence=0.8 if found else 0.0)

    def _decide(self, found: Sequence[Found], fields: Sequence[Field]) -> Location:
        places = places_told(found, fields)
        outside = any(map(is_outside, found))
        if not places:
            level, reason = (PlaceLevel.ELSEWHERE, "another place is named") if outside else (PlaceLevel.NONE, _OPEN)
            confidence = 0.8 if outside else 0.5
            return Location(level, mentions=tuple(map(_mention, found)), reason=reason, confidence=confidence)
        weighed = self._weights.weigh(places)
        mentions = tuple(_mention(hit, weighed) for hit in found)
        if not weighed.is_about:
            level = PlaceLevel.ELSEWHERE if outside else PlaceLevel.NONE
            said = _unique(hit.raw for hit in places[-1].names)
            reason = f"not where the matter lies, by the words around: {', '.join(said)}"
            return Location(level, mentions=mentions, reason=reason, confidence=1 - weighed.about)
        pinned = [place for place in places if place.kind != REGION and weighed.pins(place.code)]
        desa = [place.code for place in pinned if place.kind == DESA]
        parents = [self.gazetteer.desa[code].kecamatan_code for code in desa]
        kecamatan = _unique([*parents, *(place.code for place in pinned if place.kind == KECAMATAN)])
        if not kecamatan:
            reason = "the matter lies in the region, by the words around its names"
            return Location(PlaceLevel.KABUPATEN, (), (), (), True, mentions, reason, weighed.about)
        finest = [place for place in pinned if place.kind == (DESA if desa else KECAMATAN)]
        return Location(
            PlaceLevel.DESA if desa else PlaceLevel.KECAMATAN,
            tuple(desa),
            tuple(place.code for place in finest if desa and _is_implied(place)),
            tuple(kecamatan),
            True,
            mentions,
            "; ".join(_unique(f"{hit.raw}: {hit.rule}" for place in finest for hit in place.names)),
            min(min(weighed.of(place.code), max(hit.confidence for hit in place.names)) for place in finest),
        )


def _is_implied(place: Told) -> bool:
    """Tell whether a desa is only reached through a landmark."""
    return all(hit.chosen and hit.chosen.level == "landmark" for hit in place.names)


def _fields(title: str, text: str) -> list[Field]:
    return [read(name, content) for name, content in (("title", title), ("text", text)) if content]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


_PLACE_LEVEL = {"desa": PlaceLevel.DESA, "landmark": PlaceLevel.DESA, "kecamatan": PlaceLevel.KECAMATAN,
                "kabupaten": PlaceLevel.KABUPATEN}  # fmt: skip


def _mention(hit: Found, weighed: Weighed | None = None) -> Mention:
    code = hit.chosen.code or None if hit.chosen else None
    candidates = _candidates(hit.senses, hit.chosen, hit.confidence)
    chance = weighed.of(code) if weighed and code else None
    return Mention(hit.raw, *hit.span, hit.field, candidates, code, hit.rule, hit.role, chance)


@lru_cache(maxsize=20_000)
def _candidates(senses: tuple[Sense, ...], chosen: Sense | None, confidence: float) -> tuple[Candidate, ...]:
    return tuple([_candidate(sense, confidence if sense is chosen else 0.0) for sense in senses])


def _candidate(sense: Sense, confidence: float) -> Candidate:
    name = f"{sense.name}, {sense.kabupaten}" if sense.kabupaten else sense.name
    return Candidate(sense.code, name, _PLACE_LEVEL.get(sense.level, PlaceLevel.ELSEWHERE), confidence)
