"""What the commands share: errors as messages, settings, the lock with the open store, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from analysis.errors import MonitorError

if TYPE_CHECKING:
    from pipelines.config import Settings
    from pipelines.store import Store

DAY = click.DateTime(formats=["%Y-%m-%d"])


class MonitorGroup(click.Group):
    """Print expected failures as one message and exit non-zero; bugs keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MonitorError as error:
            from pipelines.lock import AlreadyRunning

            click.echo(f"sejuk: {error}", err=True)
            ctx.exit(3 if isinstance(error, AlreadyRunning) else 1)


def settings_of(ctx: click.Context, **more: Any) -> Settings:
    from pipelines.config import load_settings

    return load_settings(**(ctx.obj | more))


@contextmanager
def work(settings: Settings, what: str) -> Iterator[Store]:
    """Hold the lock and an open store."""
    from pipelines.lock import one_run
    from pipelines.store import Store

    with one_run(settings.home, what), Store(settings.database) as store:
        yield store


@contextmanager
def progress() -> Iterator[tuple[Callable[[str], None], Callable[[str, int], None]]]:
    """Show live progress on a terminal, plain lines in a pipe."""
    from pipelines.terminal import live_progress

    with live_progress() as callbacks:
        yield callbacks


def day_of(value: Any) -> date | None:
    return value.date() if value else None


def account() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "command line"
