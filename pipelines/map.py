"""The region as a picture: a tile a desa, or its real outline, in colours that hold in grey and for any eye."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

# Light to dark in even steps of lightness, so that the order holds in grey print and for colour-blind readers.
COLOURS = ("#e9f1f0", "#fbdca6", "#f6b26b", "#d9652b", "#8f1d14")
NO_DATA = "#c3c7ca"
INK = "#1d2327"
TILE = 24  # units of the drawing at least; of a small region as much as fills the width
NARROWEST = 320  # so that the legend fits beneath
SPARE = 1.25  # cells for each desa, so that the outline can follow the land

Ring = Sequence[tuple[float, float]]  # longitude, latitude
Points = tuple[tuple[str, float, float], ...]  # code, latitude, longitude; in order of code
Cells = dict[str, tuple[int, int]]  # column and row by code, the north on top
LAID_OUT: dict[Points, Cells] = {}  # what was laid out once


@dataclass(frozen=True, slots=True)
class MapDesa:
    """One desa to draw. `level` (0 to 4) is None where there is no data; `title` is what is read aloud of it."""

    code: str
    name: str
    kecamatan: str
    lat: float
    lon: float
    status: str  # enough, estimated, no_data
    level: int | None
    title: str


@dataclass(frozen=True, slots=True)
class MapWords:
    """What the picture says, in the reader's language."""

    label: str  # the whole picture in a sentence
    calm: str
    tense: str
    estimated: str
    no_data: str


def draw_map(desa: Sequence[MapDesa], words: MapWords, outlines: Mapping[str, Sequence[Ring]] | None = None) -> str:
    """Return an SVG: every desa once, its status and level as classes, hatched where estimated, grey where no data.

    Args: outlines: rings by code; a desa without one, or all where none are given, is drawn as a tile.
    """
    if not desa:
        return ""
    shapes, borders, names, width, height = _outlined(desa, outlines) if outlines else _tiled(desa)
    drawn = "".join(_desa(each, shapes[each.code]) for each in desa)
    full = max(width, NARROWEST)
    left = (width - full) / 2
    lying = " lying" if full > height else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="map{lying}" role="img" '
        f'viewBox="{left:g} 0 {full:g} {height + 46:g}" aria-label="{escape(words.label)}" '
        'font-family="system-ui, sans-serif" font-size="11">'
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<path d="M0 0V6" stroke="{INK}" stroke-width="1.6" stroke-opacity=".45"/></pattern></defs>'
        f'<g stroke="#ffffff" stroke-width="1">{drawn}</g>'
        f'<path d="{borders}" fill="none" stroke="{INK}" stroke-width="1.8" stroke-linecap="round" class="border"/>'
        f'{names}<g transform="translate({left:g} 0)">{_legend(words, height + 12)}</g></svg>'
    )


def _desa(desa: MapDesa, path: str) -> str:
    level = "" if desa.level is None else f" level-{desa.level}"
    colour = NO_DATA if desa.level is None else COLOURS[desa.level]
    hatched = (
        f'<path d="{path}" fill="url(#hatch)" stroke="none" class="hatched"/>' if desa.status == "estimated" else ""
    )
    return (
        f'<g class="desa {desa.status}{level}" data-code="{escape(desa.code)}"><title>{escape(desa.title)}</title>'
        f'<path d="{path}" fill="{colour}" fill-rule="evenodd"/>{hatched}</g>'
    )


def centroids(region: Path) -> dict[str, tuple[float, float]]:
    """Return (latitude, longitude) of every desa of a region's folder.

    Where the table has no coordinates the desa stand in order, a row a kecamatan: seen, but not where they lie.
    """
    with (region / "desa.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if all(row.get("lat") and row.get("lon") for row in rows):
        return {row["code"]: (float(row["lat"]), float(row["lon"])) for row in rows}
    order = list(dict.fromkeys(row["kecamatan_code"] for row in rows))
    seats: Counter[str] = Counter()
    points = {}
    for row in rows:
        points[row["code"]] = (-0.01 * order.index(row["kecamatan_code"]), 0.01 * seats[row["kecamatan_code"]])
        seats[row["kecamatan_code"]] += 1
    return points


# -- tiles ----------------------------------------------------------------------------------------


def _tiled(desa: Sequence[MapDesa]) -> tuple[dict[str, str], str, str, float, float]:
    cells = lay_out(tuple(sorted((d.code, d.lat, d.lon) for d in desa)))
    kecamatan = {cells[d.code]: d.kecamatan for d in desa}
    columns, rows = (max(axis) + 1 for axis in zip(*kecamatan, strict=True))
    tile = min(2 * TILE, max(TILE, NARROWEST // columns))
    shapes = {d.code: f"M{cells[d.code][0] * tile} {cells[d.code][1] * tile}h{tile}v{tile}h{-tile}z" for d in desa}
    width, height = columns * tile, rows * tile
    middle: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (column, row), name in kecamatan.items():
        middle[name].append(((column + 0.5) * tile, (row + 0.5) * tile))
    return shapes, "".join(_edges(kecamatan, tile)), _names(middle, width), width, height


def lay_out(desa: Points) -> Cells:
    """Give every desa a cell of a square grid, as near to where it lies as all others allow; kept once made."""
    if desa not in LAID_OUT:
        LAID_OUT[desa] = assign(desa)
    return LAID_OUT[desa]


def assign(desa: Points) -> Cells:
    """Return the cells of a layout: the sum of squared distances is the least possible.

    Source: assignment problem, Jonker and Volgenant 1987, as in scipy.optimize.linear_sum_assignment.
    """
    from scipy.optimize import linear_sum_assignment  # 20 MB, which the page need not carry

    latitude = np.array([lat for _, lat, _ in desa])
    longitude = np.array([lon for _, _, lon in desa])
    x = (longitude - longitude.min()) * math.cos(math.radians(float(latitude.mean())))
    y = latitude.max() - latitude
    step = _step(x, y, len(desa))
    columns, rows = math.ceil(float(x.max()) / step) + 2, math.ceil(float(y.max()) / step) + 2
    grid = np.array([(column, row) for row in range(rows) for column in range(columns)])
    cost = (grid[:, 0] * step - x[:, None]) ** 2 + (grid[:, 1] * step - y[:, None]) ** 2
    chosen = grid[linear_sum_assignment(cost)[1]]
    chosen = chosen - chosen.min(axis=0)
    return {code: (int(column), int(row)) for (code, _, _), (column, row) in zip(desa, chosen, strict=True)}


def _step(x: np.ndarray, y: np.ndarray, count: int) -> float:
    """Return the largest width of a cell with which the land around the desa has a cell for each, and some spare."""
    step = max(float(x.max()), float(y.max()), 1e-6)
    while True:
        near = {
            (round(a / step) + i, round(b / step) + j)
            for a, b in zip(x, y, strict=True)
            for i in (0, 1)
            for j in (0, 1)
        }
        if len(near) >= SPARE * count:
            return step
        step *= 0.95


def _edges(kecamatan: Mapping[tuple[int, int], str], tile: int) -> Iterator[str]:
    """Yield the lines between tiles of different kecamatan, and around the region."""
    for (column, row), name in kecamatan.items():
        x, y = column * tile, row * tile
        if kecamatan.get((column, row - 1)) != name:
            yield f"M{x} {y}h{tile}"
        if kecamatan.get((column - 1, row)) != name:
            yield f"M{x} {y}v{tile}"
        if (column, row + 1) not in kecamatan:
            yield f"M{x} {y + tile}h{tile}"
        if (column + 1, row) not in kecamatan:
            yield f"M{x + tile} {y}v{tile}"


def _names(middle: Mapping[str, Sequence[tuple[float, float]]], width: float) -> str:
    """Return the kecamatan's names over their middle, edged so that they are read on any colour."""
    texts, taken = [], list[tuple[float, float, float]]()
    for name, points in sorted(middle.items(), key=lambda item: sum(y for _, y in item[1]) / len(item[1])):
        x, y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
        half = 3.2 * len(name)
        x = min(max(x, half), max(width - half, half))
        while any(abs(x - a) < half + b and abs(y - c) < 12 for a, b, c in taken):
            y += 3
        taken.append((x, half, y))
        texts.append(f'<text x="{x:.0f}" y="{y + 4:.0f}">{escape(name)}</text>')
    return (
        f'<g class="names" text-anchor="middle" font-weight="600" fill="{INK}" stroke="#ffffff" stroke-width="3" '
        f'paint-order="stroke" stroke-linejoin="round" pointer-events="none">{"".join(texts)}</g>'
    )


# -- outlines -------------------------------------------------------------------------------------


def _outlined(
    desa: Sequence[MapDesa], outlines: Mapping[str, Sequence[Ring]] | None
) -> tuple[dict[str, str], str, str, float, float]:
    rings = {d.code: (outlines or {}).get(d.code) or [_square(d)] for d in desa}
    points = [point for each in rings.values() for ring in each for point in ring]
    west, north = min(x for x, _ in points), max(y for _, y in points)
    shrink = math.cos(math.radians(sum(y for _, y in points) / len(points)))
    scale = 420 / max((max(x for x, _ in points) - west) * shrink, 1e-6)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return (point[0] - west) * shrink * scale, (north - point[1]) * scale

    shapes = {code: "".join(_ring(map(place, ring)) for ring in each) for code, each in rings.items()}
    middle: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for d in desa:
        middle[d.kecamatan].append(place((d.lon, d.lat)))
    height = (north - min(y for _, y in points)) * scale
    return shapes, "M0 0", _names(middle, 420), 420, height


def _ring(points: Iterator[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "z"


def _square(desa: MapDesa, half: float = 0.006) -> Ring:
    """Return a square of about 1.3 km around a desa whose outline is not known."""
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return [(desa.lon + dx * half, desa.lat + dy * half) for dx, dy in corners]


# -- legend ---------------------------------------------------------------------------------------


def _legend(words: MapWords, top: float) -> str:
    """Return the scale from calm to tense, and the two ways of not knowing."""
    boxes = "".join(
        f'<rect x="{58 + 18 * i}" y="{top}" width="18" height="12" fill="{colour}" class="level-{i}"/>'
        for i, colour in enumerate(COLOURS)
    )
    hatched = (
        f'<rect x="0" y="{top + 18}" width="18" height="12" fill="{COLOURS[1]}" stroke="{INK}" stroke-width=".5"/>'
    )
    return (
        f'<g class="legend" fill="{INK}"><text x="0" y="{top + 10}">{escape(words.calm)}</text>{boxes}'
        f'<text x="154" y="{top + 10}">{escape(words.tense)}</text>{hatched}'
        f'<rect x="0" y="{top + 18}" width="18" height="12" fill="url(#hatch)"/>'
        f'<text x="24" y="{top + 28}">{escape(words.estimated)}</text>'
        f'<rect x="190" y="{top + 18}" width="18" height="12" fill="{NO_DATA}" class="no_data"/>'
        f'<text x="214" y="{top + 28}">{escape(words.no_data)}</text></g>'
    )
