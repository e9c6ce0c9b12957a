"""Quality of the locator on labelled texts: the figures that `data/floors.toml` holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import MonitorError
from analysis.records import Location

SURE = 0.9  # confidence from which a pin is called certain


@dataclass(frozen=True, slots=True)
class PlaceLabel:
    """One text and where its matter takes place, by a careful reader."""

    id: str
    split: str  # dev, test or fresh
    kind: str
    title: str
    text: str
    desa: frozenset[str]
    kecamatan: frozenset[str]
    about: bool  # its matter takes place in the region at all
    trap: str


@dataclass(frozen=True, slots=True)
class PlaceQuality:
    """Shares in [0, 1]; precision and recall over pairs of text and desa, or text and kecamatan."""

    texts: int
    desa_precision: float
    desa_recall: float
    desa_exact: float  # texts whose set of desa is right
    kecamatan_f1: float
    about_accuracy: float
    false_desa: float  # texts of other places, or of none, that got a desa
    twins_abstained: float  # texts of an unresolved shared name that got no desa of that name
    sure_precision: float  # of the desa given with a confidence of at least 0.9


def read_places(file: Path, split: str | None = None) -> list[PlaceLabel]:
    """Read labelled texts, of one split or all.

    Raises: MonitorError naming the line that cannot be read.
    """
    return [label for label in _lines(file) if split in (None, label.split)]


def _lines(file: Path) -> Iterator[PlaceLabel]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            desa, kecamatan = frozenset(row.pop("desa")), frozenset(row.pop("kecamatan"))
            yield PlaceLabel(desa=desa, kecamatan=kecamatan, **row)
        except (ValueError, KeyError, TypeError) as error:
            raise MonitorError(f"{file.name}, line {number}: {error!r}") from error


def place_quality(labels: Sequence[PlaceLabel], found: Sequence[Location]) -> PlaceQuality:
    """Compare locations with labels, pairwise.

    Raises: ValueError where there are no labels, or not as many locations.
    """
    pairs = list(zip(labels, found, strict=True))
    if not pairs:
        raise ValueError("no labelled texts")
    desa = [(label.desa, frozenset(place.desa)) for label, place in pairs]
    kecamatan = [(label.kecamatan, frozenset(place.kecamatan)) for label, place in pairs]
    precision, recall = _precision_recall(desa)
    kec_precision, kec_recall = _precision_recall(kecamatan)
    sure = [(label.desa, frozenset(place.desa)) for label, place in pairs if place.confidence >= SURE]
    return PlaceQuality(
        len(pairs),
        precision,
        recall,
        _share(label == place for label, place in desa),
        2 * kec_precision * kec_recall / max(kec_precision + kec_recall, 1e-9),
        _share(label.about == place.kabupaten for label, place in pairs),
        _share(bool(place.desa) for label, place in pairs if not label.about),
        _share(not (frozenset(place.desa) - label.desa) for label, place in pairs if label.trap == "twin-unresolved"),
        _precision_recall(sure)[0],
    )


def _precision_recall(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> tuple[float, float]:
    listed = list(pairs)
    right = sum(len(label & place) for label, place in listed)
    given, wanted = sum(len(place) for _, place in listed), sum(len(label) for label, _ in listed)
    return (right / given if given else 1.0, right / wanted if wanted else 1.0)


def _share(answers: Iterable[bool]) -> float:
    listed = list(answers)
    return sum(listed) / len(listed) if listed else 1.0
