"""`labels`: approved corrections out as labelled texts, labelled texts in for the next training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import click

from commands.shared import account, settings_of


@click.group()
def labels() -> None:
    """Analysts' corrections as labelled texts for `model train`."""


@labels.command("export")
@click.argument("out", type=click.File("w", encoding="utf-8", lazy=True))
@click.pass_context
def labels_export(ctx: click.Context, out: IO[str]) -> None:
    """Write every story with an approved correction to OUT (JSON lines; - for standard output)."""
    from pipelines.labels import export_labels
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        counts = export_labels(store, out, utc_now(), account())
    click.echo(json.dumps(counts), err=True)


@labels.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.pass_context
def labels_import(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Take labelled texts in (as `labels export` writes them); `model train` learns from them too."""
    from analysis.gazetteer import Gazetteer
    from pipelines.labels import import_labels
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    with Store(settings.database) as store:
        counts = import_labels(store, Gazetteer.load(settings.region), files, utc_now(), account())
    click.echo(json.dumps(counts))
