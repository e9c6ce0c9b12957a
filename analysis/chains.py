"""Administrative chains: names that say one place together, "Dusun X, Desa A dan B, Kecamatan K, Kabupaten P"."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from analysis.cues import DESA, DUSUN, KABUPATEN, KECAMATAN
from analysis.mentions import DISTINCT, Found

_LONGEST = 150  # names of one chain: a kabupaten's desa in a list; more are no sentence
_LONGEST_GAP = 45  # characters between two names of one chain
PASSED_ON = frozenset(
    "resident inhabitant origin home comparison arrest direction dateline organisation person office".split()
)
_LIST = frozenset({"dan", "serta", "hingga", "atau", "maupun", "juga", "sampai", "sama", "n"})
_LINK = (
    (DESA | KECAMATAN | KABUPATEN | DUSUN | _LIST)
    - {"camat", "bupati", "pemkab", "kades", "lurah"}
    | frozenset("di wilayah tepatnya yakni yaitu provinsi prov lampung masuk termasuk bagian dalam administratif "
                "dua tiga empat lima desanya kecamatannya warga pemuda yang yg ada berada terletak".split())
)  # fmt: skip
_APART = frozenset({"di", "yang", "yg"})
_GAP = re.compile(r"[\w\s,()/&:\"'.-]*")
_SENTENCE = re.compile(r"(?<!\bds)(?<!\bkec)(?<!\bkab)(?<!\bkp)(?<!\bkel)(?<!\bdsn)\.(?:\s|$)|[!?;\n]")


def link(found: Sequence[Found], plain: str) -> None:
    """Number the chains of one field's names; pass on the part they play, and "desa" along "Desa A, B dan C"."""
    number = length = 0
    for index, hit in enumerate(found):
        if index and length < _LONGEST and _linked(found[index - 1], hit, plain):
            hit.chain = found[index - 1].chain
            length += 1
        else:
            number += 1
            hit.chain = number
            length = 1
    for before, hit in itertools.pairwise(found):
        if hit.chain != before.chain:
            continue
        hit.listed, hit.located = is_list(before, hit, plain), hit.located or before.located
        hit.bracketed = "(" in plain[before.end : hit.start]
        if before.role in ("road", "organisation") and fits(before, hit):
            before.role = "event"  # "Jalan A, Kecamatan K": a road in A
        if hit.role == "event" and before.role in PASSED_ON:
            hit.role = before.role
        if not hit.trigger and hit.listed:
            if before.trigger == "desa" and "desa" in hit.levels and not _its_parent(before, hit, plain):
                hit.trigger = "desa"
            elif before.trigger == "kecamatan" and hit.levels & {"kecamatan", "elsewhere_kecamatan"}:
                hit.trigger = "kecamatan"


def _its_parent(before: Found, hit: Found, plain: str) -> bool:
    """Tell whether "Desa A, K" says where A lies, though a desa K exists too."""
    return plain[before.end : hit.start].strip() == "," and fits(before, hit)


def _linked(before: Found, hit: Found, plain: str) -> bool:
    gap = plain[before.end : hit.start]
    if len(gap) > _LONGEST_GAP or not _GAP.fullmatch(gap) or _SENTENCE.search(gap):
        return False
    words = re.findall(r"[^\W\d_]+", gap)
    if before.trigger == "dusun" and (hit.trigger == "desa" or ("desa" in hit.levels and not gap.strip())):
        return all(word in _LINK for word in words)
    if not words:
        return bool(gap.strip()) or fits(before, hit) or hit.levels.isdisjoint({"desa", "landmark"})
    if not _APART.isdisjoint(words) and not (
        fits(before, hit) or fits(hit, before) or lies_in(before, hit) or "kabupaten" in before.levels
    ):
        return False  # "warga Gedong Tataan di Gadingrejo" are two places
    return all(word in _LINK for word in words)


def is_list(before: Found, hit: Found, plain: str) -> bool:
    """Tell whether two names of a chain stand side by side rather than one within the other."""
    gap = plain[before.end : hit.start]
    words = re.findall(r"\w+", gap)
    return all(word in _LIST for word in words) and (bool(words) or gap.strip() in (",", "/", "&", ", "))


def parent_of(hit: Found, chain: Sequence[Found]) -> Found | None:
    """Return the kecamatan that a chain gives a name: the next one to its right, else the last to its left.

    To the right a kecamatan that does not fit loses against a fitting one to the left, as in
    "Kecamatan K: Desa A; Kecamatan L: Desa B". One in brackets speaks of the name before it, and of others that fit.
    """
    at = chain.index(hit)
    after, before = chain[at + 1 :], chain[:at]
    right = next((o for o in after if is_kecamatan(o) and (not o.bracketed or o is after[0] or fits(hit, o))), None)
    left = next((o for o in reversed(before) if is_kecamatan(o) and not o.bracketed), None)
    if right and left and not fits(hit, right) and fits(hit, left):
        return left
    return right or left


def is_kecamatan(hit: Found) -> bool:
    """Tell whether a name of a chain is meant as a kecamatan."""
    if hit.trigger == "kecamatan":
        return True
    return hit.trigger == "" and bool(hit.levels & {"kecamatan", "elsewhere_kecamatan"}) and is_name(hit)


def is_name(hit: Found) -> bool:
    """Tell whether a name is written as one, or is too long to be another word."""
    return hit.capital or len(hit.name) >= DISTINCT


def fits(hit: Found, parent: Found) -> bool:
    """Tell whether a name may be a desa of a kecamatan's name."""
    codes = {sense.code for sense in parent.senses if sense.level == "kecamatan"}
    return any(sense.level in ("desa", "landmark") and sense.parent in codes for sense in hit.senses)


def lies_in(hit: Found, other: Found) -> bool:
    """Tell whether a name may be a place of another kabupaten's name: "Kota Agung di Tanggamus"."""
    named = {sense.name for sense in other.senses if sense.level == "elsewhere_kabupaten"}
    return any(sense.kabupaten in named for sense in hit.senses)


def region_of(hit: Found, chain: Sequence[Found]) -> str:
    """Return "own", "elsewhere" or "" by the kabupaten that a chain names: right of a name first, then left."""
    at = chain.index(hit)
    for index in (*range(at + 1, len(chain)), *range(at - 1, -1, -1)):
        other = chain[index]
        if index < at and chain[index + 1].listed:
            return ""  # "P dan A" does not put A into P
        if "kabupaten" in other.levels:
            return "own"
        if "elsewhere_kabupaten" in other.levels and other.trigger != "desa":
            return "elsewhere"
    return ""


def is_desa_before(hit: Found, chain: Sequence[Found]) -> bool:
    """Tell whether the next name of a chain is a kecamatan that this name is a desa of: "Padang Cermin, Way Khilau"."""
    at = chain.index(hit)
    if hit.trigger == "kecamatan" or at + 1 == len(chain):
        return False
    after = chain[at + 1]
    return after.trigger != "desa" and "kecamatan" in after.levels and fits(hit, after) and after.name != hit.name
