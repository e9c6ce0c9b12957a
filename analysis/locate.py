"""Text -> Location: names matched, their context weighed, abstaining where it is not certain."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from analysis import chains, cues
from analysis.gazetteer import Gazetteer, Sense
from analysis.matter import ASIDE, events_of, is_outside, outweighed
from analysis.mentions import Field, Found, Names, read
from analysis.records import Candidate, Location, Mention, PlaceLevel

RULES = "2026-11-25"  # changed with the rules: stories located by others are located anew
DISTINCT = 9  # letters from which a name of the region is no other word, however it is written
OTHER_KECAMATAN = "not a desa of the kecamatan beside it"
_HERE = frozenset({"desa", "kecamatan", "kabupaten", "landmark"})
_DATELINE = re.compile(r"[\s.,]*(?:\([^)]{2,40}\)\s*|[\w. ]{3,25}\s*)?[-|:]")


@dataclass(frozen=True, slots=True)
class _Context:
    """What the whole text says of where it is."""

    region: bool  # the region is named as more than a comparison
    competing: bool  # another kabupaten is named as a place
    kecamatan: frozenset[str]  # of the region, named as places, homes or offices
    landmarks: frozenset[str]  # desa of the landmarks that are named
    denied: frozenset[str]  # kecamatan that are only named as another one
    own_source: bool

    @property
    def about(self) -> bool:
        return self.region or bool(self.kecamatan)


class Locator:
    """Locate texts in one region; build it once, it holds no state between texts."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        self._names = Names(gazetteer)

    def locate(self, text: str, title: str = "", source_region: str | None = None) -> Location:
        """Locate one text with its title.

        Args: source_region: code of the region a source writes about; weak evidence.
        """
        fields = [read(name, content) for name, content in (("title", title), ("text", text)) if content]
        found = [hit for each in fields for hit in self._read(each)]
        if not found:
            return Location(PlaceLevel.NONE, reason="no place of the region is named")
        competing = _speaks_of_another(found)
        self._prefer_desa(found)
        grouped = [list(group) for _, group in groupby(found, key=_chain_key)]
        _name_alike(found, grouped)
        for chain in grouped:
            for hit in chain:
                self._resolve_area(hit, chain, competing)
        _namesakes_alike(grouped)
        context = _context(found, source_region == self.gazetteer.code)
        for chain in grouped:
            for hit in chain:
                self._resolve(hit, chain, context)
        self._settle(found, context)
        return self._decide(found, {each.name: each.plain for each in fields})

    def _read(self, text: Field) -> list[Found]:
        """Find the names of a field; say what each is called, what part it plays, and which belong together."""
        found = self._names.find(text)
        floor = 0
        for hit in found:
            before = cues.words_before(text.plain, hit.start, floor)
            floor = hit.end if hit.capital else floor
            words = list(filter(str.isalnum, before))
            clause = before.index(",") if "," in before else len(before)
            hit.trigger = cues.trigger_of(before) or cues.trigger_after(text.plain, hit.end)
            if hit.trigger == "desa" and "kecamatan" in hit.levels and "desa" not in hit.levels:
                hit.trigger = ""  # "tiga desa Way Khilau"
            hit.role = cues.role_after(text.plain, hit.end) or cues.role_of(words, hit.trigger, clause)
            hit.located = cues.is_located(words)
            if words[:1] == ["ke"] and hit.role == "event" and not hit.levels & _HERE:
                hit.role = "direction"  # goods sent to another place
        chains.link(found, text.plain)
        first = [hit for hit in found if hit.chain == 1 and not hit.trigger]
        if text.name == "text" and first and first[0].start < 25 and _DATELINE.match(text.plain, first[-1].end):
            for hit in first:
                hit.role = "dateline"
        return found

    # -- what a name means ------------------------------------------------------------------------

    def _resolve_area(self, hit: Found, chain: Sequence[Found], competing: bool) -> None:
        """Choose what a name of a kabupaten or kecamatan means; these are the context of the desa."""
        if "kabupaten" in hit.levels:
            _choose(hit, "kabupaten", "name of the region", 0.95)
        elif "elsewhere_kabupaten" in hit.levels and hit.trigger not in ("desa", "kecamatan") and hit.capital:
            _choose_elsewhere(hit, "name of another kabupaten")
        elif chains.region_of(hit, chain) == "elsewhere" and not self._own_chain(hit, chain):
            _choose_elsewhere(hit, "another kabupaten is named with it")
        elif hit.trigger == "kecamatan" or (
            "kecamatan" in hit.levels and hit.trigger != "desa" and (hit.capital or len(hit.name) >= DISTINCT)
        ):
            self._resolve_kecamatan(hit, chain, competing)

    def _prefer_desa(self, found: Sequence[Found]) -> None:
        """Let "Petani K" be of the desa K where the text names the kecamatan of that desa, not the kecamatan K."""
        senses = [(hit, s) for hit in found for s in hit.senses if s.level == "kecamatan"]
        said = {s.code for hit, s in senses if hit.trigger == "kecamatan" or hit.name not in self.gazetteer.risky}
        called = {s.code for hit, s in senses if hit.trigger == "kecamatan" or hit.role == "office"}
        for hit, sense in senses:
            own_desa = {s.parent for s in hit.senses if s.level == "desa"} - {sense.code}
            bare = not hit.trigger and sense.code not in called and hit.role != "office" and hit.capital
            if bare and not own_desa.isdisjoint(said):
                hit.trigger = "desa"

    def _own_chain(self, hit: Found, chain: Sequence[Found]) -> bool:
        """Tell whether the chain names a kecamatan of the region beside the name, nearer than the other kabupaten."""
        parent = chains.parent_of(hit, chain)
        return parent is not None and parent is not hit and chains.region_of(parent, chain) != "elsewhere"

    def _resolve_kecamatan(self, hit: Found, chain: Sequence[Found], competing: bool) -> None:
        if chains.is_desa_before(hit, chain):
            return
        if "kecamatan" not in hit.levels:
            if "elsewhere_kecamatan" in hit.levels:
                _choose_elsewhere(hit, "kecamatan of another kabupaten")
            return
        at = chain.index(hit)
        confirmed = any(chains.fits(other, hit) for other in chain[:at]) or chains.region_of(hit, chain) == "own"
        doubtful = hit.name in self.gazetteer.risky or (competing and any(map(_is_elsewhere, hit.senses)))
        if hit.trigger or hit.role == "office" or confirmed or not doubtful:
            _choose(hit, "kecamatan", "said to be a kecamatan" if hit.trigger else "name of a kecamatan", 0.92)
        else:
            hit.rule = "also a word or a place elsewhere"

    def _resolve(self, hit: Found, chain: Sequence[Found], context: _Context) -> None:
        """Choose what a name of a desa or landmark means, with the rule that decided, or leave it open."""
        if hit.chosen:
            return
        if hit.hamlet and "landmark" not in hit.levels:
            hit.rule = "a hamlet; the desa it lies in counts"
        elif "kecamatan" in hit.levels and hit.trigger != "desa" and not chains.is_desa_before(hit, chain):
            if context.region and not context.competing and hit.capital:
                _choose(hit, "kecamatan", "the text speaks of the region", 0.85)
        elif "desa" in hit.levels:
            self._resolve_desa(hit, chain, context)
        elif "landmark" in hit.levels:
            _choose(hit, "landmark", "landmark of a desa", 0.8)
            hit.role = "implied" if hit.role in ("event", "road", "river") else hit.role
        elif (
            hit.trigger in ("desa", "kecamatan") or "elsewhere_kecamatan" in hit.levels or (hit.capital and hit.located)
        ):
            _choose_elsewhere(hit, "place outside the region")

    def _resolve_desa(self, hit: Found, chain: Sequence[Found], context: _Context) -> None:
        desa = [s for s in hit.senses if s.level == "desa"]
        parent = chains.parent_of(hit, chain)
        if parent is not None and not _is_listed_desa(parent, context):
            codes = {s.code for s in parent.senses if s.level == "kecamatan"}
            fitting = [s for s in desa if s.parent in codes]
            if len(fitting) == 1:
                _take(hit, fitting[0], "its kecamatan stands beside it", 0.97)
            elif codes:
                hit.rule = OTHER_KECAMATAN
            else:
                _choose_elsewhere(hit, "a kecamatan of another kabupaten stands beside it")
            return
        proper = hit.raw.istitle() if " " in hit.raw else hit.located or hit.role in ("resident", "origin")
        distinct = hit.capital or len(hit.name) >= DISTINCT
        if not hit.trigger and (hit.name in self.gazetteer.risky or not distinct):
            fitting = [s for s in desa if s.parent in context.kecamatan]
            if proper and hit.raw[0].isupper() and not hit.raw.isupper() and len(fitting) == 1:
                _take(hit, fitting[0], "a place by its words, its kecamatan is named in the text", 0.85)
            else:
                hit.rule = "a common word without desa before it"
            return
        fitting = [s for s in desa if s.parent in context.kecamatan]
        if len(fitting) == 1:
            _take(hit, fitting[0], "its kecamatan is named in the text", 0.92)
        elif len(desa) > 1:
            near = [s for s in desa if s.code in context.landmarks]
            left = [s for s in desa if s.parent not in context.denied]
            if len(near) == 1:
                _take(hit, near[0], "a landmark of it is named", 0.85)
            elif len(left) == 1:
                _take(hit, left[0], "said not to be the one of the other kecamatan", 0.85)
            else:
                hit.rule = "shared by several desa and nothing decides"
        else:
            self._resolve_unique(hit, desa[0], chain, context)

    def _resolve_unique(self, hit: Found, desa: Sense, chain: Sequence[Found], context: _Context) -> None:
        """Decide on a name of one desa of the region without its kecamatan: it may be a namesake elsewhere."""
        namesake = hit.name in self.gazetteer.namesakes or any(level.startswith("elsewhere") for level in hit.levels)
        sure = 0.06 if hit.trigger else 0.0
        if chains.region_of(hit, chain) == "own":
            _take(hit, desa, "the region stands beside it", 0.9 + sure)
        elif context.competing and not context.about and namesake:
            _choose_elsewhere(hit, "the text speaks of another kabupaten")
        elif context.region and not context.competing:
            _take(hit, desa, "the text speaks of the region", 0.85 + sure)
        elif not namesake:
            _take(hit, desa, "no other place has this name", 0.8 + sure)
        elif context.about and not (namesake and context.competing):
            _take(hit, desa, "the text speaks of a kecamatan of the region", 0.8 + sure)
        elif context.own_source and not context.competing:
            _take(hit, desa, "the source writes about the region", 0.75 + sure)
        else:
            hit.rule = "has namesakes elsewhere and nothing speaks of the region"

    def _settle(self, found: Sequence[Found], context: _Context) -> None:
        """Settle open names by the desa told with them: shared names, common words, two that lie together only here."""
        if not any(map(_is_open, found)):
            return
        sure = [h for h in found if h.chosen and h.chosen.level == "desa" and h.role not in ASIDE]
        told = Counter(code for code in {h.chosen.code: h.chosen.parent for h in sure if h.chosen}.values())
        beside_it = {h.chosen.parent for h in found if h.chosen and h.chosen.level in ("desa", "landmark")}
        together = None if context.competing else _only_common_kecamatan(found)
        for hit in filter(_is_open, found):
            desa = [s for s in hit.senses if s.level == "desa"]
            beside = {h.chosen.parent for h in sure if h.chosen and _chain_key(h) == _chain_key(hit)}
            same = {h.chosen.code for h in found if h.chosen and h.chosen.level == "desa" and h.name == hit.name}
            listed = [s for s in desa if s.parent in beside]
            around = [s for s in desa if told[s.parent] >= 2]
            pair = [s for s in desa if s.parent == together]
            near = [s for s in desa if s.parent in beside_it]
            if not (hit.trigger == "desa" or (hit.capital and any(map(str.islower, hit.raw)) and hit.start > 0)):
                continue
            if len(same) == 1:
                _take(hit, next(s for s in desa if s.code in same), "resolved elsewhere in the text", 0.9)
            elif len(listed) == 1 and len(beside) == 1:
                _take(hit, listed[0], "listed with desa of one kecamatan", 0.85)
            elif len(desa) == 1 and len(around) == 1:
                _take(hit, around[0], "told with other desa of its kecamatan", 0.85)
            elif len(desa) > 1 and len(near) == 1:
                _take(hit, near[0], "told with a desa of its kecamatan", 0.85)
            elif len(pair) == 1:
                _take(hit, pair[0], "named with another desa of its kecamatan", 0.85)

    # -- where the matter takes place -------------------------------------------------------------

    def _decide(self, found: Sequence[Found], plain: dict[str, str]) -> Location:
        events = events_of(found, plain)
        mentions = tuple(_mention(hit) for hit in found)
        inside, outside = [h for h in events if not is_outside(h)], [h for h in events if is_outside(h)]
        desa = _unique(h.chosen.code for h in inside if h.chosen and h.chosen.level in ("desa", "landmark"))
        kecamatan = _unique(
            [*(self.gazetteer.desa[code].kecamatan_code for code in desa),
             *(h.chosen.code for h in inside if h.chosen and h.chosen.level == "kecamatan")]
        )  # fmt: skip
        if desa or kecamatan:
            return self._pinned(inside, desa, kecamatan, mentions)
        if any(h.chosen and h.chosen.level == "kabupaten" for h in inside) and not outweighed(inside, outside):
            return Location(PlaceLevel.KABUPATEN, (), (), (), True, mentions, "the region is named", 0.9)
        if outside:
            return Location(PlaceLevel.ELSEWHERE, mentions=mentions, reason="another place is named", confidence=0.8)
        return Location(PlaceLevel.NONE, mentions=mentions, reason="no name is certain", confidence=0.5)

    def _pinned(
        self, inside: Sequence[Found], desa: list[str], kecamatan: list[str], mentions: tuple[Mention, ...]
    ) -> Location:
        named = {h.chosen.code for h in inside if h.chosen and h.chosen.level == "desa"}
        finest = [h for h in inside if h.chosen and h.chosen.code in (desa or kecamatan)]
        reason = "; ".join(_unique(f"{h.raw}: {h.rule}" for h in finest))
        return Location(
            PlaceLevel.DESA if desa else PlaceLevel.KECAMATAN,
            tuple(desa),
            tuple(code for code in desa if code not in named),
            tuple(kecamatan),
            True,
            mentions,
            reason,
            min(max(h.confidence for h in finest if h.chosen and h.chosen.code == code) for code in desa or kecamatan),
        )


def _is_elsewhere(sense: Sense) -> bool:
    return sense.level.startswith("elsewhere")


def _speaks_of_another(found: Sequence[Found]) -> bool:
    """Tell whether another kabupaten is named and the region is not."""
    names = [hit for hit in found if hit.capital and hit.role not in ("resident", "origin", *ASIDE)]
    return any("elsewhere_kabupaten" in h.levels for h in names) and not any("kabupaten" in h.levels for h in names)


def _chain_key(hit: Found) -> tuple[str, int]:
    return hit.field, hit.chain


def _name_alike(found: Sequence[Found], grouped: Sequence[Sequence[Found]]) -> None:
    """Let a bare name be what the text calls it elsewhere, a desa or a hamlet: "Petani K" beside "Desa K"."""
    for chain in grouped:
        for hit, after in itertools.pairwise(chain):
            hit.hamlet = hit.trigger == "dusun" and "desa" in after.levels | {after.trigger}
    called = {h.name for h in found if h.trigger == "desa"} - {h.name for h in found if h.trigger == "kecamatan"}
    spoken = {_chain_key(h) for h in found if h.trigger == "desa"}
    hamlets = {h.name.removeprefix("dusun ") for h in found if h.hamlet or h.name.startswith("dusun ")} - called
    for hit in found:
        if hit.trigger:
            continue
        if hit.name in hamlets:
            hit.hamlet = True
        elif hit.name in called and hit.capital and hit.role != "office" and _chain_key(hit) not in spoken:
            hit.trigger = "desa"


def _namesakes_alike(grouped: Sequence[Sequence[Found]]) -> None:
    """Let a bare name be the place elsewhere that the text ties it to: "K, Jawa Tengah" makes another "K" one too."""
    tied = {hit.name for chain in grouped if len(chain) > 1 for hit in chain if is_outside(hit)}
    for chain in grouped:
        for hit in chain:
            if not hit.chosen and hit.name in tied and chains.parent_of(hit, chain) is None:
                _choose_elsewhere(hit, "a place elsewhere, as the text says of this name")


def _is_open(hit: Found) -> bool:
    """Tell whether a name may still be taken for a desa."""
    return (
        not hit.chosen
        and "desa" in hit.levels
        and not hit.hamlet
        and hit.role not in ASIDE
        and hit.rule != OTHER_KECAMATAN
    )


def _only_common_kecamatan(found: Sequence[Found]) -> str | None:
    """Return the one kecamatan in which two or more open names are desa, where at least one is called so."""
    parents = {hit.name: {s.parent for s in hit.senses if s.level == "desa"} for hit in filter(_is_open, found)}
    called = any(hit.name in parents and (hit.trigger == "desa" or hit.role in ("resident", "origin")) for hit in found)
    if len(parents) < 2 or not called:
        return None
    shared = [code for code, count in Counter(itertools.chain(*parents.values())).items() if count >= 2]
    return shared[0] if len(shared) == 1 else None


def _is_listed_desa(parent: Found, context: _Context) -> bool:
    """Tell whether a name that could be a kecamatan elsewhere is a desa of a kecamatan that the text names."""
    return (
        not parent.trigger
        and "kecamatan" not in parent.levels
        and any(s.level == "desa" and s.parent in context.kecamatan for s in parent.senses)
    )


def _context(found: Sequence[Found], own_source: bool) -> _Context:
    """Gather what the names of kabupaten, kecamatan and landmarks say of the whole text."""
    said = [hit for hit in found if hit.role not in ("comparison", "person", "ship")]
    area = [hit for hit in said if hit.chosen]
    aside = [hit for hit in found if hit.role == "comparison" and hit.chosen and hit.chosen.level == "kecamatan"]
    kecamatan = frozenset(h.chosen.code for h in area if h.chosen and h.chosen.level == "kecamatan")
    return _Context(
        any(h.chosen.level == "kabupaten" for h in area if h.chosen),
        any(is_outside(hit) and hit.role in ("event", "road", "arrest", "river") for hit in area),
        kecamatan,
        frozenset(s.code for hit in said for s in hit.senses if s.level == "landmark"),
        frozenset(h.chosen.code for h in aside if h.chosen) - kecamatan,
        own_source,
    )


def _take(hit: Found, sense: Sense, rule: str, confidence: float) -> None:
    hit.chosen, hit.rule = sense, rule if not hit.fuzzy else f"{rule}; spelt {hit.raw!r}"
    hit.confidence = confidence - (0.1 if hit.fuzzy else 0.0)


def _choose(hit: Found, level: str, rule: str, confidence: float) -> None:
    _take(hit, next(s for s in hit.senses if s.level == level), rule, confidence)


def _choose_elsewhere(hit: Found, rule: str) -> None:
    other = next((s for s in hit.senses if s.level.startswith("elsewhere")), None)
    _take(hit, other or _unlisted(hit.name), rule, 0.8)


@lru_cache(maxsize=20_000)
def _unlisted(name: str) -> Sense:
    return Sense("elsewhere_desa", "", name)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


_PLACE_LEVEL = {"desa": PlaceLevel.DESA, "landmark": PlaceLevel.DESA, "kecamatan": PlaceLevel.KECAMATAN,
                "kabupaten": PlaceLevel.KABUPATEN}  # fmt: skip


def _mention(hit: Found) -> Mention:
    code = hit.chosen.code or None if hit.chosen else None
    candidates = _candidates(hit.senses, hit.chosen, hit.confidence)
    return Mention(hit.raw, *hit.span, hit.field, candidates, code, hit.rule, hit.role)


@lru_cache(maxsize=20_000)
def _candidates(senses: tuple[Sense, ...], chosen: Sense | None, confidence: float) -> tuple[Candidate, ...]:
    return tuple([_candidate(sense, confidence if sense is chosen else 0.0) for sense in senses])


def _candidate(sense: Sense, confidence: float) -> Candidate:
    name = f"{sense.name}, {sense.kabupaten}" if sense.kabupaten else sense.name
    return Candidate(sense.code, name, _PLACE_LEVEL.get(sense.level, PlaceLevel.ELSEWHERE), confidence)
