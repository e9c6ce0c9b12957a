"""Looking after what is stored: export, backup, doctor, status, any past table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.shared import DAY, account, day_of, settings_of


@click.command()
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder [default: HOME/export]")
@click.option("--format", "formats", multiple=True, type=click.Choice(["csv", "parquet", "xlsx"]))
@click.option("--since", type=DAY)
@click.option("--until", type=DAY)
@click.option(
    "--to", "database", metavar="postgresql://…", envvar="SEJUK_SECRET_EXPORT_TO",
    help="Into the tables of many regions in PostgreSQL instead [environment: SEJUK_SECRET_EXPORT_TO]",
)  # fmt: skip
@click.pass_context
def export(
    ctx: click.Context, output: Path | None, formats: tuple[str, ...], since: Any, until: Any, database: str | None
) -> None:
    """Write the daily tables as CSV, Parquet and XLSX; safeguards applied, entered in the audit log."""
    from pipelines.audit import record
    from pipelines.export import FORMATS, export_tables
    from pipelines.pages import shown
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    if database:
        from pipelines.export_sql import export_to, without_password

        with Store(settings.database) as store:
            counts = export_to(settings, store, database, day_of(since), day_of(until))
            record(store, "export", {"to": without_password(database), "rows": counts}, utc_now())
        click.echo(json.dumps(counts))
        return
    folder = output or settings.home / "export"
    with Store(settings.database) as store:
        files = export_tables(
            store, folder, lambda t: shown(settings, t), formats or FORMATS, day_of(since), day_of(until)
        )
        record(store, "export", {"files": [f.name for f in files]}, utc_now())
    for file in files:
        click.echo(file)


@click.command()
@click.option(
    "--file", "target", type=click.Path(path_type=Path, dir_okay=False), help="[default: HOME/jelajah.sqlite]"
)
@click.option("--port", default=8001, show_default=True, type=click.IntRange(0, 65535), help="On this machine alone")
@click.option("--only-file", is_flag=True, help="Write the snapshot, serve nothing")
@click.pass_context
def explore(ctx: click.Context, target: Path | None, port: int, only_file: bool) -> None:
    """Write a redacted snapshot of the tables (no texts, k-threshold applied) and serve it read-only in Datasette."""
    from pipelines.explore import serve_snapshot, write_snapshot
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    with Store(settings.database) as store:
        file = write_snapshot(settings, store, target or settings.home / "jelajah.sqlite", account(), utc_now())
    click.echo(file)
    if not only_file:
        ctx.exit(serve_snapshot(file, port))


@click.command()
@click.argument("target", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def backup(ctx: click.Context, target: Path | None) -> None:
    """Copy the database while it is in use (default: HOME/backup/sejuk-TIME.sqlite)."""
    from pipelines.store import Store, utc_now

    settings = settings_of(ctx)
    target = target or settings.home / "backup" / f"sejuk-{utc_now():%Y%m%dT%H%M%SZ}.sqlite"
    with Store(settings.database, read_only=True) as store:
        target.parent.mkdir(parents=True, exist_ok=True)
        store.backup(target)
    click.echo(target)


@click.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check Python, packages, model, disk, database, clock and sources; exit 1 if something needs a hand."""
    from pipelines.doctor import examine

    findings = examine(settings_of(ctx))
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what:12} {finding.detail}")
    if not all(finding.ok for finding in findings):
        click.get_current_context().exit(1)


@click.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show the last runs, what is stored, and each source's health, silent ones first."""
    from pipelines.source_health import source_health
    from pipelines.store import Store, utc_now
    from pipelines.terminal import show_status

    settings = settings_of(ctx)
    with Store(settings.database, read_only=True) as store:
        health = source_health(store, utc_now(), settings.timezone)
        if as_json:
            click.echo(json.dumps({"counts": store.counts(), "runs": store.last_runs(), "sources": health}))
        else:
            show_status(store, health)


@click.command()
@click.option("--date", "day", type=DAY, required=True, help="The day whose tables are asked for")
@click.option(
    "--as-of",
    "moment",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="Region-local time; a day alone means its end [default: now]",
)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def replay(ctx: click.Context, day: Any, moment: Any, as_json: bool) -> None:
    """Show a day's tables as they stood at a past moment, and compute them anew to show that they hold.

    Exit code 1 where the recomputation differs: a text, a place or a source was corrected since.
    """
    from pipelines import history
    from pipelines.pages import shown
    from pipelines.store import Store, utc_now
    from pipelines.tables import place_names
    from pipelines.terminal_alerts import show_differences, show_past

    settings = settings_of(ctx)
    with Store(settings.database, read_only=True) as store:
        now = utc_now() if moment is None else history.end_of(moment, settings.timezone)
        build = history.build_at(store, day.date(), now)
        stored = {level: history.as_of(store, level, day.date(), now) for level in history.LEVELS}
        computed = history.recompute(settings, store, day.date(), build)
        found = {lv: history.differences(stored[lv], computed[lv], f"{lv}_code") for lv in history.LEVELS}
        names = place_names(settings, store)
    stored["desa"] = shown(settings, stored["desa"])
    if as_json:
        tables = {level: json.loads(stored[level].to_json(orient="records")) for level in history.LEVELS}
        differing = {level: json.loads(found[level].to_json(orient="records")) for level in history.LEVELS}
        click.echo(json.dumps({"tables": tables, "differences": differing}, ensure_ascii=False))
    else:
        show_past(day.date(), build.as_of.astimezone(settings.timezone), stored, names)
        show_differences(found, names)
    ctx.exit(0 if all(rows.empty for rows in found.values()) else 1)
