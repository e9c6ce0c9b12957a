"""What each name of a text means, by rules: the desa beside its kecamatan, a namesake elsewhere, or left open."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby

from analysis import chains, cues
from analysis.cues import ASIDE, PEOPLE
from analysis.gazetteer import Gazetteer, Sense
from analysis.mentions import OWN, Field, Found
from analysis.whole_text import (
    OTHER_KECAMATAN,
    Context,
    chain_key,
    choose,
    choose_elsewhere,
    context_of,
    is_elsewhere,
    is_listed_desa,
    is_open,
    is_shared,
    name_alike,
    namesakes_alike,
    only_common_kecamatan,
    speaks_of_another,
    take,
)

_DATELINE = re.compile(r"[\s.,]*[-|:]|[\s.,]*(?:\([^)]{2,40}\)|[\w. ]{3,25})\s*[-|:](?!\w)")


class Resolver:
    """The rules of one region; it holds no state between texts."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer

    def resolve(
        self, fields: Sequence[Field], names: Sequence[list[Found]], source_region: str | None = None
    ) -> list[Found]:
        """Return the names of all fields, in order, each taken for one place or left open.

        Args: names: what `Names.find` gave of each field. source_region: as `Locator.locate` takes it.
        """
        found = [hit for each in zip(fields, names, strict=True) for hit in self._read(*each)]
        competing = speaks_of_another(found)
        self._prefer_desa(found)
        grouped = [list(group) for _, group in groupby(found, key=chain_key)]
        name_alike(found, grouped)
        for chain in grouped:
            for hit in chain:
                self._resolve_area(hit, chain, competing)
        namesakes_alike(grouped)
        context = context_of(found, source_region == self.gazetteer.code)
        for chain in grouped:
            for hit in chain:
                self._resolve(hit, chain, context)
        self._settle(found, context)
        return found

    def _read(self, text: Field, found: list[Found]) -> list[Found]:
        """Say what each name of a field is called, what part it plays, and which belong together."""
        floor = 0
        for hit in found:
            before = cues.words_before(text.plain, hit.start, floor)
            floor = hit.end if hit.capital else floor
            words = list(filter(str.isalnum, before))
            hit.trigger = cues.trigger_of(before) or cues.trigger_after(text.plain, hit.end)
            if hit.trigger == "desa" and "kecamatan" in hit.levels and "desa" not in hit.levels:
                hit.trigger = ""  # "tiga desa Way Khilau"
            hit.role = cues.role_of(words, hit.trigger)
            hit.located = cues.is_located(words)
            if words[:1] == ["ke"] and hit.role == "event" and not hit.levels & OWN:
                hit.role = "direction"  # goods sent to another place
        chains.link(found, text.plain)
        first = [hit for hit in found if hit.chain == 1 and not hit.trigger]
        begins = text.name == "text" and first and first[0].start < 25 and first[0].role == "event"
        if begins and _DATELINE.match(text.plain, first[-1].end):
            for hit in first:
                hit.role = "dateline"
        return [hit for hit in found if hit.name not in self.gazetteer.words or _is_place(hit, found)]

    def _resolve_area(self, hit: Found, chain: Sequence[Found], competing: bool) -> None:
        """Choose what a name of a kabupaten or kecamatan means; these are the context of the desa."""
        if "kabupaten" in hit.levels:
            choose(hit, "kabupaten", "name of the region", 0.95)
        elif ("elsewhere_kabupaten" in hit.levels and hit.trigger not in ("desa", "kecamatan") and hit.capital) or (
            hit.trigger == "kabupaten"
        ):
            choose_elsewhere(hit, "name of another kabupaten")
        elif chains.region_of(hit, chain) == "elsewhere" and not self._own_chain(hit, chain):
            choose_elsewhere(hit, "another kabupaten is named with it")
        elif hit.trigger == "kecamatan" or (
            "kecamatan" in hit.levels and hit.trigger != "desa" and chains.is_name(hit)
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
            choose_elsewhere(hit, "kecamatan of another kabupaten")
            return
        if is_shared(hit):
            hit.rule = "shared by several kecamatan"
            return
        at = chain.index(hit)
        confirmed = any(chains.fits(other, hit) for other in chain[:at]) or chains.region_of(hit, chain) == "own"
        doubtful = hit.name in self.gazetteer.risky or (competing and any(map(is_elsewhere, hit.senses)))
        if hit.trigger or hit.role == "office" or confirmed or not doubtful:
            choose(hit, "kecamatan", "said to be a kecamatan" if hit.trigger else "name of a kecamatan", 0.92)
        else:
            hit.rule = "also a word or a place elsewhere"

    def _resolve(self, hit: Found, chain: Sequence[Found], context: Context) -> None:
        """Choose what a name of a desa or landmark means, with the rule that decided, or leave it open."""
        if hit.chosen:
            return
        if hit.hamlet and "landmark" not in hit.levels:
            hit.rule = "a hamlet; the desa it lies in counts"
        elif "kecamatan" in hit.levels and hit.trigger != "desa" and not chains.is_desa_before(hit, chain):
            if is_shared(hit):
                return
            if hit.capital and any(s.code in context.kecamatan for s in hit.senses):
                choose(hit, "kecamatan", "called a kecamatan elsewhere in the text", 0.9)
            elif hit.capital and context.region and not context.competing:
                choose(hit, "kecamatan", "the text speaks of the region", 0.85)
        elif "desa" in hit.levels:
            self._resolve_desa(hit, chain, context)
        elif "landmark" in hit.levels:
            choose(hit, "landmark", "landmark of a desa", 0.8)
            hit.role = "implied" if hit.role in ("event", "road", "river") else hit.role
        elif (
            hit.trigger in ("desa", "kecamatan") or "elsewhere_kecamatan" in hit.levels or (hit.capital and hit.located)
        ):
            choose_elsewhere(hit, "place outside the region")

    def _resolve_desa(self, hit: Found, chain: Sequence[Found], context: Context) -> None:
        desa = [s for s in hit.senses if s.level == "desa"]
        parent = chains.parent_of(hit, chain)
        if parent is not None and not is_listed_desa(parent, context):
            codes = {s.code for s in parent.senses if s.level == "kecamatan"}
            fitting = [s for s in desa if s.parent in codes]
            if len(fitting) == 1:
                take(hit, fitting[0], "its kecamatan stands beside it", 0.97)
            elif codes:
                hit.rule = OTHER_KECAMATAN
            else:
                choose_elsewhere(hit, "a kecamatan of another kabupaten stands beside it")
            return
        proper = hit.raw.istitle() if " " in hit.raw else hit.located or hit.role in PEOPLE
        distinct = chains.is_name(hit)
        if not hit.trigger and (hit.name in self.gazetteer.risky or not distinct):
            fitting = [s for s in desa if s.parent in context.kecamatan]
            proper = proper and hit.raw[0].isupper() and not hit.raw.isupper()
            if proper and len(fitting) == 1:
                take(hit, fitting[0], "a place by its words, its kecamatan is named in the text", 0.85)
            elif proper and len(desa) == 1 and chains.region_of(hit, chain) == "own":
                take(hit, desa[0], "a place by its words, the region stands beside it", 0.85)
            else:
                hit.rule = "a common word without desa before it"
            return
        fitting = [s for s in desa if s.parent in context.kecamatan]
        if len(fitting) == 1:
            take(hit, fitting[0], "its kecamatan is named in the text", 0.92)
        elif len(desa) > 1:
            near = [s for s in desa if s.code in context.landmarks]
            left = [s for s in desa if s.parent not in context.denied]
            if len(near) == 1:
                take(hit, near[0], "a landmark of it is named", 0.85)
            elif len(left) == 1:
                take(hit, left[0], "said not to be the one of the other kecamatan", 0.85)
            else:
                hit.rule = "shared by several desa and nothing decides"
        else:
            self._resolve_unique(hit, desa[0], chain, context)

    def _resolve_unique(self, hit: Found, desa: Sense, chain: Sequence[Found], context: Context) -> None:
        """Decide on a name of one desa of the region without its kecamatan: it may be a namesake elsewhere."""
        namesake = hit.name in self.gazetteer.namesakes or any(level.startswith("elsewhere") for level in hit.levels)
        sure = 0.06 if hit.trigger else 0.0
        if chains.region_of(hit, chain) == "own":
            take(hit, desa, "the region stands beside it", 0.9 + sure)
        elif not hit.trigger and any(s.kabupaten in context.others for s in hit.senses if is_elsewhere(s)):
            choose_elsewhere(hit, "the kabupaten of a namesake is named")
        elif context.competing and not context.about and namesake:
            choose_elsewhere(hit, "the text speaks of another kabupaten")
        elif context.region and not context.competing:
            take(hit, desa, "the text speaks of the region", 0.85 + sure)
        elif not namesake:
            take(hit, desa, "no other place has this name", 0.8 + sure)
        elif context.about and not (namesake and context.competing):
            take(hit, desa, "the text speaks of a kecamatan of the region", 0.8 + sure)
        elif context.own_source and not context.competing:
            take(hit, desa, "the source writes about the region", 0.75 + sure)
        else:
            hit.rule = "has namesakes elsewhere and nothing speaks of the region"

    def _settle(self, found: Sequence[Found], context: Context) -> None:
        """Settle open names by the desa told with them: shared names, common words, two that lie together only here."""
        if not any(map(is_open, found)):
            return
        beside_it = {h.chosen.parent for h in found if h.chosen and h.chosen.level in ("desa", "landmark")}
        together = None if context.competing else only_common_kecamatan(found)
        beside_of: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        named: defaultdict[str, set[str]] = defaultdict(set)
        sure: dict[str, str] = {}  # desa that are more than an aside, with their kecamatan
        for h in found:
            if h.chosen and h.chosen.level == "desa":
                named[h.name].add(h.chosen.code)
                if h.role not in ASIDE:
                    beside_of[chain_key(h)].add(h.chosen.parent)
                    sure[h.chosen.code] = h.chosen.parent
        told = Counter(sure.values())
        for hit in filter(is_open, found):
            desa = [s for s in hit.senses if s.level == "desa"]
            beside, same = beside_of[chain_key(hit)], named[hit.name]
            listed = [s for s in desa if s.parent in beside]
            around = [s for s in desa if told[s.parent] >= 2]
            pair = [s for s in desa if s.parent == together]
            near = [s for s in desa if s.parent in beside_it]
            if not (hit.trigger == "desa" or (hit.capital and any(map(str.islower, hit.raw)) and hit.start > 0)):
                continue
            here = next((s for s in hit.senses if s.level == "kecamatan" and s.code in beside_it), None)
            if here and not hit.trigger:
                take(hit, here, "the kecamatan of desa told with it", 0.85)
            elif len(same) == 1:
                take(hit, next(s for s in desa if s.code in same), "resolved elsewhere in the text", 0.9)
            elif len(listed) == 1 and len(beside) == 1:
                take(hit, listed[0], "listed with desa of one kecamatan", 0.85)
            elif len(near) == 1 and (len(desa) > 1 or not context.competing):
                take(hit, near[0], "told with a desa of its kecamatan", 0.85)
            elif len(desa) == 1 and len(around) == 1:
                take(hit, around[0], "told with other desa of its kecamatan", 0.85)
            elif len(pair) == 1:
                take(hit, pair[0], "named with another desa of its kecamatan", 0.85)
            if hit.chosen and hit.chosen.level == "desa":
                named[hit.name].add(hit.chosen.code)


def _is_place(hit: Found, found: Sequence[Found]) -> bool:
    """Tell whether a name that is a word is meant as a place: "di Serang", not "Massa Serang Balai Desa"."""
    if not OWN.isdisjoint(hit.levels) or hit.trigger or hit.role not in ("event", "resident"):
        return True
    if hit.located and hit.raw[0].isupper() and (hit.field == "text" or "elsewhere_kabupaten" in hit.levels):
        return True
    return sum(other.chain == hit.chain for other in found) > 1
