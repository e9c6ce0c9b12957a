"""`corrections`: a wrong place or level, a takedown, a clarification."""

from __future__ import annotations

import json

import click

from commands.shared import settings_of, work


@click.group()
def corrections() -> None:
    """Correct a wrong place or level, or take a document down; the days are built again by the next run."""


@corrections.command("list")
@click.option("--all", "every", is_flag=True, help="Decided ones too")
@click.pass_context
def corrections_list(ctx: click.Context, every: bool) -> None:
    """List proposed corrections as JSON lines."""
    from pipelines.corrections import listed
    from pipelines.store import Store

    with Store(settings_of(ctx).database, read_only=True) as store:
        for row in listed(store, ("proposed", "approved", "rejected") if every else ("proposed",)):
            click.echo(json.dumps(row, ensure_ascii=False))


@corrections.command("propose")
@click.argument("story")
@click.option("--place", help='Code of the region, or "elsewhere"')
@click.option("--level", type=click.IntRange(0, 4))
@click.option("--reason", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_propose(
    ctx: click.Context, story: str, place: str | None, level: int | None, reason: str, who: str
) -> None:
    """Propose another place or level for a story."""
    from analysis.gazetteer import Gazetteer
    from pipelines.corrections import propose
    from pipelines.store import Store, utc_now

    if (place is None) == (level is None):
        raise click.UsageError("give --place or --level")
    settings = settings_of(ctx)
    kind, value = ("place", place) if place is not None else ("level", str(level))
    with Store(settings.database) as store:
        number = propose(store, Gazetteer.load(settings.region), story, kind, value or "", reason, who, utc_now())
    click.echo(f"correction {number} proposed")


@corrections.command("decide")
@click.argument("number", type=int)
@click.option("--approve/--reject", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_decide(ctx: click.Context, number: int, approve: bool, who: str) -> None:
    """Approve or reject a proposed correction; by somebody else than its proposer."""
    from pipelines.corrections import decide
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        row = decide(store, number, approve, who, utc_now())
    click.echo(f"correction {number} {row['state']}")


@corrections.command("clarify")
@click.argument("rumour")
@click.argument("clarification")
@click.option("--reason", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_clarify(ctx: click.Context, rumour: str, clarification: str, reason: str, who: str) -> None:
    """Link the address of a RUMOUR to that of its CLARIFICATION, shown beside it from now on."""
    from pipelines.corrections import clarify
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        clarify(store, rumour, clarification, reason, who, utc_now())
    click.echo("linked")


@corrections.command("clarifications")
@click.option("--all", "every", is_flag=True, help="Decided ones too")
@click.pass_context
def corrections_clarifications(ctx: click.Context, every: bool) -> None:
    """List clarifications that the program proposes, as JSON lines with what both stories share."""
    from pipelines.clarifications import listed
    from pipelines.store import Store

    with Store(settings_of(ctx).database, read_only=True) as store:
        for row in listed(store, ("proposed", "linked", "rejected") if every else ("proposed",)):
            click.echo(json.dumps(row, ensure_ascii=False))


@corrections.command("clarification")
@click.argument("story")
@click.argument("denial")
@click.option("--confirm/--reject", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_clarification(ctx: click.Context, story: str, denial: str, confirm: bool, who: str) -> None:
    """Confirm or reject a proposed clarification, by the ids of both stories."""
    from pipelines.clarifications import decide
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store:
        decide(store, story, denial, confirm, who, utc_now())
    click.echo("confirmed" if confirm else "rejected")


@corrections.command("takedown")
@click.argument("url")
@click.option("--reason", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_takedown(ctx: click.Context, url: str, reason: str, who: str) -> None:
    """Remove a document by its address, for good."""
    from pipelines.corrections import take_down
    from pipelines.store import utc_now

    settings = settings_of(ctx)
    with work(settings, "takedown") as store:
        take_down(settings, store, url, reason, who, utc_now())
    click.echo("removed; run `tables` (or wait for the next run) to build its days again")
