"""`region`: what is known of the places."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from commands.shared import settings_of


@click.group()
def region() -> None:
    """Maintain what is known of the region."""


@region.command("new")
@click.argument("code")
@click.option(
    "--from",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="CSV: code, name, level, kecamatan, kabupaten (neighbours too)",
)
@click.option("--words", type=click.File(encoding="utf-8"), help="Everyday words, one a line: such desa need a trigger")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="[default: data/regions/CODE]")
def region_new(code: str, table: Path, words: IO[str] | None, out: Path | None) -> None:
    """Make the folder of another kabupaten from a table of places, with a report of ambiguous names."""
    from pipelines.config import PROJECT
    from pipelines.region import new_region
    from pipelines.terminal import show_region

    show_region(new_region(code, table, out or PROJECT / "data" / "regions" / code, words or ()))


@region.command("boundaries")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.pass_context
def region_boundaries(ctx: click.Context, file: Path) -> None:
    """Take real polygons (GeoJSON, WGS 84) for the map, labelled "batas indikatif"."""
    from pipelines.boundaries import take_boundaries

    settings = settings_of(ctx)
    taken = take_boundaries(settings, file)
    click.echo(f"{taken.drawn} of {taken.drawn + len(taken.missing)} desa have a boundary, {taken.points} points")
    if taken.missing:
        click.echo(f"drawn as a tile: {', '.join(taken.missing)}")
    if taken.unknown:
        click.echo(f"left out, no such desa: {', '.join(taken.unknown)}", err=True)
