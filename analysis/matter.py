"""Where the matter of a text takes place: events before homes and offices, asides of other regions left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.mentions import Found

EVENT = ("event", "implied")
# Where no place of the event is said, what stands in for it, the best first.
FALLBACKS = (("resident", "origin"), ("office",), ("dateline",), ("road", "direction"), ("arrest",))
LIKENED = ("comparison", "home", "arrest", "ship", "person", "organisation")
ASIDE = ("home", "comparison", "arrest", "person", "ship", "organisation", "river", "road", "direction")
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
    if any(map(is_outside, events)) and not all(map(is_outside, events)):
        events = _weighed(events, found, plain)
    if any(map(_fine, events)) or not any(map(is_outside, events)):
        finer = any(_fine(h) and not _is_kecamatan(h) for h in events)
        told = [h for h in found if h.role in ("resident", "origin") and _fine(h)]
        events += [h for h in told if not (finer and _is_kecamatan(h))]
    if not any(_fine(h) or is_outside(h) for h in events):
        events += _fallback(found)
    return events


def _weighed(events: list[Found], found: Sequence[Found], plain: dict[str, str]) -> list[Found]:
    """Weigh places of the region against places outside: which of them are asides."""
    outside = [hit for hit in events if is_outside(hit)]
    if corrected := [hit for hit in outside if _is_correction(hit, plain)]:
        return corrected
    events = _without_roundup(_without_likened(events, found), plain)
    return outside if _lies_elsewhere(events, found, plain) else events


def _is_correction(hit: Found, plain: dict[str, str]) -> bool:
    """Tell whether a text says of a place that the matter really lies there."""
    said = _CORRECTED.search(plain[hit.field], max(0, hit.start - 90), hit.start)
    return said is not None and "bukan" not in said.group()


def _fallback(found: Sequence[Found]) -> list[Found]:
    """Return what stands in where no place of the event is said; a road only where it runs through a desa."""
    if any(is_outside(hit) and hit.role == "road" for hit in found):
        return []
    added: list[Found] = []
    for roles in FALLBACKS:
        if roles == ("arrest",) and any(map(is_outside, found)):
            break
        added += [h for h in found if h.chosen and h.role in roles and not (h.role == "road" and _is_kecamatan(h))]
        if any(_fine(hit) or is_outside(hit) for hit in added):
            break
    return added


def _without_likened(events: list[Found], found: Sequence[Found]) -> list[Found]:
    """Leave out a place that is likened, or that somebody comes from or hides in, where the matter lies elsewhere."""
    likened = {h.chosen.code for h in found if h.chosen and h.chosen.code and h.role in LIKENED}
    return [hit for hit in events if not (hit.chosen and hit.chosen.code in likened)]


def _lies_elsewhere(events: Sequence[Found], found: Sequence[Found], plain: dict[str, str]) -> bool:
    """Tell whether title or lead place the matter elsewhere and one later sentence alone names the region: an aside."""
    inside, outside = [h for h in events if not is_outside(h)], [h for h in events if is_outside(h)]
    if not inside or not outside:
        return False
    first = min(outside, key=_order)
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
        return others < 2 if begins_elsewhere else others < 3 or _fine(hit)

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
    return hit.field == "title" and hit.role == "office" and _fine(hit) and not _is_kecamatan(hit)


def _sentence(hit: Found, plain: dict[str, str]) -> tuple[str, int]:
    return hit.field, plain[hit.field].rfind(". ", 0, hit.start)


def _order(hit: Found) -> tuple[bool, int]:
    return hit.field != "title", hit.start


def _is_kecamatan(hit: Found) -> bool:
    return bool(hit.chosen and hit.chosen.level == "kecamatan")


def _fine(hit: Found) -> bool:
    return bool(hit.chosen and hit.chosen.level in ("desa", "landmark", "kecamatan"))


def is_outside(hit: Found) -> bool:
    """Tell whether a name was taken for a place outside the region."""
    return hit.chosen is not None and hit.chosen.level[0] == "e"  # elsewhere_*; asked often
