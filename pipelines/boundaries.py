"""Real polygons for the map: read from GeoJSON, thinned without opening gaps between neighbours, kept at home."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import MonitorError
from analysis.gazetteer import Gazetteer
from pipelines.config import Settings

LABEL = "batas indikatif"
LARGEST = 50_000_000  # bytes of a file that is read
GRID = 1e-5  # degrees, about 1 m: points nearer than this are one
TOLERANCE = 0.0012  # degrees, about 130 m: a pixel of a map 500 px wide over a kabupaten

Point = tuple[float, float]  # longitude, latitude, WGS 84
Ring = tuple[Point, ...]  # closed: the last point is the first


class BoundariesRefused(MonitorError):  # noqa: N818 (an answer, not a fault)
    """A file that holds no usable polygons; says which feature."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from a file."""

    drawn: int
    points: int
    missing: tuple[str, ...]  # names of desa without a polygon
    unknown: tuple[str, ...]  # codes that the region does not have


def boundaries_file(settings: Settings) -> Path:
    """Return where the thinned polygons lie."""
    return settings.home / "boundaries.json"


def boundaries_stamp(settings: Settings) -> int:
    """Return what changes when boundaries are taken or removed."""
    file = boundaries_file(settings)
    return file.stat().st_mtime_ns if file.is_file() else 0


def take_boundaries(settings: Settings, file: Path) -> Taken:
    """Read a GeoJSON file, thin its polygons and keep them in the home folder.

    A feature's desa is told by `properties.code` or `id`, a Kemendagri code with or without dots.
    Raises: BoundariesRefused, GazetteerError.
    """
    collection = _read(file)
    desa = Gazetteer.load(settings.region).desa
    by_digits = {code.replace(".", ""): code for code in desa}
    rings: dict[str, list[Ring]] = {}
    unknown = []
    for number, feature in enumerate(collection["features"], start=1):
        written = _code(feature, number)
        code = by_digits.get(written.replace(".", ""))
        if code is None:
            unknown.append(written)
        else:
            rings.setdefault(code, []).extend(_rings(feature, number))
    if not rings:
        raise BoundariesRefused(f"{file}: no feature names a desa of this region (properties.code or id)")
    thinned = thin(rings)
    kept = {"label": LABEL, "source": _text(collection, "source"), "license": _text(collection, "license")}
    target = boundaries_file(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_text(json.dumps(kept | {"desa": thinned}), encoding="utf-8")
    part.replace(target)
    points = sum(len(ring) for each in thinned.values() for ring in each)
    missing = tuple(desa[code].name for code in sorted(desa.keys() - thinned.keys()))
    return Taken(len(thinned), points, missing, tuple(unknown))


def load_boundaries(settings: Settings) -> dict[str, list[Ring]]:
    """Return the kept polygons by desa code: rings to be filled even-odd; empty where none were taken.

    Raises: BoundariesRefused where the kept file is damaged.
    """
    file = boundaries_file(settings)
    if not file.is_file():
        return {}
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))["desa"]
        return {code: [tuple((x, y) for x, y in ring) for ring in rings] for code, rings in kept.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BoundariesRefused(f"{file} is damaged; run `region boundaries` again or remove it") from error


# -- reading --------------------------------------------------------------------------------------


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST:
            raise BoundariesRefused(f"{file} is larger than {LARGEST // 1_000_000} MB; simplify it first")
        collection = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoundariesRefused(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BoundariesRefused(f"{file} is not JSON: {error}") from error
    if not isinstance(collection, dict) or not isinstance(collection.get("features"), list):
        raise BoundariesRefused(f"{file} is no GeoJSON FeatureCollection")
    return collection


def _code(feature: Any, number: int) -> str:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    code = (properties.get("code") if isinstance(properties, dict) else None) or (
        feature.get("id") if isinstance(feature, dict) else None
    )
    if not isinstance(code, str | int):
        raise BoundariesRefused(f"feature {number}: needs a Kemendagri code in properties.code or id")
    return str(code)


def _rings(feature: dict[str, Any], number: int) -> Iterator[Ring]:
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise BoundariesRefused(f"feature {number}: needs a Polygon or MultiPolygon, has {kind}")
    try:
        polygons = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]  # type: ignore[index]
        for polygon in polygons:
            for ring in polygon:
                yield _ring([(float(point[0]), float(point[1])) for point in ring])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise BoundariesRefused(f"feature {number}: coordinates that cannot be read ({error})") from error


def _ring(points: list[Point]) -> Ring:
    """Put points on the grid and close the ring."""
    if not all(abs(x) <= 180 and abs(y) <= 90 for x, y in points):
        raise ValueError("not longitude and latitude in degrees (WGS 84)")
    on_grid = [(round(round(x / GRID) * GRID, 5), round(round(y / GRID) * GRID, 5)) for x, y in points]
    kept = [p for p, before in zip(on_grid, [None, *on_grid], strict=False) if p != before]
    if len(set(kept)) < 3:
        raise ValueError("a ring of fewer than three points")
    return tuple(kept) if kept[0] == kept[-1] else (*kept, kept[0])


def _text(collection: dict[str, Any], key: str) -> str:
    value = collection.get(key)
    return value[:200] if isinstance(value, str) else ""


# -- thinning -------------------------------------------------------------------------------------


def thin(rings: dict[str, list[Ring]], tolerance: float = TOLERANCE) -> dict[str, list[Ring]]:
    """Thin rings; a border that two desa share is thinned once, alike for both.

    Rings are cut where more than two borders meet, and each piece is thinned in a direction that does not
    depend on the ring. Islets that shrink to a line are left out unless they are all a desa has.
    """
    every = [ring for each in rings.values() for ring in each]
    corners = _corners(every)
    out = {}
    for code, each in rings.items():
        thinned = [_thin_ring(ring, corners, tolerance) for ring in each]
        out[code] = [ring for ring in thinned if len(ring) > 3] or [max(each, key=len)]
    return out


def _corners(rings: Sequence[Ring]) -> set[Point]:
    neighbours: dict[Point, set[Point]] = defaultdict(set)
    for ring in rings:
        for a, b in pairwise(ring):
            neighbours[a].add(b)
            neighbours[b].add(a)
    return {point for point, beside in neighbours.items() if len(beside) != 2}


def _thin_ring(ring: Ring, corners: set[Point], tolerance: float) -> Ring:
    body = ring[:-1]
    cuts = [i for i, point in enumerate(body) if point in corners]
    if len(cuts) < 2:  # an island, or a border with one neighbour alone: cut at points that both rings choose alike
        cuts = sorted({body.index(min(body)), body.index(max(body)), *cuts})
    body = body[cuts[0] :] + body[: cuts[0]]
    cuts = [cut - cuts[0] for cut in cuts] + [len(body)]
    closed = (*body, body[0])
    out: list[Point] = []
    for start, end in pairwise(cuts):
        out += _thin_piece(closed[start : end + 1], tolerance)[:-1]
    return (*out, out[0])


def _thin_piece(piece: Sequence[Point], tolerance: float) -> list[Point]:
    if piece[-1] < piece[0]:
        return _thin_piece(piece[::-1], tolerance)[::-1]
    points = np.array(piece)
    keep = np.zeros(len(points), dtype=np.bool_)
    keep[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        away = _distance(points[start + 1 : end], points[start], points[end])
        farthest = start + 1 + int(np.argmax(away))
        if away[farthest - start - 1] > tolerance:
            keep[farthest] = True
            spans += [(start, farthest), (farthest, end)]
    return [point for point, kept in zip(piece, keep, strict=True) if kept]


def _distance(points: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each point's distance in degrees to the line through a and b.

    Source: Douglas and Peucker (1973), https://doi.org/10.3138/FM57-6770-U75U-7727.
    """
    along, beside = b - a, points - a
    length = math.hypot(*along)
    if not length:
        return np.asarray(np.hypot(beside[:, 0], beside[:, 1]))
    return np.asarray(np.abs(along[0] * beside[:, 1] - along[1] * beside[:, 0]) / length)
