"""`model`: train, list and verify what scores tension."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def model() -> None:
    """Train, list and verify the models that score tension."""


@model.command("train")
@click.option("--preset", type=click.Choice(["kecil"]), required=True, help="What to train")
@click.option("--nlp", type=click.Path(path_type=Path, file_okay=False), help="Folder with smsa/ and nusax/")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="[default: data/models/PRESET]")
def model_train(preset: str, nlp: Path | None, out: Path | None) -> None:
    """Train a model from data/labels and the sentiment sets (about a minute; needs scikit-learn)."""
    from pipelines.models import MODELS, train_preset

    manifest = train_preset(nlp, out or MODELS / preset, lambda line: click.echo(line, err=True))
    click.echo(json.dumps({"model_id": manifest.model_id} | manifest.facts, indent=1))


@model.command("list")
def model_list() -> None:
    """Show the shipped models, after checking their hashes."""
    from pipelines.models import installed

    click.echo(json.dumps(installed(), indent=1))


@model.command("verify")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def model_verify(folder: Path) -> None:
    """Check every file of a model folder against its hash."""
    from analysis.model_folder import verify

    click.echo(f"{folder}: {verify(folder).model_id}, unchanged")
