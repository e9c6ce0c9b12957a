"""What a person sees in the terminal while a model is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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
