"""The texts of the days around, as they are compared: which lie near in time and are alike in their rare words.

What is compared of a text is stored with it; of the many that are held only the few candidates are read whole.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from analysis.story_match import CANDIDATES, LEAST_COSINE, WINDOW
from analysis.story_traits import Rarity, Traits
from pipelines.store import Row, Store

RAREST = 40  # words of a text by which candidates are found; common ones would make everything a candidate
BLOCK = 50  # new texts that are compared at a time, neighbours in time
COLUMNS = 1 << 18  # hashed stems; a collision only adds a candidate
_DAY = timedelta(days=1)


@dataclass(slots=True, eq=False)
class Version:
    """One text: when it was published and its rare words as a vector; its traits while they are needed."""

    document: str
    published: datetime
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]
    traits: Traits | None = None

    @classmethod
    def of(cls, document: str, traits: Traits, rarity: Rarity) -> Version:
        """Return a new text as it is compared."""
        rarest = nlargest(RAREST, traits.words, key=rarity.__getitem__)
        terms = np.fromiter((zlib.crc32(word.encode()) % COLUMNS for word in rarest), np.int32, len(rarest))
        weights = np.fromiter(map(rarity.__getitem__, rarest), np.float32, len(rarest))
        return cls(document, traits.published, terms, weights / np.float32(max(traits.square, 1e-9) ** 0.5), traits)

    @classmethod
    def from_row(cls, row: Row) -> Version:
        """Return a stored text, without its traits."""
        published = datetime.fromisoformat(row["published"])
        terms, weights = np.frombuffer(row["terms"], "<i4"), np.frombuffer(row["weights"], "<f4")
        return cls(row["document_id"], published, terms, weights)

    def to_row(self) -> Row:
        """Return a new text as it is stored."""
        return {
            "document_id": self.document,
            "day": self.published.date().isoformat(),
            "published": self.published.isoformat(),
            "terms": self.terms.astype("<i4").tobytes(),
            "weights": self.weights.astype("<f4").tobytes(),
            "traits": self.traits.to_json() if self.traits else "",
        }


class Versions:
    """The versions held and their stories; asks the store for the days around what it is given."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._days: dict[date, dict[str, Version]] = {}
        self.story: dict[str, str] = {}  # of each version held that was put to one
        self.told: dict[str, dict[str, Version]] = defaultdict(dict)  # story -> its versions held

    def near(self, story: str, moment: datetime) -> list[Traits]:
        """Return what is compared of those versions of a story that a text of that moment may be a version of."""
        return self.read(each for each in self.told[story].values() if abs(each.published - moment) <= WINDOW)

    def read(self, versions: Iterable[Version]) -> list[Traits]:
        """Return the traits of versions, from the store where they are not at hand."""
        versions = list(versions)
        lacking = {each.document: each for each in versions if each.traits is None}
        if lacking:
            for row in self._store.traits_of(list(lacking)):
                lacking[row["document_id"]].traits = Traits.from_json(row["traits"])
        return [each.traits for each in versions if each.traits is not None]

    def put(self, version: Version, story: str) -> None:
        """Put a version to a story, out of the one it was in."""
        self.told[self.story.get(version.document, story)].pop(version.document, None)
        self.story[version.document] = story
        self.told[story][version.document] = version

    def hold(self, fresh: Iterable[Version]) -> None:
        """Hold the stored versions of the days around the fresh ones, and these; let go of other days."""
        fresh = list(fresh)
        for versions in self._days.values():
            for version in versions.values():
                version.traits = None  # thousands are held, few are asked for; by now all are stored
        wanted = {day for each in fresh for day in _around(each.published)}
        for day in self._days.keys() - wanted:
            for name in self._days.pop(day):
                if name in self.story:
                    self.told[self.story.pop(name)].pop(name)
        lacking = sorted(wanted - self._days.keys())
        self._days |= {day: {} for day in lacking}
        for row in self._store.versions_of(lacking):
            version = Version.from_row(row)
            self._days[version.published.date()][version.document] = version
            self.put(version, row["story_id"])
        for each in fresh:
            self._days[each.published.date()][each.document] = each

    def nearest(self, fresh: Mapping[str, Version]) -> dict[str, list[str]]:
        """Return for each fresh text the texts held that are most alike, by the cosine of their rare words.

        The traits of their stories are read on the way.
        """
        if not fresh:
            return {}
        held = sorted((v for day in self._days.values() for v in day.values()), key=lambda v: v.published)
        at = np.array([version.published.timestamp() for version in held])
        words = _matrix(held)
        asked = sorted(fresh.values(), key=lambda version: version.published)
        found: dict[str, list[str]] = {}
        for first in range(0, len(asked), BLOCK):
            block = asked[first : first + BLOCK]
            low, high = (edge.published.timestamp() for edge in (block[0], block[-1]))
            begin, end = np.searchsorted(at, [low - WINDOW.total_seconds(), high + WINDOW.total_seconds() + 1])
            likeness = (_matrix(block) @ words[begin:end].T).tocsr()
            for number, version in enumerate(block):
                row = slice(likeness.indptr[number], likeness.indptr[number + 1])
                columns, cosines = likeness.indices[row] + begin, likeness.data[row]
                near = np.abs(at[columns] - version.published.timestamp()) <= WINDOW.total_seconds()
                picked = np.flatnonzero((cosines >= LEAST_COSINE) & near)
                best = picked[np.argsort(-cosines[picked], kind="stable")[: CANDIDATES + 1]]  # itself is one of them
                found[version.document] = [held[column].document for column in columns[best]]
        stories = {self.story[other] for names in found.values() for other in names if other in self.story}
        self.read(version for story in stories for version in self.told[story].values())
        return found


def _matrix(versions: Sequence[Version]) -> sparse.csr_matrix:
    ends = np.cumsum([0, *(len(version.terms) for version in versions)])
    data = np.concatenate([version.weights for version in versions])
    terms = np.concatenate([version.terms for version in versions])
    return sparse.csr_matrix((data, terms, ends), shape=(len(versions), COLUMNS))


def _around(moment: datetime) -> list[date]:
    return [(moment + _DAY * n).date() for n in range(-WINDOW.days, WINDOW.days + 1)]
