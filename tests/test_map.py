"""The picture of the region: every desa once, what is not known drawn as such."""

from __future__ import annotations

import csv
import itertools
import re
from xml.etree import ElementTree

import pytest

from pipelines.config import PROJECT
from pipelines.map import COLOURS, LAID_OUT, NO_DATA, MapDesa, MapWords, draw_map, lay_out

WORDS = MapWords("Peta Pesawaran", "tenang", "tegang", "diperkirakan", "tidak ada data")
SVG = "{http://www.w3.org/2000/svg}"


def desa(code: str, lat: float, lon: float, status: str = "enough", level: int | None = 1, **more: str) -> MapDesa:
    name = more.get("name", code)
    return MapDesa(code, name, code[:8], lat, lon, status, level, f"{name}: {status}")


def pesawaran() -> list[MapDesa]:
    with (PROJECT / "data" / "regions" / "pesawaran" / "desa.csv").open(encoding="utf-8") as handle:
        return [
            MapDesa(r["code"], r["name"], r["kecamatan"], float(r["lat"]), float(r["lon"]), "enough", 0, r["name"])
            for r in csv.DictReader(handle)
        ]


def test_every_desa_has_a_tile_of_its_own_near_where_it_lies() -> None:
    region = pesawaran()
    cells = lay_out(tuple((d.code, d.lat, d.lon) for d in region))
    assert len(set(cells.values())) == len(region) == 148
    north, south = max(region, key=lambda d: d.lat), min(region, key=lambda d: d.lat)
    assert cells[north.code][1] < cells[south.code][1]
    together = [  # most tiles touch another of their kecamatan, so that a kecamatan is seen as one
        any(
            abs(cells[d.code][0] - cells[e.code][0]) + abs(cells[d.code][1] - cells[e.code][1]) == 1
            for e in region
            if e.kecamatan == d.kecamatan
        )
        for d in region
    ]
    assert sum(together) / len(together) > 0.9


def test_a_region_is_laid_out_once_in_whatever_order_its_desa_come() -> None:
    region = [desa(f"98.01.01.{2001 + i}", -5.1 - i * 0.01, 105.0 + i % 3 * 0.01) for i in range(9)]
    before = len(LAID_OUT)
    drawn = [draw_map(each, WORDS) for each in (region, region[::-1])]
    assert len(LAID_OUT) == before + 1
    assert sorted(re.findall(r"<g class=\"desa.*?</g>", drawn[0])) == sorted(
        re.findall(r"<g class=\"desa.*?</g>", drawn[1])
    )


def test_what_is_estimated_is_hatched_and_what_is_not_known_is_grey() -> None:
    drawn = draw_map(
        [desa("99.01.01.2001", -5.1, 105.0, level=4), desa("99.01.01.2002", -5.2, 105.0, "estimated", 1),
         desa("99.01.02.2001", -5.1, 105.1, "no_data", None)], WORDS,
    )  # fmt: skip
    shown = {
        g.attrib["data-code"]: [(p.attrib["fill"]) for p in g.iter(f"{SVG}path")]
        for g in ElementTree.fromstring(drawn).iter(f"{SVG}g")
        if "data-code" in g.attrib
    }
    assert shown == {
        "99.01.01.2001": [COLOURS[4]],
        "99.01.01.2002": [COLOURS[1], "url(#hatch)"],
        "99.01.02.2001": [NO_DATA],
    }


def test_the_colours_keep_their_order_in_grey_print() -> None:
    grey = [sum(w * int(c[i : i + 2], 16) for w, i in ((0.299, 1), (0.587, 3), (0.114, 5))) for c in COLOURS]
    assert grey == sorted(grey, reverse=True)
    assert min(a - b for a, b in itertools.pairwise(grey)) > 8


def test_a_hostile_name_stays_a_name_and_nothing_is_styled_inline() -> None:
    drawn = draw_map([desa("99.01.01.2001", -5.1, 105.0, name='"><script>alert(1)</script>')], WORDS)
    assert "<script" not in drawn
    assert "style=" not in drawn  # the page's policy forbids it
    assert ElementTree.fromstring(drawn).attrib["aria-label"] == "Peta Pesawaran"


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_region_of_any_size_is_drawn(count: int) -> None:
    region = [desa(f"99.01.01.{2001 + i}", -5.1 - i * 0.01, 105.0) for i in range(count)]
    assert len(re.findall("data-code", draw_map(region, WORDS))) == count
    assert draw_map([], WORDS) == ""


def test_a_desa_without_an_outline_still_stands_among_outlined_ones() -> None:
    region = [desa("99.01.01.2001", -5.1, 105.0), desa("99.01.01.2002", -5.2, 105.1)]
    drawn = draw_map(region, WORDS, {"99.01.01.2001": [[(104.9, -5.0), (105.05, -5.0), (105.0, -5.15)]]})
    paths = [p.attrib["d"] for p in ElementTree.fromstring(drawn).iter(f"{SVG}path") if p.attrib["d"].endswith("z")]
    assert [path.count("L") for path in paths] == [2, 3]
