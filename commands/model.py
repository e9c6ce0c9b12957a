"""`model`: train, export, choose and measure what scores tension."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.shared import settings_of

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def model() -> None:
    """Train, export, choose and measure the models that score tension."""


@model.command("train")
@click.option("--preset", type=click.Choice(["kecil"]), help="Train the small default")
@click.option("--base", help="Fine-tune a BERT: a folder, or a name such as indobenchmark/indobert-base-p1")
@click.option("--revision", help="Commit, branch or tag of the base on the hub")
@click.option("--labels", type=FILE, multiple=True, help="JSONL of labels [default: data/labels/tension_train.jsonl]")
@click.option("--nlp", type=FOLDER, help="Folder with smsa/ and nusax/")
@click.option("--out", type=FOLDER, help="Where the model is written [default of a preset: data/models/PRESET]")
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True, help="Texts a step")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=3e-5, show_default=True)
@click.option("--window", type=click.IntRange(16), default=192, show_default=True, help="Tokens read of a text")
@click.option("--patience", type=click.IntRange(1), default=2, show_default=True, help="Epochs without getting better")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--save-every", type=click.IntRange(1), default=200, show_default=True, help="Steps between two saves")
@click.option("--validation-writer", help="Hold out this writer's texts [default: a tenth of all]")
@click.option("--corrections/--no-corrections", default=True, help="Learn from imported corrections [default: yes]")
@click.pass_context
def model_train(
    ctx: click.Context,
    /,
    preset: str | None,
    base: str | None,
    out: Path | None,
    labels: tuple[Path, ...],
    nlp: Path | None,
    corrections: bool,
    **plan: Any,
) -> None:
    """Train a model from labels, corrections and the sentiment sets: --preset (minutes), or --base (extra `train`).

    A training with --base that was stopped goes on when the same command is given again.
    """
    from pipelines.models import MODELS, train_base, train_preset

    if (preset is None) == (base is None):
        raise click.UsageError("give --preset kecil, or --base")
    corrected = _corrected(ctx, corrections)
    if base is None:
        folder = out or MODELS / str(preset)
        manifest = train_preset(nlp, folder, lambda line: click.echo(line, err=True), corrected)
        facts = {"model_id": manifest.model_id} | manifest.facts
    else:
        from analysis.training_state import Plan
        from pipelines.terminal_models import training_progress

        if out is None:
            raise click.UsageError("give --out FOLDER")
        with training_progress() as on_step:
            try:
                facts = train_base(Plan(base=base, **plan), labels, nlp, out, on_step, corrected)
            except KeyboardInterrupt:
                click.echo("stopped: the same command goes on from where the training was saved last", err=True)
                raise
    click.echo(json.dumps(facts, indent=1))


def _corrected(ctx: click.Context, wanted: bool) -> list[Any]:
    """Return the imported corrections, and say how many there are."""
    from pipelines.models import corrections

    found = corrections(settings_of(ctx)) if wanted else []
    if found:
        click.echo(f"{len(found)} imported corrections are learnt from (--no-corrections leaves them out)", err=True)
    return found


@model.command("places")
@click.option("--labels", type=FILE, help="JSONL of labelled places [default: data/labels/places.jsonl, split dev]")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="[default: data/place_weights.json]")
@click.pass_context
def model_places(ctx: click.Context, labels: Path | None, out: Path | None) -> None:
    """Learn how the words around a village tell whether a text's matter lies there (extra `train`; seconds)."""
    from pipelines.models import train_place_weights

    facts = train_place_weights(settings_of(ctx).region, labels, out, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(facts, indent=1))


@model.command("export")
@click.argument("folder", type=FOLDER)
@click.option("--labels", type=FILE, multiple=True, help="The files it was trained from, where --labels named any")
@click.option("--corrections/--no-corrections", default=True, help="As it was trained [default: with]")
@click.pass_context
def model_export(ctx: click.Context, folder: Path, labels: tuple[Path, ...], corrections: bool) -> None:
    """Write FOLDER/fp32 and FOLDER/int8 for the scorer: compared with torch, calibrated, hashed."""
    from pipelines.models import export_model

    corrected = _corrected(ctx, corrections)
    for name, manifest in export_model(folder, labels, lambda line: click.echo(line, err=True), corrected).items():
        click.echo(f"{folder / name}: {manifest.model_id}")


@model.command("verify")
@click.argument("folder", type=FOLDER)
def model_verify(folder: Path) -> None:
    """Check every file of a model folder against its hash, load it, and score its probes again."""
    from pipelines.models import check

    click.echo(f"{folder}: {check(folder).model_id}, unchanged")


@model.command("list")
@click.pass_context
def model_list(ctx: click.Context) -> None:
    """Show the shipped models and those under HOME/models as JSON, after checking their hashes."""
    from pipelines.models import installed

    settings = settings_of(ctx)
    click.echo(json.dumps(installed(settings.home, settings.model), indent=1, ensure_ascii=False))


@model.command("use")
@click.argument("folder", type=FOLDER)
@click.pass_context
def model_use(ctx: click.Context, folder: Path) -> None:
    """Score with the model of FOLDER from now on: checked, written into sejuk.toml, entered in the audit log."""
    from pipelines.models import use
    from pipelines.store import utc_now

    manifest = use(settings_of(ctx), ctx.obj["file"], folder, utc_now())
    click.echo(f"{manifest.name} ({manifest.model_id}); the next run scores every stored story with it")


@model.command("evaluate")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--labels", type=FILE, multiple=True, help="JSONL of labels [default: data/labels/tension_test.jsonl]")
@click.option("--nlp", type=FOLDER, help="Folder with smsa/ and nusax/: sentiment on their test splits too")
@click.option("--out", type=FOLDER, default="evaluasi", show_default=True, help="Where evaluasi.html and .md go")
@click.option("--card", is_flag=True, help="Write the main figures into the model's README.md too")
@click.pass_context
def model_evaluate(
    ctx: click.Context, folder: Path | None, labels: tuple[Path, ...], nlp: Path | None, out: Path, card: bool
) -> None:
    """Measure the model of FOLDER [default: the one in use] and write a page about it."""
    from pipelines.model_report import evaluate, quote, write_report
    from pipelines.models import read_all

    folder = folder or settings_of(ctx).model
    report = evaluate(folder, read_all(labels, "test"), nlp, floors=not labels)
    for path in [*write_report(report, out), *([quote(report, folder)] if card else [])]:
        click.echo(path)


@model.command("compare")
@click.argument("one", type=FOLDER)
@click.argument("other", type=FOLDER)
@click.option("--labels", type=FILE, multiple=True, help="JSONL of labels [default: data/labels/tension_test.jsonl]")
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, help="Texts shown")
@click.option("--json", "as_json", is_flag=True, help="Every text, as JSON")
def model_compare(one: Path, other: Path, labels: tuple[Path, ...], top: int, as_json: bool) -> None:
    """Show which texts score otherwise with OTHER than with ONE, by how much, and the floors of both."""
    from pipelines.model_compare import compare
    from pipelines.models import read_all
    from pipelines.terminal_models import show_comparison

    found = compare(one, other, read_all(labels, "test"), with_floors=not labels)
    click.echo(json.dumps(found.as_json(), ensure_ascii=False)) if as_json else show_comparison(found, top)
