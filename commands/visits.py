"""`visits`: the cooling ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.shared import DAY, account, day_of, settings_of


@click.group()
def visits() -> None:
    """The cooling ledger: visits recorded, their pooled effect estimated with its warning."""


@visits.command("add")
@click.option("--desa", required=True, help='Code, name, or "name, kecamatan"')
@click.option("--date", "day", required=True, help="2025-05-26 or 26-05-2025")
@click.option("--kind", required=True, help="sambang, pos kamling, forum warga, mediasi, …")
@click.option("--theme", "themes", multiple=True)
@click.option("--outcome", default="", help="Names of residents are masked")
@click.option("--follow-up", default="")
@click.option("--by", "who", default="", help="Who enters it [default: the account of this machine]")
@click.pass_context
def visits_add(ctx: click.Context, /, themes: tuple[str, ...], who: str, **values: str) -> None:
    """Record one visit; the same desa, day and kind again corrects it."""
    from analysis.gazetteer import Gazetteer
    from pipelines.store import Store, utc_now
    from pipelines.visits import read_visit, save_visits

    settings = settings_of(ctx)
    gazetteer, now = Gazetteer.load(settings.region), utc_now()
    given = values | {"date": values["day"], "themes": ";".join(themes)}
    visit = read_visit(given, gazetteer, now.astimezone(settings.timezone).date())
    with Store(settings.database) as store:
        new = save_visits(store, [visit], who or account(), now)
    state = "recorded" if new else "corrected"
    click.echo(f"{state}: {gazetteer.desa[visit.desa_code].name}, {visit.day}, {visit.kind}")


@visits.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--by", "who", default="", help="Who enters it [default: the account of this machine]")
@click.pass_context
def visits_import(ctx: click.Context, file: Path, who: str) -> None:
    """Enter the visits of a CSV file (desa, tanggal, jenis, tema, hasil, tindak_lanjut): all of them, or none."""
    from analysis.gazetteer import Gazetteer
    from pipelines.store import Store, utc_now
    from pipelines.visits import read_csv, save_visits

    settings, now = settings_of(ctx), utc_now()
    today = now.astimezone(settings.timezone).date()
    found = read_csv(file.read_bytes(), Gazetteer.load(settings.region), today)
    with Store(settings.database) as store:
        new = save_visits(store, found, who or account(), now)
    click.echo(f"{new} recorded, {len(found) - new} corrected")


@visits.command("list")
@click.option("--since", type=DAY)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def visits_list(ctx: click.Context, since: Any, as_json: bool) -> None:
    """List the visits, newest first."""
    from analysis.gazetteer import Gazetteer
    from pipelines.store import Store
    from pipelines.visits import visits as stored

    settings = settings_of(ctx)
    with Store(settings.database, read_only=True) as store:
        rows = stored(store, day_of(since))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    names = Gazetteer.load(settings.region).desa
    for row in rows:
        name = names[row["desa_code"]].name if row["desa_code"] in names else row["desa_code"]
        click.echo(f"{row['day']}  {name:22} {row['kind']:20} {', '.join(row['themes'])}  {row['outcome']}")
    if not rows:
        click.echo("Belum ada kunjungan yang dicatat.")


@visits.command("effect")
@click.option("--threshold", default=0.5, show_default=True, help="Tension that a visit answers")
@click.pass_context
def visits_effect(ctx: click.Context, threshold: float) -> None:
    """Estimate the pooled effect of all visits, with interval and power; a single visit has none."""
    from pipelines.store import Store
    from pipelines.visits import effect

    with Store(settings_of(ctx).database, read_only=True) as store:
        found = effect(store, threshold)
    click.echo(found.words)
    if found.effect == found.effect:
        click.echo(f"{found.effect:+.3f} ({found.low:+.3f} to {found.high:+.3f}, 95 %), power {found.power:.2f}")
