"""Whether a text tells a story that is known: an explainable score of what it shares with the story's versions.

Local outlets rewrite a release until no run of words is left; what stays are its rare words, names, numbers, quotes.
A version must fit the story as a whole, so that stories do not grow into each other by chance likenesses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analysis.story_traits import PLACE, Rarity, Traits

WINDOW = timedelta(hours=72)  # between the versions of one release; the same text a week later is another event
RAREST = 5  # shared words that are weighed
LEAST_LEAD = 3  # stems of a title or first sentence that is compared
DAY = timedelta(days=1)
LEAST_WORDS = 12  # stems of a text that is compared; shorter ones share too little to tell
LEAST_COSINE = 0.06  # with one version, below which a story is no candidate
SAME_QUOTE = 0.6  # share of a quote from which it is named as a reason
CANDIDATES = 8  # nearest texts by cosine whose stories are scored
# Log-odds. Source: logistic regression on the dev split of data/labels/rewrites.jsonl among 900 other texts
# (`python -m benchmarks.stories --fit`); `denial_apart` by hand, for a denial shares everything with what it denies.
WEIGHTS = {
    "rare": 2.48,
    "lead": 6.21,
    "wording": 2.82,
    "quote": 2.58,
    "names": 2.14,
    "numbers": 2.11,
    "dates_apart": -3.89,
    "place": 1.26,
    "places_apart": -1.95,
    "offices_apart": -2.51,
    "denial_apart": -3.00,
    "days_nearest": -0.62,
    "days_first": -1.79,
    "versions": -1.62,
}
BIAS = -9.21
# What counts for a denial and what it denies: another office speaks on another day, of one matter.
SHARED_MATTER = ("rare", "lead", "wording", "quote", "names", "numbers", "place", "places_apart")
DENIED = 1.0  # log-odds from which a story is proposed as denied; on the dev split all true ones are above, no other
SAME_STORY = 1.25  # log-odds from which a text is a version; precision is worth more than recall here
_WEIGHTS = np.array(list(WEIGHTS.values()))
_OF_MATTER = np.array([weight if name in SHARED_MATTER else 0.0 for name, weight in WEIGHTS.items()])


def near(one: Traits, other: Traits) -> bool:
    """Tell whether two texts lie close enough in time to be versions of one release."""
    return abs(one.published - other.published) <= WINDOW


def features(mine: Traits, versions: Sequence[Traits], rarity: Rarity) -> NDArray[np.float64]:
    """Return what a text shares with the versions of a story, (14,) float64 in the order of WEIGHTS."""
    alike = [_alike(mine, other, rarity) for other in versions]
    names = frozenset().union(*(other.names for other in versions))
    dates = frozenset().union(*(other.dates for other in versions))
    desa = frozenset().union(*(other.desa for other in versions))
    elsewhere = frozenset().union(*(other.elsewhere for other in versions))
    offices = frozenset().union(*(other.offices for other in versions))
    numbers = mine.numbers & frozenset().union(*(other.numbers for other in versions))
    gaps = [abs(mine.published - other.published) / DAY for other in versions]
    return np.array(
        [
            max(rare for rare, _, _, _ in alike) / 10,
            max(lead for _, lead, _, _ in alike),
            sum(cosine for _, _, cosine, _ in alike) / len(alike),
            max(quote for _, _, _, quote in alike),
            max(_share(mine.names, names, rarity), _share(names, mine.names, rarity)),
            math.log1p(sum(0.5 if value < 20 or (value < 1000 and value % 10 == 0) else 1.0 for value in numbers)),
            _apart(mine.dates, dates),
            float(bool(mine.desa & desa)),
            max(_apart(mine.desa, desa), _apart(mine.elsewhere, elsewhere)),
            _apart(mine.offices, offices),
            float(not any(other.denies for other in versions)) if mine.denies else 0.0,
            min(gaps),
            max(gaps),
            math.log(len(versions)),
        ]
    )


def candidate(mine: Traits, versions: Sequence[Traits], rarity: Rarity) -> bool:
    """Tell whether a text is like enough to any version for the story to be scored."""
    return any(_alike(mine, other, rarity)[2] >= LEAST_COSINE for other in versions)


def fits(mine: Traits, versions: Sequence[Traits], rarity: Rarity) -> float:
    """Return the log-odds that a text is one more version of a story."""
    return float(features(mine, versions, rarity) @ _WEIGHTS) + BIAS


def is_denial(versions: Sequence[Traits]) -> bool:
    """Tell whether a story is a denial: its first version, or half of them, says that something is not so."""
    first = min(versions, key=lambda version: version.published)
    return first.denies or 2 * sum(version.denies for version in versions) >= len(versions)


def denied(denial: Sequence[Traits], story: Sequence[Traits], rarity: Rarity) -> float | None:
    """Return the log-odds that a denial is about an earlier story, None where it cannot be.

    Only versions that say that something is not so speak for a denial.
    """
    if not is_denial(denial) or is_denial(story) or not _earlier(story, denial):
        return None
    return max(float(features(each, story, rarity) @ _OF_MATTER) + BIAS for each in denial if each.denies)


def _earlier(one: Sequence[Traits], other: Sequence[Traits]) -> bool:
    return min(version.published for version in one) < min(version.published for version in other)


def reasons(mine: Traits, versions: Sequence[Traits], rarity: Rarity) -> list[tuple[str, str]]:
    """Return what a text and a story share, for a person to judge by: (kind, what) with kinds names, numbers, words,
    dates, offices, places and quote.
    """
    merged = {
        name: frozenset().union(*(getattr(other, name) for other in versions))
        for name in ("words", "names", "numbers", "dates", "offices", "desa")
    }
    told = {word for word in mine.words.keys() & merged["words"] if not word.startswith(PLACE)}
    rare = sorted(told, key=lambda s: (-rarity[s], s))[:RAREST]
    shared = {
        "names": sorted(name.capitalize() for name in mine.names & merged["names"]),
        "numbers": [f"{value:,.10g}".replace(",", ".") for value in sorted(mine.numbers & merged["numbers"])],
        "words": [mine.words[s] for s in rare],
        "dates": sorted(mine.dates & merged["dates"]),
        "offices": sorted(mine.offices & merged["offices"]),
        "places": sorted(mine.desa & merged["desa"]),
    }
    found = [(kind, ", ".join(what)) for kind, what in shared.items() if what]
    quoted = max(_alike(mine, other, rarity)[3] for other in versions)
    return [*found, ("quote", f"{100 * quoted:.0f} %")] if quoted >= SAME_QUOTE else found


def _alike(mine: Traits, other: Traits, rarity: Rarity) -> tuple[float, float, float, float]:
    """Return (rarity of the rarest shared words, share of a lead, cosine of the words, share of a quote)."""
    shared = sorted(map(rarity.__getitem__, mine.words.keys() & other.words.keys()), reverse=True)
    squares = sum(weight * weight for weight in shared)
    cosine = squares / math.sqrt(mine.square * other.square) if squares else 0.0
    leads = [_share(lead, other.words.keys(), rarity) for lead in mine.lead if len(lead) >= LEAST_LEAD]
    leads += [_share(lead, mine.words.keys(), rarity) for lead in other.lead if len(lead) >= LEAST_LEAD]
    quotes = [_share(quote, other.words.keys(), rarity) for quote in mine.quotes]
    quotes += [_share(quote, mine.words.keys(), rarity) for quote in other.quotes]
    return sum(shared[:RAREST]), max(leads, default=0.0), cosine, max(quotes, default=0.0)


def _share(few: Set[str], many: Set[str], rarity: Rarity) -> float:
    """Return how much of some words others hold, by rarity, in [0, 1]."""
    both = few & many
    return rarity.weight(both) / rarity.weight(few) if both else 0.0


def _apart(mine: Set[str], theirs: Set[str]) -> float:
    """Return 1 where both sides tell something and agree in nothing."""
    return float(bool(mine) and bool(theirs) and not mine & theirs)
