"""What the words around a village say of where a matter lies: learnt from labels, held to floors, explained."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.errors import ModelError, MonitorError
from analysis.evaluation import PlaceLabel, place_quality, read_places
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.matter import FILE, Weights
from analysis.surroundings import Told
from analysis.training_places import fit, place_examples, train_places, writers
from pipelines.config import PROJECT
from run_monitor import cli

LABELS = PROJECT / "data" / "labels" / "places.jsonl"
GAZETTEER = Gazetteer.load(PROJECT / "data" / "regions" / "pesawaran")
HELD_OUT = {"e", "wq", "wx"}
BAGELEN, GERNING = "18.09.01.2007", "18.09.03.2010"


@pytest.fixture(scope="module")
def dev() -> list[PlaceLabel]:
    return read_places(LABELS, "dev")


def told(text: str, title: str = "") -> dict[str, Told]:
    return {place.code: place for place in Locator(GAZETTEER).places(text, title)}


def test_what_is_said_around_a_place_is_that_of_its_own_sentence() -> None:
    found = told("Hujan deras. Pemuda asal Desa Bagelen, Gedong Tataan, dibekuk di Natar. Warga Gerning tenang.")
    assert list(found) == [BAGELEN, "18.09.01", GERNING, ""]  # the region as a whole stands last
    bagelen, gerning = found[BAGELEN].said, found[GERNING].said
    assert {"before asal", "2nd before asal", "1st before desa", "role=home", "at=later"} <= bagelen
    assert "behind dibekuk" in bagelen
    assert not {"before hujan", "behind tenang"} & bagelen
    assert "before asal" not in gerning
    assert {"hujan", "tenang"} <= found[BAGELEN].gist == found[GERNING].gist
    assert {"before asal", "1st before warga"} <= found[""].said


def test_names_that_no_gazetteer_holds_are_told() -> None:
    assert "unknown,desa" in told("Rapat di Desa Wanasigra dihadiri pemuda Bagelen, Gedong Tataan")[BAGELEN].gist
    assert not {f for f in told("Rapat di Desa Bagelen, Gedong Tataan")[BAGELEN].gist if f.startswith("unknown")}


def test_the_same_words_tell_the_event_from_the_home(dev: list[PlaceLabel]) -> None:
    reasons = Locator(GAZETTEER).reasons("Pria asal Desa Bagelen, Kecamatan Gedong Tataan, dirampok di Kota Metro.")
    assert [reason.name for reason in reasons] == ["Bagelen", "Gedong Tataan", "Pesawaran"]
    assert all(reason.chance < 0.3 for reason in reasons)
    assert any("asal" in said and weight < 0 for said, weight in reasons[0].said)
    (bagelen, *_) = Locator(GAZETTEER).reasons("Perampokan terjadi di Desa Bagelen, Kecamatan Gedong Tataan.")
    assert bagelen.chance > 0.9


def test_weights_learnt_from_some_writers_place_the_texts_of_others(dev: list[PlaceLabel]) -> None:
    seen = [label for label in dev if writers([label])[0] not in HELD_OUT]
    apart = [label for label in dev if writers([label])[0] in HELD_OUT]
    assert len(apart) > 900
    locator = Locator(GAZETTEER, fit(place_examples(seen, Locator(GAZETTEER, Weights(0, {})))))
    found = asdict(place_quality(apart, [locator.locate(label.text, title=label.title) for label in apart]))
    floors = tomllib.loads((PROJECT / "data" / "floors.toml").read_text(encoding="utf-8"))["places"]["unseen_writers"]
    missed = {
        name: found[name]
        for name, floor in floors.items()
        if (found[name] > floor if name == "false_desa" else found[name] < floor)
    }
    assert missed == {}


def test_the_shipped_weights_were_learnt_from_the_shipped_labels(dev: list[PlaceLabel]) -> None:
    facts = json.loads(FILE.read_text(encoding="utf-8"))["facts"]
    assert facts["texts"] == len(dev), "labels were added: run_monitor.py model places"
    assert facts["writers"] == sorted(set(writers(dev)))


def test_the_command_writes_weights_that_can_be_read(dev: list[PlaceLabel], tmp_path: Path) -> None:
    labels = tmp_path / "places.jsonl"
    few = [label for label in dev if label.id[:2] in ("wp", "wu")][::3]
    rows = [asdict(label) | {"desa": sorted(label.desa), "kecamatan": sorted(label.kecamatan)} for label in few]
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "weights.json"
    result = CliRunner().invoke(cli, ["model", "places", "--labels", str(labels), "--out", str(out)])
    assert result.exit_code == 0, result.output
    written = Weights.load(out)
    again, facts = train_places(few, Locator(GAZETTEER))
    assert written == again
    assert facts["writers"] == ["wp", "wu"]
    assert written.weights["role=home"] < 0


def test_one_writer_alone_cannot_be_calibrated(dev: list[PlaceLabel]) -> None:
    with pytest.raises(MonitorError, match="one writer only"):
        train_places([label for label in dev if label.id.startswith("d")][:20], Locator(GAZETTEER))


@pytest.mark.parametrize("content", [None, "", "[]", '{"bias": 1}', '{"bias": 1, "weights": {"a": "x"}}'])
def test_weights_that_are_missing_or_broken_are_named_with_what_to_do(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ModelError, match=r"w\.json: no weights of places .*model places"):
        Weights.load(file)
