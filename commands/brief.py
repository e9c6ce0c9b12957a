"""`brief` and `deliver`: the laporan harian, and what leaves to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from analysis.errors import MonitorError
from commands.shared import DAY, account, day_of, settings_of


@click.command()
@click.option("--date", "day", type=DAY, help="[default: the latest day with tables]")
@click.option("--form", type=click.Choice(["text", "html", "pdf", "all"]), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for files [default: HOME/brief]")
@click.option("--by", "who", default="", help="Who reads it [default: the account of this machine]")
@click.pass_context
def brief(ctx: click.Context, day: Any, form: str, out: Path | None, who: str) -> None:
    """Write the laporan harian: a text for WhatsApp, a page, a PDF."""
    from pipelines.brief import read_brief
    from pipelines.brief_forms import to_text, write_brief
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    with Store(settings.database) as store:
        found = read_brief(settings, store, day_of(day), utc_now(), who or account())
    if form == "text" and out is None:
        click.echo(to_text(found))
        return
    for file in write_brief(settings, found, out or settings.home / "brief", form):
        click.echo(file)


@click.group(invoke_without_command=True)
@click.option("--brief", "with_brief", is_flag=True, help="Queue the latest brief too")
@click.pass_context
def deliver(ctx: click.Context, with_brief: bool) -> None:
    """Send confirmed alerts (and the brief) to the recipients of the configuration; nothing unreviewed leaves.

    Exit code 1 where a message was given up; it stays in the list.
    """
    if ctx.invoked_subcommand:
        return
    from pipelines.brief import read_brief
    from pipelines.brief_forms import to_text
    from pipelines.deliver import deliver as send
    from pipelines.deliver import queue_brief
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    if not settings.delivery.recipient:
        raise MonitorError("no [[delivery.recipient]] in the configuration; see docs/pengiriman.md")
    with Store(settings.database) as store:
        if with_brief:
            found = read_brief(settings, store, None, utc_now())
            queue_brief(settings, store, found.day, to_text(found), utc_now())
        outcome = send(settings, store, utc_now())
    click.echo(
        f"{outcome.sent} sent, {outcome.held} held, {outcome.waiting} waiting for another attempt, "
        f"{outcome.failed} failed"
    )
    ctx.exit(1 if outcome.failed else 0)


@deliver.command("status")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def deliver_status(ctx: click.Context, as_json: bool) -> None:
    """List the latest messages, failed ones first."""
    from pipelines.deliver import listed
    from pipelines.store import Store

    with Store(settings_of(ctx).database, read_only=True) as store:
        rows = listed(store)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        when = row["sent_at"] or f"next {row['next_try']}"
        click.echo(f"{row['state']:8} {row['kind']:6} {row['subject']:40} {row['recipient']:16} {when}")
        if row["last_error"]:
            click.echo(f"         {row['last_error']}")


@deliver.command("test")
@click.argument("recipient")
@click.pass_context
def deliver_test(ctx: click.Context, recipient: str) -> None:
    """Send one recipient a test message."""
    import os

    from pipelines.deliver import by_apprise, redact

    known = {each.id: each for each in settings_of(ctx).delivery.recipient}
    if recipient not in known:
        raise MonitorError(f"no recipient {recipient!r}; known are {', '.join(known) or 'none'}")
    address = os.environ.get(known[recipient].channel, "")
    if not address:
        raise MonitorError(f"{known[recipient].channel} is not set in the environment")
    if error := by_apprise(address, "Sejuk: uji coba", "Pesan uji coba. Tidak ada peringatan."):
        raise MonitorError(f"{recipient}: {redact(error, address)}")
    click.echo(f"{recipient}: sent")
