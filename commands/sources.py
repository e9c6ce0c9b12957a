"""`sources`: what is declared, who answers, and who switched what on."""

from __future__ import annotations

import json

import click

from commands.shared import settings_of


@click.group()
def sources() -> None:
    """List, probe, switch on or off the declared sources."""


@sources.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sources_list(ctx: click.Context, as_json: bool) -> None:
    """List the sources with their voice and legal basis, as they are in force."""
    from pipelines.collect import source_row
    from pipelines.grants import effective_sources
    from pipelines.terminal import show_sources

    found = effective_sources(settings_of(ctx))
    if as_json:
        click.echo(json.dumps([source_row(source) for source in found]))
    else:
        show_sources(found)


@sources.command("enable")
@click.argument("source_id", metavar="ID")
@click.option("--basis", required=True, help="Legal basis, as your legal department words it")
@click.option("--purpose", required=True, help="What it is read for")
@click.option("--by", "who", required=True, help="Who answers for it")
@click.option("--confirm-terms", is_flag=True, help="You have read the platform's terms, and this use keeps them (X)")
@click.pass_context
def sources_enable(ctx: click.Context, source_id: str, basis: str, purpose: str, who: str, confirm_terms: bool) -> None:
    """Switch a source on from the next run; basis, purpose and name go to the audit log."""
    from pipelines.grants import enable, must_confirm, terms_of
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    if terms := terms_of(settings, source_id):
        click.echo(terms)
    if must_confirm(settings, source_id) and not confirm_terms:
        confirm_terms = click.confirm("Sudah dibaca, dan pemakaian ini mematuhinya? (confirm these terms)")
    with Store(settings.database) as store:
        source = enable(settings, store, source_id, basis, purpose, who, utc_now(), confirm_terms)
    click.echo(f"{source.id} is on from the next run; basis: {source.basis}")
    if source.lacks_key:
        click.echo(f"It cannot be read yet: set {source.key_variable} in the environment.", err=True)


@sources.command("disable")
@click.argument("source_id", metavar="ID")
@click.option("--by", "who", required=True)
@click.option("--reason", default="", help="For the audit log")
@click.pass_context
def sources_disable(ctx: click.Context, source_id: str, who: str, reason: str) -> None:
    """Switch a source off from the next run; what it gave stays until retention takes it."""
    from pipelines.grants import disable
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    with Store(settings.database) as store:
        source = disable(settings, store, source_id, who, reason, utc_now())
    click.echo(f"{source.id} is off from the next run")


@sources.command("check")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sources_check(ctx: click.Context, as_json: bool) -> None:
    """Probe every source, enabled or not, and report; exit 4 if one cannot be read. Platforms are not asked."""
    from pipelines.collect import check_sources
    from pipelines.grants import effective_sources

    settings = settings_of(ctx)
    ctx.exit(check_sources(settings, effective_sources(settings), as_json))
