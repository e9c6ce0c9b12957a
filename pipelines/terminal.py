"""What a person sees in the terminal: the day's table, the watch list, health."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from analysis.gazetteer import Gazetteer
from crawlers.sources import Source
from pipelines.config import Settings
from pipelines.region import NewRegion
from pipelines.store import Row, Store
from pipelines.tables import published

STATUS = {"enough": "cukup data", "estimated": "diperkirakan", "no_data": "tidak ada data"}
TIER_STYLE = {"merah": "bold red", "kuning": "yellow"}
WIDE = 110  # columns from which copies and sources are shown


@contextmanager
def live_progress() -> Iterator[tuple[Callable[[str], None], Callable[[str, int], None]]]:
    """Yield callbacks for crawl lines and stage counts: live on a terminal, plain lines in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield (lambda line: None), (lambda stage, done: console.print(f"{stage} +{done}", highlight=False))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {"crawl": progress.add_task("crawl", total=None)}

        def on_line(line: str) -> None:
            progress.update(tasks["crawl"], advance=1, description=f"crawl  {escape(line[:70])}")

        def on_stage(stage: str, done: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=None)
            progress.update(tasks[stage], advance=done)

        yield on_line, on_stage


def show_day(settings: Settings, store: Store, summary: Row | None = None, picture: Path | None = None) -> None:
    """Print the latest day's table per desa, the watch list, and where the data lie; `picture`: also as SVG."""
    console = Console(record=picture is not None, width=120 if picture else None)
    table = store.daily("desa")
    if table.empty:
        console.print("Belum ada tabel: belum ada berita tentang wilayah ini. Sepi bukan berarti tenang.")
        return
    day = table["day"].max()
    gazetteer = Gazetteer.load(settings.region)
    shown = published(settings, table[table["day"] >= _week_before(day)])
    shown = shown[(shown["day"] == day) & (shown["voice"] == "all")]
    console.print(_desa_table(shown, day, gazetteer, str(settings.region_facts()["name"]), console.width))
    _print_watch_list(console, store.watch_list(date.fromisoformat(day)), gazetteer)
    if picture:  # before the paths of the machine it is drawn on
        console.save_svg(str(picture), title="sejuk", clear=False)
    if summary:
        _print_summary(console, summary)
    console.print(f"\nDatabase   {settings.database}", highlight=False, soft_wrap=True)
    console.print("Tables     desa_daily, kecamatan_daily, kabupaten_daily; `export` writes files", highlight=False)


def _week_before(day: str) -> str:
    return str((pd.Timestamp(day) - pd.Timedelta(days=7)).date())


def _desa_table(rows: pd.DataFrame, day: str, gazetteer: Gazetteer, region: str, width: int) -> Table:
    """Shape one day as a table: desa with stories of their own, then how many others have none."""
    counts = {"n": "Hari ini", "n7": "7 hari", "copies": "Salinan", "sources": "Sumber"}
    bar, gap = 12, 2
    if width < WIDE:
        counts, bar, gap = {"n": "Kini", "n7": "7 hr"}, 5, 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold underline")
    table.title = f"Ketegangan per desa, {region}, {day} (semua suara)"
    table.title_justify = "left"
    for name in ("Desa", "Kecamatan", "Ketegangan", "90 %"):
        table.add_column(name, no_wrap=True)
    for name in counts.values():
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    enough = rows[rows["status"] == "enough"].sort_values("tension", ascending=False)
    own = rows[(rows["status"] == "estimated") & (rows["n7"] > 0)].sort_values("desa_code")
    for row in pd.concat([enough, own]).to_dict("records"):
        desa = gazetteer.desa[row["desa_code"]]
        table.add_row(
            desa.name,
            gazetteer.kecamatan[desa.kecamatan_code].name,
            _bar(row["tension"], row["status"], bar),
            f"{row['low']:.2f}–{row['high']:.2f}",
            *(str(row[name]) for name in counts),
            STATUS[row["status"]],
        )
    silent = (rows["status"] == "no_data").sum()
    quiet = ((rows["status"] == "estimated") & (rows["n7"] == 0)).sum()
    table.caption = (
        f"{quiet} desa lain tanpa berita sendiri (diperkirakan dari kecamatan), {silent} tanpa data.\n"
        "Tidak ada berita bukan berarti tenang."
    )
    table.caption_justify = "left"
    return table


def _bar(tension: float, status: str, length: int) -> Text:
    full = round(tension * length)
    style = "dim" if status != "enough" else "green" if tension < 0.25 else "yellow" if tension < 0.5 else "red"
    return Text(f"{tension:.2f} " + "█" * full + "·" * (length - full), style=style)


def _print_watch_list(console: Console, rows: Sequence[Row], gazetteer: Gazetteer) -> None:
    console.print("\n[bold]Daftar pantau[/bold] (untuk didatangi dan didengar; ditinjau orang sebelum disampaikan)")
    if not rows:
        console.print("  tidak ada")
    for row in rows:
        place = gazetteer.desa.get(row["code"]) or gazetteer.kecamatan.get(row["code"])
        name = place.name if place else row["code"]
        tier = Text(f"  {row['tier']:15}", style=TIER_STYLE.get(row["tier"], "cyan"))
        console.print(tier + Text(f" {name:20} {row['reason']}"), soft_wrap=True)


def _print_summary(console: Console, summary: Row) -> None:
    crawl, processed, built = summary["crawl"], summary["process"], summary["tables"]
    console.print(
        f"\n{crawl['items']} new from {crawl['sources']} sources ({crawl['failed']} failed); "
        f"{processed['documents']} documents, {processed['changed']} changed, {processed['rejected']} rejected; "
        f"{processed['located']} located, {processed['scored']} scored; {built['rows']} table rows changed",
        highlight=False,
        soft_wrap=True,
    )


def show_status(store: Store, health: Sequence[Row], console: Console | None = None) -> None:
    """Print the last runs, the counts, and each source's health (`pipelines.source_health`)."""
    console = console or Console()
    runs = Table(title="Runs", title_justify="left")
    for name in ("started", "kind", "status", "finished"):
        runs.add_column(name)
    for row in store.last_runs():
        runs.add_row(row["started"], row["kind"], row["status"], row["finished"] or "-")
    console.print(runs)
    console.print("  ".join(f"{name} {count}" for name, count in store.counts().items()), highlight=False)
    table = Table(title="Sources, those not heard first", title_justify="left")
    for name in ("source", "voice", "state", "since", "last success", "a day (usual)", "what is wrong"):
        table.add_column(name)
    for row in health:
        worse = [f"{d['kind']} {d['share']:.0%} (before {d['before']:.0%})" for d in row["drift"]]
        table.add_row(
            *(row[name] or "-" for name in ("source_id", "voice", "state")),
            *(row[name][:16] if row[name] else "-" for name in ("since", "last_ok")),
            f"{row['items_a_day']:.1f} ({'-' if row['a_day'] is None else format(row['a_day'], '.1f')})",
            escape("; ".join([*row["errors"], *worse])[:80]),
        )
    console.print(table)


def show_sources(sources: Sequence[Source], console: Console | None = None) -> None:
    """Print the declarations."""
    table = Table(title="Declared sources", title_justify="left")
    for name in ("id", "kind", "voice", "enabled", "verified", "address", "basis"):
        table.add_column(name, overflow="fold")
    for source in sources:
        flags = ("yes" if source.enabled else "no", "yes" if source.verified else "no")
        table.add_row(source.id, source.kind, source.voice, *flags, source.address, source.basis)
    (console or Console()).print(table)


def show_region(made: NewRegion, console: Console | None = None) -> None:
    """Print what a new region holds and the names that a text must say more about before they are pinned."""
    console = console or Console()
    table = Table("code", "desa", "kecamatan", "in region", "elsewhere", "also a kecamatan", "needs desa before it")
    for row in made.ambiguous:
        kecamatan = row.kecamatan_of_region or row.kecamatan_elsewhere
        table.add_row(
            row.code, escape(row.desa), escape(row.kecamatan), str(row.same_in_region), str(row.same_elsewhere),
            escape(kecamatan), row.needs_trigger,
        )  # fmt: skip
    console.print(table)
    console.print(
        f"{made.name}: {made.kecamatan} kecamatan, {made.desa} desa, {made.neighbours} places around; "
        f"{len(made.ambiguous)} ambiguous names. Written to {made.folder}\n"
        "Next: sources.toml (see docs/sumber.md), then localities.csv, variants.csv, calendar.csv as you learn.",
        highlight=False,
        soft_wrap=True,
    )
