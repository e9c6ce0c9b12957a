"""`sources`: what is declared, and who answers."""

from __future__ import annotations

import json

import click

from commands.shared import settings_of


@click.group()
def sources() -> None:
    """List or probe the declared sources."""


@sources.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sources_list(ctx: click.Context, as_json: bool) -> None:
    """List the sources with their voice and legal basis."""
    from pipelines.collect import declared_sources, source_row
    from pipelines.terminal import show_sources

    declared = declared_sources(settings_of(ctx))
    if as_json:
        click.echo(json.dumps([source_row(source) for source in declared]))
    else:
        show_sources(declared)


@sources.command("check")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sources_check(ctx: click.Context, as_json: bool) -> None:
    """Probe every source, enabled or not, and report; exit 1 if an enabled one cannot be read."""
    from pipelines.collect import check_sources

    code = check_sources(settings_of(ctx), as_json)
    ctx.exit(code)
