"""What an analyst sees of alerts and of the past in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipelines.ledger import STATE_WORDS, Figures
from pipelines.store import Row
from pipelines.terminal import STATUS, TIER_STYLE


def show_alerts(rows: Sequence[Row], figures: Figures, console: Console | None = None) -> None:
    """Print the queue and how the alerts have served so far."""
    console = console or Console()
    for row in rows:
        tier = Text(f"{row['tier']:6} ", style=TIER_STYLE[row["tier"]])
        console.print(tier + Text(f"{row['place']}: {row['words']}", style="default"), soft_wrap=True)
        console.print(Text(f"       {STATE_WORDS[row['state']]}  {row['alert_id']}", style="dim"), soft_wrap=True)
    if not rows:
        console.print("Tidak ada peringatan yang cocok. Tidak ada peringatan bukan berarti tenang.")
    console.print(figures_words(figures), highlight=False)


def figures_words(figures: Figures) -> str:
    """Say in a line how the alerts have served."""
    if figures.false_alarm_rate is None:
        judged = "belum ada yang ditinjau"
    else:
        judged = (
            f"{figures.confirmed} dibenarkan, {figures.dismissed} ditolak "
            f"({100 * figures.false_alarm_rate:.0f} % alarm palsu), waktu tinjau {_hours(figures.review_hours)}"
        )
    return f"{figures.waiting} menunggu tinjauan; {judged}"


def _hours(hours: float | None) -> str:
    return "-" if hours is None else f"{hours:.1f} jam".replace(".", ",") if hours >= 1 else f"{60 * hours:.0f} menit"


def show_alert(
    row: Row, evidence: Sequence[Row], steps: Sequence[Row], zone: ZoneInfo, console: Console | None = None
) -> None:
    """Print one alert: what changed, how surprising, what it rests on, what is not known, and its steps."""
    console = console or Console()
    console.print(Text(f"{row['tier'].upper()}  {row['place']}", style=TIER_STYLE[row["tier"]]))
    console.print(Text(row["words"]))
    console.print(
        f"{row['first_day']} s.d. {row['last_day']}; terlihat {_number(row['seen'])}, "
        f"biasanya {_number(row['expected'])}{_chance(row['p'])}; aturan ini disetel untuk "
        f"{_number(row['false_alarms_a_week'])} alarm palsu seminggu; {100 * row['coverage']:.0f} % sumber terbaca",
        highlight=False,
        soft_wrap=True,
    )
    for note in (*row["unknown"], *(f"Bertepatan dengan: {event}" for event in row["events"])):
        console.print(Text(f"  · {note}"), soft_wrap=True)
    for piece in evidence:
        when = _local(piece["published"], zone)
        console.print(Text(f"\n{piece['title'] or '(tanpa judul)'}", style="bold"), soft_wrap=True)
        console.print(Text(f"{piece['source']}, {when}, {piece['copies']} salinan  {piece['url']}"), soft_wrap=True)
        for sentence in piece["sentences"]:
            console.print(Text(f"  “{sentence}”"), soft_wrap=True)
        for other in piece["clarified"]:
            console.print(Text(f"  Klarifikasi: {other['title']} ({other['source']}) {other['url']}"), soft_wrap=True)
    console.print("\nLangkah")
    for step in steps:
        note = f": {step['note']}" if step["note"] else ""
        console.print(Text(f"  {_local(step['at'], zone)}  {STATE_WORDS[step['state']]}  {step['who']}{note}"))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}".replace(".", ",").removesuffix(",0")


def _chance(p: float | None) -> str:
    if p is None or p <= 0:
        return ""
    return f" (kebetulan: 1 banding {1 / p:,.0f})".replace(",", ".") if p < 0.1 else " (bisa saja kebetulan)"


def _local(moment: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(zone):%d-%m-%Y %H:%M}"


def show_past(day: date, moment: datetime, tables: dict[str, pd.DataFrame], names: dict[str, str]) -> None:
    """Print a day's rows as they stood at a moment, most tense first."""
    console = Console()
    table = Table("Tempat", "Ketegangan", "90 %", "Hari ini", "7 hari", "Status", "Dihitung", box=None, pad_edge=False)
    table.title, table.title_justify = f"{day}, seperti diketahui pada {moment:%d-%m-%Y %H:%M} (semua suara)", "left"
    for level in ("kabupaten", "kecamatan", "desa"):
        rows = tables[level][tables[level]["voice"] == "all"].sort_values("tension", ascending=False)
        if level == "desa":
            rows = rows[rows["n7"] > 0]
        for row in rows.to_dict("records"):
            known = pd.notna(row["tension"])
            table.add_row(
                escape(names.get(row[f"{level}_code"], row[f"{level}_code"])),
                f"{row['tension']:.2f}" if known else "-",
                f"{row['low']:.2f}–{row['high']:.2f}" if known else "-",
                str(row["n"]), str(row["n7"]), STATUS[row["status"]], row["as_of"][:16],
            )  # fmt: skip
    console.print(table)


def show_differences(found: dict[str, pd.DataFrame], names: dict[str, str]) -> None:
    """Print what a recomputation says otherwise than the stored rows."""
    console = Console()
    if all(rows.empty for rows in found.values()):
        console.print("Dihitung ulang: sama dengan yang tersimpan.")
    for level, rows in found.items():
        for row in rows.to_dict("records"):
            place = names.get(row[f"{level}_code"], row[f"{level}_code"])
            line = f"  {place}, {row['voice']}: {row['column']} {row['stored']} -> {row['computed']}"
            console.print(Text(line), soft_wrap=True)
