"""The frozen records that pass between the stages. Times are UTC-aware, days are region-local dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

LEVELS = ("tenang", "keluhan", "sengketa", "konfrontasi", "kekerasan")
ACTS = ("none", "cooling", "escalation")
THEMES = ("pemilu", "agraria", "layanan", "aparat", "sara", "kriminal", "pemuda", "lain")
SENTIMENTS = ("negatif", "netral", "positif")


class Voice(StrEnum):
    """Who speaks: kept apart, so that a release saying "kondusif" never lowers the score that police read."""

    PRESS = "press"
    OFFICIAL = "official"
    PUBLIC = "public"


class PlaceLevel(StrEnum):
    """The finest level at which a text's place is certain."""

    DESA = "desa"
    KECAMATAN = "kecamatan"
    KABUPATEN = "kabupaten"
    ELSEWHERE = "elsewhere"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Document:
    """A cleaned document. `date_known` is False where `published` had to be taken from the fetch time."""

    id: str
    source_id: str
    voice: Voice
    url: str
    title: str
    text: str
    lang: str
    published: datetime
    date_known: bool
    fetched_at: datetime
    author_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that is not taken in, with the reason that is counted."""

    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place a mention may mean. `level` is desa, kecamatan, kabupaten or elsewhere; weight in [0, 1]."""

    code: str
    name: str
    level: PlaceLevel
    weight: float


@dataclass(frozen=True, slots=True)
class Mention:
    """A place name as it stands in the text: `source[start:end] == span` in the field it was found in."""

    span: str
    start: int
    end: int
    field: str  # "title" or "text"
    candidates: tuple[Candidate, ...]
    code: str | None  # the candidate it was resolved to, None where it was left open
    rule: str  # the rule or weight that decided
    role: str = "event"  # event, home, office, dateline, comparison, organisation, teaser, implied, other
    chance: float | None = None  # that the text's matter lies there; None for a name that was not weighed


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a text's matter lies in a place of the region, or not."""

    code: str  # "" for the region as a whole
    name: str
    chance: float  # in [0, 1]
    said: tuple[tuple[str, float], ...]  # what is said around it, with its log-odds, the heaviest first


@dataclass(frozen=True, slots=True)
class Location:
    """Where a text's matter takes place, with its evidence.

    `desa` holds what is pinned by name or landmark; `desa_implied` is the part of it reached through a
    landmark only. `kecamatan` includes the parents of `desa`. `kabupaten` is True where the text is about
    the region at all. `confidence` in [0, 1] is that of the finest level given.
    """

    level: PlaceLevel
    desa: tuple[str, ...] = ()
    desa_implied: tuple[str, ...] = ()
    kecamatan: tuple[str, ...] = ()
    kabupaten: bool = False
    mentions: tuple[Mention, ...] = ()
    reason: str = ""
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """What the classifier says of n texts.

    Rows of levels, acts and sentiment sum to 1; themes are independent probabilities.
    """

    levels: NDArray[np.float32]  # (n, 5)
    acts: NDArray[np.float32]  # (n, 3)
    themes: NDArray[np.float32]  # (n, 8), each in [0, 1]
    sentiment: NDArray[np.float32]  # (n, 3)
    model_id: str

    def __len__(self) -> int:
        return len(self.levels)


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """One sentence of a scored text: `text[start:end]`, with its tension in [0, 1]."""

    start: int
    end: int
    tension: float
