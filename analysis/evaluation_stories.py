"""Quality of stories, of the origin's voice and of denials on labelled rewritings: the figures that floors hold."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

from analysis.errors import MonitorError
from analysis.records import Voice


@dataclass(frozen=True, slots=True)
class StoryLabel:
    """One version of a story. `origin` is the voice of whoever told it first; `denies` the story that it denies."""

    split: str  # dev or test
    story: str
    group: str  # stories of one group are hard to tell apart
    voice: Voice
    origin: Voice
    published: datetime
    outlet: str
    title: str
    text: str
    denies: str | None


@dataclass(frozen=True, slots=True)
class StoryQuality:
    """Shares in [0, 1]. Pairs are of two texts."""

    stories: int
    texts: int
    precision: float  # pairs put into one story that are of one story
    recall: float  # pairs of one story that were put into one
    leaked: float  # versions that count beside the story's first one as a story of their own
    largest: int  # texts of the largest story found
    voice: float  # stories (labelled) whose first text stands in one with the right voice of origin
    official_precision: float  # of those that were said to be of official origin
    official_recall: float


def read_rewrites(file: Path, split: str | None = None) -> list[StoryLabel]:
    """Read labelled versions, of one split or all.

    Raises: MonitorError naming the line that cannot be read.
    """
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            row |= {"published": datetime.fromisoformat(row["published"])}
            row |= {name: Voice(row[name]) for name in ("voice", "origin")}
            row.pop("writer")
            found.append(StoryLabel(**row))
        except (ValueError, KeyError, TypeError) as error:
            raise MonitorError(f"{file}, line {number}: {error}") from error
    return [label for label in found if split in (None, label.split)]


def story_quality(labels: Sequence[StoryLabel], stories: Sequence[str], voices: Mapping[str, str]) -> StoryQuality:
    """Measure stories found against labels.

    Args: labels: versions, and texts of an empty split that stand around them; those are judged as stories of
        their own but for voices. stories: the story found for each. voices: the voice of each story found.
    """
    found: dict[str, list[StoryLabel]] = defaultdict(list)
    for label, story in zip(labels, stories, strict=True):
        found[story].append(label)
    pairs = [(a.story == b.story) for texts in found.values() for a, b in combinations(texts, 2)]
    wanted = sum(n * (n - 1) // 2 for n in Counter(label.story for label in labels).values())
    firsts: dict[str, tuple[StoryLabel, str]] = {}
    for label, story in sorted(zip(labels, stories, strict=True), key=lambda pair: pair[0].published):
        firsts.setdefault(label.story, (label, story))
    later = [
        (label, story) for label, story in zip(labels, stories, strict=True) if firsts[label.story][0] is not label
    ]
    told = [(label, voices[story]) for label, story in firsts.values() if label.split]
    return StoryQuality(
        stories=len(told),
        texts=sum(bool(label.split) for label in labels),
        precision=_share(pairs),
        recall=sum(pairs) / wanted if wanted else 1.0,
        leaked=_share([story != firsts[label.story][1] for label, story in later]),
        largest=max(map(len, found.values()), default=0),
        voice=_share([label.origin == voice for label, voice in told]),
        official_precision=_share([label.origin is Voice.OFFICIAL for label, voice in told if voice == "official"]),
        official_recall=_share([voice == "official" for label, voice in told if label.origin is Voice.OFFICIAL]),
    )


def _share(values: Iterable[bool]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else 1.0
