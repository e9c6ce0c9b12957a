"""Where the matter of a text takes place: events before homes and offices, asides of other regions left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from analysis.mentions import Found

EVENT = ("event", "implied")
# Where no place of the event is said, what stands in for it, the best first.
PEOPLE = frozenset({"resident", "inhabitant", "origin"})
FALLBACKS = (PEOPLE, ("office",), ("dateline",), ("road", "direction"), ("arrest",))
LIKENED = frozenset({"comparison", "home", "arrest", "ship", "person", "organisation"})
ASIDE = LIKENED | {"river", "road", "direction"}
_THERE = frozenset({*EVENT, "dateline", "road", "arrest"})
_CORRECTED = re.compile(
    r"\b(?:ternyata|aslinya|sebenarnya|sebetulnya|rupanya|melainkan|tkp(?:-?nya)?"
    r"|lokasi(?:nya)? (?:kejadian )?(?:berada|ada)|masuk wilayah|wilayah hukum)\b[^.!?]{0,60}$"
)


def events_of(found: Sequence[Found], plain: dict[str, str]) -> list[Found]:
    """Return the names that say where the matter takes place, of the region and outside.

    Args:
        found: every name of a text, resolved.
        plain: the text of each field, as `mentions.read` gives it.
    """
    events = [h for h in found if h.chosen and (h.role in EVENT or _heads(h))]
    if all(is_outside(hit) for hit in found if hit.chosen):
        return events or _fallback(found, plain)
    if any(map(is_outside, events)) and not all(map(is_outside, events)):
        events = _weighed(events, found, plain)
    if _begins_here(found, plain):
        events = [hit for hit in events if not is_outside(hit)]
    if any(map(_fine, events)) or not any(map(is_outside, events)):
        finer = any(map(_is_desa, events))
        visitors = _visitors(events, found, plain)
        told = [h for h in found if h.role in ("resident", "origin") and _fine(h) and _code(h) not in visitors]
        events += [h for h in told if not (finer and _is_kecamatan(h))]
    if not any(_fine(h) or is_outside(h) for h in events):
        events += _fallback(found, plain)
    return _without_asides(events, plain)


def _without_asides(events: list[Found], plain: dict[str, str]) -> list[Found]:
    """Leave out what is named in passing where the matter lies in a desa.

    Another desa named once, behind the first sentence of a text that has a desa in its title; a kecamatan of none of
    them, as in "Tahun lalu K kekeringan", unless a headline or a sentence on one of the desa names it too.
    """
    desa = [hit for hit in events if _is_desa(hit)]
    if not desa:
        return events
    times, titled = Counter(map(_code, desa)), any(hit.field == "title" for hit in desa)
    told = [hit for hit in desa if not titled or times[_code(hit)] > 1 or _leads(hit, plain)]
    where = {_sentence(hit, plain) for hit in told}
    own = {hit.chosen.parent for hit in told if hit.chosen}

    def stands(hit: Found) -> bool:
        return _code(hit) in own or hit.field == "title" or _sentence(hit, plain) in where

    return [hit for hit in events if hit in told or (not _is_desa(hit) and (not _is_kecamatan(hit) or stands(hit)))]


def _visitors(events: Sequence[Found], found: Sequence[Found], plain: dict[str, str]) -> set[str]:
    """Return codes of which the people are told of in another desa: "Warga A kehilangan motor di B"."""
    there = [hit for hit in events if hit.located and _is_desa(hit)]
    return {
        _code(hit)
        for hit in found
        if hit.role in ("resident", "inhabitant") and hit.chosen
        for place in there
        if _sentence(hit, plain) == _sentence(place, plain) and hit.start < place.start and _code(hit) != _code(place)
    } - {_code(place) for place in events}


def _weighed(events: list[Found], found: Sequence[Found], plain: dict[str, str]) -> list[Found]:
    """Weigh places of the region against places outside: which of them are asides."""
    outside = [hit for hit in events if is_outside(hit)]
    told = [*outside, *(hit for hit in found if is_outside(hit) and hit.role == "origin")]
    if corrected := [hit for hit in told if _is_correction(hit, plain)]:
        return corrected
    events = _without_roundup(_without_likened(events, found), plain)
    return outside if _lies_elsewhere(events, found, plain) else events


def _is_correction(hit: Found, plain: dict[str, str]) -> bool:
    """Tell whether a text says of a place that the matter really lies there."""
    said = _CORRECTED.search(plain[hit.field], max(0, hit.start - 90), hit.start)
    return said is not None and "bukan" not in said.group()


def _fallback(found: Sequence[Found], plain: dict[str, str]) -> list[Found]:
    """Return what stands in where no place of the event is said; a road only where it runs through a desa."""
    if any(is_outside(hit) and hit.role == "road" for hit in found):
        return []
    away = [hit for hit in found if is_outside(hit) and hit.role == "dateline"]
    if away and not any(hit.role == "resident" and _fine(hit) for hit in found):
        return away
    added: list[Found] = []
    for roles in FALLBACKS:
        if roles == ("arrest",) and any(map(is_outside, found)):
            break
        added += [h for h in found if h.chosen and h.role in roles and not (h.role == "road" and _is_kecamatan(h))]
        if any(_fine(hit) or is_outside(hit) for hit in added):
            break
    return _without_roundup(added, plain)


def _without_likened(events: list[Found], found: Sequence[Found]) -> list[Found]:
    """Leave out a place that is likened, or that somebody comes from or hides in, where the matter lies elsewhere."""
    likened = {h.chosen.code for h in found if h.chosen and h.chosen.code and h.role in LIKENED}
    return [hit for hit in events if not (hit.chosen and hit.chosen.code in likened)]


def _lies_elsewhere(events: Sequence[Found], found: Sequence[Found], plain: dict[str, str]) -> bool:
    """Tell whether title or lead place the matter elsewhere and one later sentence alone names the region: an aside."""
    inside, outside = [h for h in events if not is_outside(h)], [h for h in events if is_outside(h)]
    if not inside or not outside:
        return False
    first = min((h for h in found if h in outside or (is_outside(h) and h.role == "dateline")), key=_order)
    own = [hit for hit in found if hit.chosen and not is_outside(hit) and hit.role not in ASIDE]
    sentences = {_sentence(hit, plain) for hit in inside}
    return len(sentences) == 1 and _sentence(first, plain) not in sentences and _order(first) < min(map(_order, own))


def _without_roundup(events: list[Found], plain: dict[str, str]) -> list[Found]:
    """Leave out places of the region that only stand in a sentence with other regions, as one of many.

    As in "Rapat di Way Jepara ... Ia menyebut harimau di Suoh, beruang di Tanggamus, buaya di Padang Cermin"; where the
    matter does not begin elsewhere, only the name of the region itself beside three others.
    """
    sentences: dict[tuple[str, int], set[str]] = {}
    for hit in filter(is_outside, events):
        sentences.setdefault(_sentence(hit, plain), set()).add(hit.name)
    begins_elsewhere = bool(events) and is_outside(min(events, key=_order))

    def stands(hit: Found) -> bool:
        others = len(sentences.get(_sentence(hit, plain), ()))
        return others < 2 if begins_elsewhere or hit.role == "office" else others < 3 or _fine(hit)

    return [hit for hit in events if is_outside(hit) or hit.field == "title" or stands(hit)]


def outweighed(inside: Sequence[Found], outside: Sequence[Found]) -> bool:
    """Tell whether the region is only named beside an event somewhere else, never in one chain with it.

    So where the other place is said to be where something is and the region is not, or where it comes first.
    """
    if not outside:
        return False
    if any(h.located for h in outside) and not any(h.located for h in inside):
        return True
    together = {(h.field, h.chain) for h in inside} & {(h.field, h.chain) for h in outside}
    return not together and min(map(_order, outside)) < min(map(_order, inside))


def _heads(hit: Found) -> bool:
    """Tell whether a headline names a desa by its head or office: "Kades A Laporkan Akun Anonim"."""
    return hit.field == "title" and hit.role == "office" and _is_desa(hit)


def _sentence(hit: Found, plain: dict[str, str]) -> tuple[str, int]:
    return hit.field, plain[hit.field].rfind(". ", 0, hit.start)


def _begins_here(found: Sequence[Found], plain: dict[str, str]) -> bool:
    """Tell whether title and first sentence are of people or a dateline of the region, and of no place outside."""
    own = (hit for hit in found if hit.role in ("resident", "dateline") and hit.chosen and not is_outside(hit))
    return any(_leads(hit, plain) for hit in own) and not any(
        hit.role in _THERE and is_outside(hit) and _leads(hit, plain) for hit in found
    )


def _leads(hit: Found, plain: dict[str, str]) -> bool:
    return hit.field == "title" or _sentence(hit, plain)[1] < 0


def _order(hit: Found) -> tuple[bool, int]:
    return hit.field != "title", hit.start


def _code(hit: Found) -> str:
    return hit.chosen.code if hit.chosen else ""


def _is_desa(hit: Found) -> bool:
    return bool(hit.chosen and hit.chosen.level in ("desa", "landmark"))


def _is_kecamatan(hit: Found) -> bool:
    return bool(hit.chosen and hit.chosen.level == "kecamatan")


def _fine(hit: Found) -> bool:
    return bool(hit.chosen and hit.chosen.level in ("desa", "landmark", "kecamatan"))


def is_outside(hit: Found) -> bool:
    """Tell whether a name was taken for a place outside the region."""
    return hit.chosen is not None and hit.chosen.level[0] == "e"  # elsewhere_*; asked often
