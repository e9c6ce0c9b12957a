"""What a whole text says of its names: the context of the desa, names that mean the same, names still open."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from analysis import chains
from analysis.cues import ASIDE, PEOPLE
from analysis.gazetteer import Sense
from analysis.mentions import Found, is_outside

_APART = PEOPLE | ASIDE
_NO_PLACE = frozenset({"person", "ship", "organisation"})
OTHER_KECAMATAN = "not a desa of the kecamatan beside it"


@dataclass(frozen=True, slots=True)
class Context:
    """What the whole text says of where it is."""

    region: bool  # the region is named as more than a comparison
    competing: bool  # another kabupaten is named as a place
    kecamatan: frozenset[str]  # of the region, named as places, homes or offices
    landmarks: frozenset[str]  # desa of the landmarks that are named
    denied: frozenset[str]  # kecamatan that are only named as another one
    others: frozenset[str]  # other kabupaten that are named, as anything
    own_source: bool

    @property
    def about(self) -> bool:
        return self.region or bool(self.kecamatan)


def is_elsewhere(sense: Sense) -> bool:
    return sense.level.startswith("elsewhere")


def is_shared(hit: Found) -> bool:
    """Tell whether people call several kecamatan so: "Punduh"; it then only tells their desa from others."""
    return sum(sense.level == "kecamatan" for sense in hit.senses) > 1


def speaks_of_another(found: Sequence[Found]) -> bool:
    """Tell whether another kabupaten is named and the region is not."""
    names = [hit for hit in found if hit.capital and hit.role not in _APART]
    return any("elsewhere_kabupaten" in h.levels for h in names) and not any("kabupaten" in h.levels for h in names)


def chain_key(hit: Found) -> tuple[str, int]:
    return hit.field, hit.chain


def name_alike(found: Sequence[Found], grouped: Sequence[Sequence[Found]]) -> None:
    """Let a bare name be what the text calls it elsewhere, a desa or a hamlet: "Petani K" beside "Desa K"."""
    for chain in grouped:
        for hit, after in itertools.pairwise(chain):
            hit.hamlet = hit.trigger == "dusun" and "desa" in after.levels | {after.trigger}
    called = {h.name for h in found if h.trigger == "desa"} - {h.name for h in found if h.trigger == "kecamatan"}
    spoken = {chain_key(h) for h in found if h.trigger == "desa"}
    hamlets = {h.name.removeprefix("dusun ") for h in found if h.hamlet or h.name.startswith("dusun ")} - called
    named = {h.name: h.role for h in found if h.role in ("ship", "person")}
    for hit in found:
        if hit.trigger:
            continue
        if hit.role == "event" and not hit.located:
            hit.role = named.get(hit.name, "event")
        if hit.name in hamlets:
            hit.hamlet = True
        elif hit.name in called and hit.capital and hit.role != "office" and chain_key(hit) not in spoken:
            hit.trigger = "desa"


def namesakes_alike(grouped: Sequence[Sequence[Found]]) -> None:
    """Let a bare name be the place elsewhere that the text ties it to: "K, Jawa Tengah" makes another "K" one too."""
    tied = {hit.name for chain in grouped if len(chain) > 1 for hit in chain if is_outside(hit)}
    if not tied:
        return
    own = {h.name for c in grouped for h in c if (p := chains.parent_of(h, c)) is not None and chains.fits(h, p)}
    for chain in grouped:
        for hit in chain:
            if not hit.chosen and hit.name in tied and hit.name not in own and chains.parent_of(hit, chain) is None:
                choose_elsewhere(hit, "a place elsewhere, as the text says of this name")


def is_open(hit: Found) -> bool:
    """Tell whether a name may still be taken for a desa."""
    return (
        not hit.chosen
        and "desa" in hit.levels
        and not hit.hamlet
        and hit.role not in _NO_PLACE
        and hit.rule != OTHER_KECAMATAN
    )


def only_common_kecamatan(found: Sequence[Found]) -> str | None:
    """Return the one kecamatan in which two or more open names are desa, where each is once written as a name."""
    parents = {hit.name: {s.parent for s in hit.senses if s.level == "desa"} for hit in found if is_open(hit)}
    written = {hit.name for hit in found if hit.trigger == "desa" or (hit.capital and hit.raw[0].isupper())}
    if len(parents) < 2 or not parents.keys() <= written:
        return None
    shared = [code for code, count in Counter(itertools.chain(*parents.values())).items() if count >= 2]
    return shared[0] if len(shared) == 1 else None


def is_listed_desa(parent: Found, context: Context) -> bool:
    """Tell whether a name that could be a kecamatan elsewhere is a desa of a kecamatan that the text names."""
    return (
        not parent.trigger
        and "kecamatan" not in parent.levels
        and any(s.level == "desa" and s.parent in context.kecamatan for s in parent.senses)
    )


def context_of(found: Sequence[Found], own_source: bool) -> Context:
    """Gather what the names of kabupaten, kecamatan and landmarks say of the whole text."""
    said = [hit for hit in found if hit.role not in ("comparison", "person", "ship")]
    area = [hit for hit in said if hit.chosen]
    aside = [hit for hit in found if hit.role == "comparison" and hit.chosen and hit.chosen.level == "kecamatan"]
    kecamatan = frozenset(h.chosen.code for h in area if h.chosen and h.chosen.level == "kecamatan")
    return Context(
        any(h.chosen.level == "kabupaten" for h in area if h.chosen),
        any(is_outside(hit) and hit.role in ("event", "road", "arrest", "river") for hit in area),
        kecamatan,
        frozenset(s.code for hit in said for s in hit.senses if s.level == "landmark"),
        frozenset(h.chosen.code for h in aside if h.chosen) - kecamatan,
        frozenset(h.chosen.kabupaten for h in found if h.chosen and h.chosen.level == "elsewhere_kabupaten"),
        own_source,
    )


def take(hit: Found, sense: Sense, rule: str, confidence: float) -> None:
    hit.chosen, hit.rule = sense, rule if not hit.fuzzy else f"{rule}; spelt {hit.raw!r}"
    hit.confidence = confidence - (0.1 if hit.fuzzy else 0.0)


def choose(hit: Found, level: str, rule: str, confidence: float) -> None:
    take(hit, next(s for s in hit.senses if s.level == level), rule, confidence)


def choose_elsewhere(hit: Found, rule: str) -> None:
    other = next((s for s in hit.senses if s.level.startswith("elsewhere")), None)
    take(hit, other or _unlisted(hit.name), rule, 0.8)


@lru_cache(maxsize=20_000)
def _unlisted(name: str) -> Sense:
    return Sense("elsewhere_desa", "", name)
