"""`alerts`: the review of each one."""

from __future__ import annotations

import json
from typing import Any

import click

from commands.shared import DAY, day_of, settings_of


@click.group()
def alerts() -> None:
    """Review alerts: nothing leaves before a person has confirmed it."""


@alerts.command("list")
@click.option("--state", "states", multiple=True, help="raised, in_review, confirmed, dismissed, delivered, …")
@click.option("--since", type=DAY)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def alerts_list(ctx: click.Context, states: tuple[str, ...], since: Any, as_json: bool) -> None:
    """List the alerts, gravest first, with the running false-alarm rate."""
    from dataclasses import asdict

    from pipelines import ledger
    from pipelines.store import Store
    from pipelines.terminal_alerts import show_alerts

    if unknown := set(states) - ledger.STATE_WORDS.keys():
        raise click.UsageError(f"no state {', '.join(sorted(unknown))}; known are {', '.join(ledger.STATE_WORDS)}")
    with Store(settings_of(ctx).database, read_only=True) as store:
        rows, figures = ledger.alerts(store, states, day_of(since)), ledger.figures(store)
    if as_json:
        click.echo(json.dumps({"alerts": rows, "figures": asdict(figures)}, ensure_ascii=False))
    else:
        show_alerts(rows, figures)


@alerts.command("show")
@click.argument("name", metavar="ID")
@click.option("--by", "who", required=True, help="Who reads; reading evidence is entered in the audit log")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def alerts_show(ctx: click.Context, name: str, who: str, as_json: bool) -> None:
    """Show one alert with its evidence and its steps; a beginning of the ID is enough."""
    from pipelines import ledger
    from pipelines.store import Store, utc_now
    from pipelines.terminal_alerts import show_alert

    settings = settings_of(ctx)
    with Store(settings.database) as store:
        row = ledger.alert(store, name)
        evidence = ledger.read_evidence(store, row["alert_id"], who, utc_now())
        steps = ledger.steps(store, row["alert_id"])
    if as_json:
        click.echo(json.dumps(row | {"evidence": evidence, "steps": steps}, ensure_ascii=False))
    else:
        show_alert(row, evidence, steps, settings.timezone)


@alerts.command("review")
@click.argument("name", metavar="ID")
@click.option("--by", "who", required=True, help="Who reviews")
@click.option("--confirm", is_flag=True, help="It stands: it may be delivered")
@click.option("--dismiss", "reason", help="It does not stand: why")
@click.option("--note", default="", help="A remark kept with the step")
@click.pass_context
def alerts_review(ctx: click.Context, name: str, who: str, confirm: bool, reason: str | None, note: str) -> None:
    """Take an alert into review; then confirm it, or dismiss it with a reason.

    With review.two_person = true whoever takes it may not be the one who confirms it.
    """
    from pipelines import ledger
    from pipelines.store import Store, utc_now

    if confirm and reason is not None:
        raise click.UsageError("either --confirm or --dismiss")
    settings = settings_of(ctx)
    with Store(settings.database) as store:
        if confirm:
            row = ledger.confirm(store, name, who, utc_now(), note, settings.review.two_person)
        elif reason is not None:
            row = ledger.dismiss(store, name, who, reason, utc_now())
        else:
            row = ledger.take(store, name, who, utc_now(), note)
    click.echo(f"{row['alert_id']}: {ledger.STATE_WORDS[row['state']]}")


@alerts.command("ack")
@click.argument("name", metavar="ID")
@click.option("--by", "who", required=True, help="Who received it")
@click.option("--told", metavar="HOW", help="It was told by word of mouth (to whom, by whom), not by `deliver`")
@click.option("--close", "outcome", metavar="OUTCOME", help="Also close it, with what came of it")
@click.option("--note", default="", help="A remark kept with the step")
@click.pass_context
def alerts_ack(ctx: click.Context, name: str, who: str, told: str | None, outcome: str | None, note: str) -> None:
    """Note that a delivered alert was received; --close ends it."""
    from pipelines import ledger
    from pipelines.store import Store, utc_now

    with Store(settings_of(ctx).database) as store, store.transaction():
        if told:
            ledger.deliver(store, name, who, utc_now(), told)
        row = ledger.alert(store, name)
        if row["state"] != "acknowledged" or outcome is None:
            row = ledger.acknowledge(store, name, who, utc_now(), note)
        if outcome is not None:
            row = ledger.close(store, name, who, utc_now(), outcome)
    click.echo(f"{row['alert_id']}: {ledger.STATE_WORDS[row['state']]}")
