"""What a person sees in the terminal of models: a training, and two of them compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipelines.model_compare import STEPS, Comparison
from pipelines.terminal_texts import shown
from pipelines.wording import number, signed


@contextmanager
def training_progress() -> Iterator[Callable[[int, int, str], None]]:
    """Yield a callback for steps done, steps in all, and a line to keep: a bar on a terminal, the lines in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn("langkah"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("langkah", total=None)

        def on_step(done: int, total: int, said: str) -> None:
            progress.update(task, completed=done, total=total)
            if said:
                console.print(said, highlight=False, soft_wrap=True)

        yield on_step


def show_comparison(found: Comparison, top: int) -> None:
    """Print figures, floors and the texts that changed most."""
    console = Console()
    console.print(f"A {found.models[0]}   B {found.models[1]}", highlight=False)
    beyond = ", ".join(f"{found.beyond(step)} lebih dari {number(step)}" for step in STEPS)
    console.print(f"{len(found.texts)} teks; ketegangan berubah: {beyond}; tingkat berubah: {found.levels}")
    table = Table("ukuran", "A", "B", "ambang", box=None, header_style="bold underline")
    for name in found.figures[0]:
        table.add_row(name, *(number(each.get(name), 3) for each in found.figures), "")
    for a, b in zip(*found.floors, strict=True):
        style = "" if b.held else "bold red"
        table.add_row(b.name, number(a.found, 3), Text(number(b.found, 3), style), number(b.floor, 3))
    console.print(table)
    texts = Table("A", "B", "beda", "label", "teks", box=None, header_style="bold underline")
    for each in found.texts[:top]:
        label = "–" if each.level is None else str(each.level)
        text = Text(shown(each.text if len(each.text) <= 160 else each.text[:160] + "…"))
        texts.add_row(number(each.before), number(each.after), signed(each.apart), label, text)
    console.print(texts)
