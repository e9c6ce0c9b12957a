"""Real boundaries: neighbours stay joined, bad files are refused by feature, nothing half is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from benchmarks import year
from dashboard.app import create_app
from pipelines import users
from pipelines.boundaries import BoundariesRefused, boundaries_file, load_boundaries, take_boundaries, thin
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store

REAL = os.environ.get("TEST_BOUNDARIES", "")  # a GeoJSON file of the region's desa, which is not shipped
LEFT, RIGHT = "99.01.01.2001", "99.01.01.2002"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={}, home=tmp_path / "home", region=PROJECT / "data" / "regions" / "contoh")


def wiggle(x: float, count: int = 40) -> list[list[float]]:
    """A border from south to north that swings by 0.0003 degrees, less than what is thinned away."""
    return [[x + 0.0003 * (i % 2), -5 + 0.1 * i / count] for i in range(count + 1)]


def two_desa() -> dict[str, Any]:
    border = wiggle(105.1)
    left = [[105.0, -5.0], *border, [105.0, -4.9], [105.0, -5.0]]
    right = [[105.2, -5.0], [105.2, -4.9], *border[::-1], [105.2, -5.0]]
    return {
        "type": "FeatureCollection",
        "license": "MIT",
        "features": [
            {"id": LEFT, "properties": None, "geometry": {"type": "Polygon", "coordinates": [left]}},
            {
                "properties": {"code": int(RIGHT.replace(".", ""))},
                "geometry": {"type": "MultiPolygon", "coordinates": [[right]]},
            },
            {"properties": {"code": "11.01.01.2001"}, "geometry": {"type": "Polygon", "coordinates": [left]}},
        ],
    }


def written(tmp_path: Path, content: object) -> Path:
    file = tmp_path / "b.geojson"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_polygons_are_thinned_alike_on_both_sides_of_a_border(settings: Settings, tmp_path: Path) -> None:
    taken = take_boundaries(settings, written(tmp_path, two_desa()))
    assert (taken.drawn, taken.unknown) == (2, ("11.01.01.2001",))
    assert "Karangsejuk" not in taken.missing
    assert len(taken.missing) == 34
    kept = load_boundaries(settings)
    left, right = ({tuple(p) for p in kept[code][0]} for code in (LEFT, RIGHT))
    assert len(left & right) == 2, "the swings are gone, and both sides still meet where they did"
    assert len(left) == len(right) == 4
    assert json.loads(boundaries_file(settings).read_text())["label"] == "batas indikatif"


def test_without_boundaries_there_are_none(settings: Settings) -> None:
    assert load_boundaries(settings) == {}


def test_the_map_draws_real_boundaries_as_soon_as_they_are_taken(tmp_path: Path) -> None:
    made = load_settings(environment={}, home=tmp_path / "home", region=PROJECT / "data" / "regions" / "contoh")
    year.fill(made, days=3, stories_a_day=20)
    with Store(made.database) as store:
        users.add(store, "analis", [users.Role.ANALIS], "empat-kata-acak-sekali", "tes", year.NOW)
        secret = users.sign_in(store, "analis", "empat-kata-acak-sekali", "x", year.NOW)
    client = TestClient(create_app(made, lambda: year.NOW), cookies={"sejuk": secret})
    tiles = client.get("/").text
    take_boundaries(made, written(tmp_path, two_desa()))
    outlines = client.get("/").text
    assert "batas indikatif" not in tiles
    assert "<b>batas indikatif</b>" in outlines
    assert outlines.count('<g class="desa') == tiles.count('<g class="desa') == 36


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[1, 2", "is not JSON"),
        ("[]", "no GeoJSON FeatureCollection"),
        ({"features": [3]}, "feature 1: needs a Kemendagri code"),
        ({"features": [{"id": LEFT, "geometry": None}]}, "feature 1: needs a Polygon or MultiPolygon, has None"),
        ({"features": [{"id": LEFT, "geometry": {"type": "Point", "coordinates": [1, 2]}}]}, "has Point"),
        (
            {"features": [{"id": LEFT, "geometry": {"type": "Polygon", "coordinates": [[[105, "x"]]]}}]},
            "feature 1: coordinates that cannot be read",
        ),
        (
            {"features": [{"id": LEFT, "geometry": {"type": "Polygon", "coordinates": [[[5e5, 9e6], [5e5, 9e5]]]}}]},
            "not longitude and latitude",
        ),
        (
            {"features": [{"id": LEFT, "geometry": {"type": "Polygon", "coordinates": [[[1, 2], [1, 2], [1, 3]]]}}]},
            "fewer than three points",
        ),
        ({"features": [{"id": "11.01.01.2001", "geometry": None}]}, "no feature names a desa of this region"),
    ],
)
def test_a_bad_file_is_refused_in_words_and_what_was_kept_stays(
    settings: Settings, tmp_path: Path, change: object, words: str
) -> None:
    take_boundaries(settings, written(tmp_path, two_desa()))
    before = load_boundaries(settings)
    with pytest.raises(BoundariesRefused, match=words):
        take_boundaries(settings, written(tmp_path, change))
    assert load_boundaries(settings) == before


def test_a_damaged_kept_file_says_what_to_do(settings: Settings) -> None:
    settings.home.mkdir()
    boundaries_file(settings).write_text("{}")
    with pytest.raises(BoundariesRefused, match="run `region boundaries` again"):
        load_boundaries(settings)


def test_an_island_keeps_its_shape_and_an_islet_is_left_out() -> None:
    island = tuple((105 + x / 100, -5 + y / 100) for x, y in ((0, 0), (1, 2), (3, 3), (4, 0), (0, 0)))
    islet = tuple((106 + x / 1e5, -5 + y / 1e5) for x, y in ((0, 0), (1, 2), (3, 3), (4, 0), (0, 0)))
    assert set(thin({LEFT: [island, islet]})[LEFT][0]) == set(island)
    assert len(thin({LEFT: [island, islet]})[LEFT]) == 1
    assert thin({LEFT: [islet]})[LEFT] == [islet]


@pytest.mark.skipif(not Path(REAL).is_file(), reason="TEST_BOUNDARIES names no file of real boundaries")
def test_the_real_region_is_drawn_but_for_the_desa_that_have_no_polygon(tmp_path: Path) -> None:
    settings = load_settings(environment={}, home=tmp_path)
    taken = take_boundaries(settings, Path(REAL))
    assert taken.drawn >= 144
    assert not taken.unknown
    assert boundaries_file(settings).stat().st_size < 120_000
