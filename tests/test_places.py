"""Quality of the locator on labelled texts, held by data/floors.toml; and the set itself."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from analysis.errors import MonitorError
from analysis.evaluation import PlaceLabel, PlaceQuality, place_quality, read_places
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.records import Location, PlaceLevel
from pipelines.config import PROJECT

LABELS = PROJECT / "data" / "labels" / "places.jsonl"
SECOND = LABELS.with_name("places_second.jsonl")
FLOORS = tomllib.loads((PROJECT / "data" / "floors.toml").read_text(encoding="utf-8"))["locator"]
GAZETTEER = Gazetteer.load(PROJECT / "data" / "regions" / "pesawaran")


@pytest.fixture(scope="module")
def quality() -> dict[str, PlaceQuality]:
    locator = Locator(GAZETTEER)

    def measured(split: str) -> PlaceQuality:
        labels = read_places(LABELS, split)
        return place_quality(labels, [locator.locate(label.text, title=label.title) for label in labels])

    return {split: measured(split) for split in FLOORS}


@pytest.mark.parametrize(("split", "name"), [(split, name) for split in FLOORS for name in sorted(FLOORS[split])])
def test_the_locator_stays_above_its_floors(split: str, name: str, quality: dict[str, PlaceQuality]) -> None:
    floor, measured = FLOORS[split][name], asdict(quality[split])[name]
    assert measured <= floor if name == "false_desa" else measured >= floor, f"{name} {measured:.3f}"


def test_the_labels_are_whole() -> None:
    labels = read_places(LABELS)
    assert (
        len({label.id for label in labels})
        == len({(label.title, label.text) for label in labels})
        == len(labels)
        >= 1900
    )
    assert len(read_places(LABELS, "test")) >= 320
    for label in labels:
        assert label.desa <= GAZETTEER.desa.keys(), label.id
        assert {GAZETTEER.desa[code].kecamatan_code for code in label.desa} <= label.kecamatan, label.id
        assert label.about or not label.kecamatan, label.id
    assert sum(not label.about for label in labels) >= 80
    assert len({label.trap for label in labels}) >= 25
    assert {code for label in labels for code in label.desa} == set(GAZETTEER.desa)  # every desa at least once


def test_the_second_labelling_is_of_texts_that_are_there() -> None:
    second = [json.loads(line) for line in SECOND.read_text(encoding="utf-8").splitlines()]
    first = {label.id: label for label in read_places(LABELS)}
    assert {row["id"] for row in second} >= {label.id for label in first.values() if label.split == "test"}
    same = [set(row["desa"]) == first[row["id"]].desa for row in second]
    assert sum(same) / len(same) > 0.99  # as data/labels/README.md says


def test_figures_are_what_they_say() -> None:
    def label(desa: str, about: bool = True, trap: str = "plain") -> PlaceLabel:
        return PlaceLabel("x", "dev", "news", "", "", frozenset(desa.split()), frozenset(), about, trap)

    def found(desa: str, confidence: float = 0.95) -> Location:
        codes = tuple(desa.split())
        return Location(PlaceLevel.DESA, codes, (), (), bool(codes), (), "", confidence)

    labels = [label("a b"), label("c"), label("", about=False), label("", trap="twin-unresolved")]
    quality = place_quality(labels, [found("a"), found("d", 0.8), found("e"), found("")])
    assert (quality.desa_precision, quality.desa_recall, quality.desa_exact) == (1 / 3, 1 / 3, 1 / 4)
    assert (quality.false_desa, quality.twins_abstained, quality.sure_precision) == (1.0, 1.0, 1 / 2)
    assert quality.about_accuracy == 2 / 4


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "places.jsonl"
    file.write_text(LABELS.read_text(encoding="utf-8").splitlines()[0] + "\n{}\n", encoding="utf-8")
    with pytest.raises(MonitorError, match=r"places\.jsonl, line 2"):
        read_places(file)
