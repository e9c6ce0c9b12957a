"""`score` and `locate`: texts with their evidence, one or many."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import IO, Any

import click

from commands.shared import progress, settings_of


def _text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `score` and `locate` share: one text, or JSON lines in and out."""
    jsonl = "JSONL with id, text and optional title; - reads standard input"
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print one text's result as JSON"),
        click.option("--output", type=click.File("w", encoding="utf-8"), default="-", help="JSONL [default: stdout]"),
        click.option("--input", "source", type=click.File(encoding="utf-8", errors="surrogateescape"), help=jsonl),
        click.option("--title", default="", help="Title of the text"),
        click.argument("text", required=False),
    ):
        command = decorate(command)
    return command


@click.command()
@_text_options
@click.option("--sentences", is_flag=True, help="With --input: each sentence of a text with its own tension too")
@click.pass_context
def score(
    ctx: click.Context,
    text: str | None,
    title: str,
    source: IO[str] | None,
    output: IO[str],
    as_json: bool,
    sentences: bool,
) -> None:
    """Score texts: tension, level, sentiment, act, themes. One TEXT, or many with --input."""
    from pipelines.terminal_texts import show_score
    from pipelines.texts import score_lines, score_one

    settings = settings_of(ctx)
    if source is not None:
        if sys.stderr.isatty():
            with progress() as (_, on_stage):
                score_lines(settings, source, output, on_stage, sentences)
        else:
            score_lines(settings, source, output, sentences=sentences)
    elif text is None:
        raise click.UsageError("give a TEXT, or --input FILE (- for standard input)")
    else:
        result = score_one(settings, text, title)
        click.echo(json.dumps(result, ensure_ascii=False)) if as_json else show_score(result, text)


@click.command()
@_text_options
@click.pass_context
def locate(
    ctx: click.Context, text: str | None, title: str, source: IO[str] | None, output: IO[str], as_json: bool
) -> None:
    """Locate texts in the region, with the evidence for every place. One TEXT, or many with --input."""
    from pipelines.terminal_texts import show_location
    from pipelines.texts import locate_lines, locate_one

    settings = settings_of(ctx)
    if source is not None:
        locate_lines(settings, source, output)
    elif text is None:
        raise click.UsageError("give a TEXT, or --input FILE (- for standard input)")
    else:
        result = locate_one(settings, text, title)
        click.echo(json.dumps(result, ensure_ascii=False)) if as_json else show_location(result, text, title)
