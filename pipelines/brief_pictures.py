"""The two pictures of the brief: the day's map and the region's trend, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.tension import nearest_level
from pipelines.boundaries import LABEL, load_boundaries
from pipelines.brief import Brief
from pipelines.config import Settings
from pipelines.map import MapDesa, MapWords, centroids, draw_map
from pipelines.wording import STATUS, day, number


def picture(settings: Settings, brief: Brief) -> str:
    """Return the day's map as SVG."""
    where = centroids(settings.region)
    desa = [
        MapDesa(
            row["code"], row["name"], row["kecamatan"], *where[row["code"]], row["status"],
            nearest_level(row["tension"]),
            f"{row['name']} ({row['kecamatan']}): {number(row['tension'])}, {STATUS[row['status']]}",
        )
        for row in brief.map
        if row["code"] in where
    ]  # fmt: skip
    outlines = load_boundaries(settings)
    label = f"Peta ketegangan {brief.region}, {day(brief.day)}" + (f", {LABEL}" if outlines else "")
    return draw_map(desa, MapWords(label, "tenang", "tegang", "diperkirakan", "tidak ada data"), outlines)


def spark(trend: Sequence[tuple[str, float | None, float | None, float | None]]) -> str:
    """Return the region's trend as SVG: a line, its interval, and gaps where nothing is known."""
    width, height, left = 360, 130, 26
    step = (width - left - 4) / max(len(trend) - 1, 1)

    def y(value: float) -> float:
        return round(8 + (1 - value) * (height - 28), 1)

    pieces: list[list[tuple[float, float, float, float]]] = [[]]
    for index, (_, tension, low, high) in enumerate(trend):
        if tension is None or low is None or high is None:
            pieces.append([])
        else:
            pieces[-1].append((round(left + index * step, 1), y(tension), y(low), y(high)))
    bands = "".join(
        '<polygon fill="#8f1d14" fill-opacity=".15" points="{}"/>'.format(
            " ".join([f"{x},{high}" for x, _, _, high in piece] + [f"{x},{low}" for x, _, low, _ in reversed(piece)])
        )
        for piece in pieces
        if len(piece) > 1
    )
    lines = "".join(
        '<polyline fill="none" stroke="#8f1d14" stroke-width="1.8" points="{}"/>'.format(
            " ".join(f"{x},{mid}" for x, mid, _, _ in piece)
        )
        for piece in pieces
        if piece
    )
    grid = "".join(
        f'<path d="M{left} {y(v)}H{width}" stroke="#d8d4ca"/><text x="0" y="{y(v) + 4}">{number(v, 1)}</text>'
        for v in (0.0, 0.5, 1.0)
    )
    ends = f'<text x="{left}" y="{height - 4}">{day(trend[0][0])}</text>' if trend else ""
    if len(trend) > 1:
        ends += f'<text x="{width}" y="{height - 4}" text-anchor="end">{day(trend[-1][0])}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="spark" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="Ketegangan kabupaten {len(trend)} hari terakhir" font-size="11" '
        'font-family="system-ui, sans-serif" '
        f'fill="#56616a">{grid}{bands}{lines}{ends}</svg>'
    )
