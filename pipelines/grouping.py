"""Which story a new document tells: its own earlier one, that of a near copy or a rewritten version, or a new one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.records import Document, Voice
from analysis.stories import Fingerprint, best_match, similarity
from analysis.story_match import (
    DENIED,
    LEAST_WORDS,
    SAME_STORY,
    denied,
    fits,
    reasons,
)
from analysis.story_traits import Rarity, Traits, read_traits
from pipelines.config import PROJECT
from pipelines.store import Row, Store
from pipelines.versions import Version, Versions

COPY_WINDOW = timedelta(days=45)  # a text that returns later than this is told anew
RARITY = PROJECT / "data" / "words" / "rarity.csv"


@dataclass(frozen=True, slots=True)
class Joined:
    """The story of a document, and why: `score` is a similarity (copy) or log-odds (version), None where it is new."""

    story: str
    how: str  # first, known, copy, version
    score: float | None = None
    reasons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Groups:
    """The story of each document, and the stories that went up in others."""

    joined: dict[str, Joined]
    absorbed: dict[str, str]
    denials: dict[tuple[str, str], tuple[float, tuple[tuple[str, str], ...]]]  # (story, its denial) -> score, reasons

    def whole(self, story: str) -> str:
        """Return the story that a story went up in, else itself."""
        while story in self.absorbed:
            story = self.absorbed[story]
        return story

    def unite(self, story: str, into: str, why: Mapping[str, Joined]) -> None:
        """Note that a story went up in another, and why its versions fit there."""
        self.absorbed[story] = into
        for name, joined in self.joined.items():
            if joined.story == story:
                self.joined[name] = replace(joined, story=into)
        self.joined.update({name: each for name, each in why.items() if name == story or name not in self.joined})


class Grouping:
    """Finds the stories of new documents among those of the days around."""

    def __init__(self, store: Store, region: Path) -> None:
        self._store = store
        self._rarity = Rarity.load(RARITY)
        self._locator = Locator(Gazetteer.load(region))
        self._versions = Versions(store)

    def versions(self, documents: Iterable[Document]) -> dict[str, Version]:
        """Return what is compared of the press and official documents that are long enough.

        A resident's post stays a voice of its own, whatever it retells.
        """
        found = {}
        for document in documents:
            if document.voice is not Voice.PUBLIC:
                location = self._locator.locate(document.text, title=document.title)
                traits = read_traits(document.title, document.text, document.published, location, self._rarity)
                if len(traits.words) >= LEAST_WORDS:
                    found[document.id] = Version.of(document.id, traits, self._rarity)
        return found

    def group(
        self,
        documents: Sequence[Document],
        prints: Mapping[str, Fingerprint],
        fresh: Mapping[str, Version],
        known: Mapping[str, Row],
    ) -> Groups:
        """Return the story of each document, and of stored ones that a new version showed to tell its story.

        Args: documents: in order of publication. known: stored rows of documents that were edited; they stay.
        """
        copies = _Copies(self._store, documents, prints)
        self._versions.hold(fresh.values())
        nearest = self._versions.nearest(fresh)
        groups = Groups({}, {}, {})
        for document in documents:
            mine = fresh.get(document.id)
            if document.id in known:
                joined = Joined(str(known[document.id]["story_id"]), "known")
            else:
                joined = copies.of(document) or Joined(document.id, "first")
                joined = replace(joined, story=groups.whole(joined.story))
            fitting: list[Joined] = []
            if joined.how == "first" and mine:
                fitting = self._fitting(self._versions.read([mine])[0], nearest[document.id])
                joined = fitting[0] if fitting else joined
            groups.joined[document.id] = joined
            copies.add(document.id, joined.story)
            if mine:
                self._versions.put(mine, joined.story)
            for other in fitting[1:]:
                self._absorb(other.story, joined.story, groups)
        for name in fresh:
            self._oppose(self._versions.story[name], nearest[name], groups)
        return groups

    def _oppose(self, story: str, candidates: Sequence[str], groups: Groups) -> None:
        """Note the stories near by that a story denies, or that deny it."""
        told = self._versions.told
        for other in sorted({self._versions.story[name] for name in candidates} - {story}):
            mine, theirs = (self._versions.read(told[one].values()) for one in (story, other))
            for (rumour, versions), (denial, denying) in permutations(((story, mine), (other, theirs))):
                score = denied(denying, versions, self._rarity)
                if score is not None and score >= DENIED:
                    said = next(each for each in denying if each.denies)
                    groups.denials[rumour, denial] = score, tuple(reasons(said, versions, self._rarity))

    def _fitting(self, mine: Traits, candidates: Sequence[str]) -> list[Joined]:
        """Return the stories that a text fits, best first."""
        stories = sorted({self._versions.story[name] for name in candidates if name in self._versions.story})
        scored = [self._version(mine, story) for story in stories]
        return sorted((each for each in scored if _fits(each)), key=lambda each: -(each.score or 0.0))

    def _version(self, mine: Traits, story: str) -> Joined:
        """Return how a text fits a story; its score is None where no version of it is near."""
        versions = self._versions.near(story, mine.published)
        if not versions:
            return Joined(story, "version")
        score = fits(mine, versions, self._rarity)
        why = tuple(reasons(mine, versions, self._rarity)) if score >= SAME_STORY else ()
        return Joined(story, "version", score, why)

    def _absorb(self, other: str, story: str, groups: Groups) -> None:
        """Let the smaller of two stories go up in the larger one where a new version fits both.

        All versions of the smaller must fit the larger, so that two stories never grow together over one that is
        like both. Texts come in any order: a release that is read after its rewritings unites them.
        """
        story, told = groups.whole(story), self._versions.told
        if len(told[other]) > len(told[story]):
            other, story = story, other
        theirs = dict(told[other])
        traits = self._versions.read(theirs.values())
        joined = {name: self._version(each, story) for name, each in zip(theirs, traits, strict=True)}
        if all(map(_fits, joined.values())):
            for each in theirs.values():
                self._versions.put(each, story)
            groups.unite(other, story, joined)


class _Copies:
    """Near copies among the stored documents and those of this turn, by their band keys."""

    def __init__(self, store: Store, documents: Sequence[Document], prints: Mapping[str, Fingerprint]) -> None:
        self._prints = prints
        self._by_key: dict[int, dict[str, tuple[str, NDArray[np.uint32]]]] = defaultdict(dict)
        keys = {key for fingerprint in prints.values() for key in fingerprint.keys}
        if documents:
            for key, name, story, signature in store.band_neighbours(keys, documents[0].published - COPY_WINDOW):
                self._by_key[key][name] = (story, signature)

    def of(self, document: Document) -> Joined | None:
        """Return the story of the nearest copy, or None."""
        mine = self._prints[document.id]
        close = {name: pair for key in mine.keys for name, pair in self._by_key.get(key, {}).items()}
        found = best_match(mine, ((name, signature) for name, (_, signature) in close.items()))
        if found is None:
            return None
        story, signature = close[found]
        return Joined(story, "copy", similarity(mine.signature, signature))

    def add(self, name: str, story: str) -> None:
        """Make a document known to those after it."""
        mine = self._prints[name]
        for key in mine.keys:
            self._by_key[key][name] = (story, mine.signature)


def _fits(joined: Joined) -> bool:
    return joined.score is not None and joined.score >= SAME_STORY


def link_rows(groups: Groups, now: datetime) -> list[Row]:
    """Return why each document stands in its story, as rows; the first of a story needs no reason."""
    return [
        {
            "document_id": name,
            "story_id": each.story,
            "how": each.how,
            "score": round(each.score, 3),
            "reasons": json.dumps(each.reasons, ensure_ascii=False),
            "joined_at": now.isoformat(),
        }
        for name, each in groups.joined.items()
        if each.score is not None
    ]
