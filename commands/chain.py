"""The main job: the whole chain, and its steps one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.shared import DAY, day_of, progress, settings_of, work


@click.command()
@click.option(
    "--serve/--no-serve", default=True, envvar="DEMO_SERVE", help="End with the page [environment: DEMO_SERVE]"
)
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="Of the page")
@click.pass_context
def demo(ctx: click.Context, serve: bool, port: int) -> None:
    """Run the whole chain on an invented region served on loopback, then show its page until interrupted.

    A second run finds nothing new and changes nothing. Everything lies in var/demo.
    """
    from pipelines.monitor import run_demo
    from pipelines.store import Store, utc_now
    from pipelines.terminal import show_day

    home = Path(ctx.obj["home"] or "var") / "demo"
    with progress() as (on_line, on_stage):
        settings, summary = run_demo(home, on_line, on_stage)
    with Store(settings.database, read_only=True) as store:
        show_day(settings, store, summary)
    if not serve:
        return
    from dashboard.serving import serve_page
    from pipelines import demo as shown
    from pipelines import users

    with Store(settings.database) as store:
        password = users.for_demonstration(store, utc_now())
    stories = shown.read_stories(shown.anchor_day(settings.home, utc_now().date()), settings.timezone)
    with shown.serving(stories):  # so that the links of the evidence lead somewhere
        click.echo(f"\nThe page: sign in as {users.DEMONSTRATION} with the one-time password {password}")
        serve_page(settings, "127.0.0.1", port, click.echo)


@click.command()
@click.option("--only", multiple=True, help="Visit this source only (may be repeated)")
@click.option("--since", type=DAY, help="Also fetch what was published since this day")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON")
@click.pass_context
def once(ctx: click.Context, only: tuple[str, ...], since: Any, as_json: bool) -> None:
    """Crawl, process and build the tables, once."""
    from pipelines.monitor import run_once
    from pipelines.terminal import show_day

    settings = settings_of(ctx)
    with work(settings, "once") as store:
        with progress() as (on_line, on_stage):
            summary = run_once(settings, store, only, day_of(since), on_line, on_stage)
        if as_json:
            click.echo(json.dumps(summary))
        else:
            show_day(settings, store, summary)


@click.command()
@click.pass_context
def run(ctx: click.Context) -> None:
    """Repeat `once` by the clock until SIGTERM; days are closed at tables.close_at."""
    from pipelines.monitor import run_forever

    settings = settings_of(ctx)
    with work(settings, "run") as store:
        run_forever(settings, store, click.echo)


@click.command()
@click.option("--only", multiple=True, help="Visit this source only (may be repeated)")
@click.option("--since", type=DAY, help="Also fetch what was published since this day")
@click.pass_context
def crawl(ctx: click.Context, only: tuple[str, ...], since: Any) -> None:
    """Collect only: documents go to the spool."""
    from pipelines.collect import collect
    from pipelines.grants import in_force
    from pipelines.monitor import new_run_id, recorded_run
    from pipelines.store import utc_now

    settings = settings_of(ctx)
    with work(settings, "crawl") as store:
        run_id = new_run_id(utc_now())
        with recorded_run(store, "crawl", run_id) as summary, progress() as (on_line, _):
            summary |= collect(settings, store, in_force(settings, store), run_id, only, day_of(since), on_line)
        click.echo(json.dumps(summary))


@click.command()
@click.option("--scheduler", default="", help="Dask scheduler (tcp://HOST:PORT) whose workers locate and score")
@click.pass_context
def process(ctx: click.Context, scheduler: str) -> None:
    """Process what lies in the spool: clean, group, locate, score."""
    from pipelines.monitor import new_run_id, recorded_run, voices_of
    from pipelines.process import process as run_process
    from pipelines.store import utc_now

    settings = settings_of(ctx)
    with work(settings, "process") as store:
        run_id = new_run_id(utc_now())
        with recorded_run(store, "process", run_id) as summary, progress() as (_, on_stage):
            summary |= run_process(settings, store, voices_of(settings), run_id, utc_now(), on_stage, scheduler)
        click.echo(json.dumps(summary))


@click.command()
@click.option("--from", "since", type=DAY, help="Rebuild every day since this one, frozen ones too")
@click.option("--show", is_flag=True, help="Only show the latest day")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Also write what is shown as SVG")
@click.pass_context
def tables(ctx: click.Context, since: Any, show: bool, picture: Path | None) -> None:
    """Build the daily tables from the stored scores and show the latest day."""
    from analysis.classifier import Classifier
    from pipelines.monitor import new_run_id, recorded_run
    from pipelines.store import Store, utc_now
    from pipelines.tables import build_tables
    from pipelines.terminal import show_day

    settings = settings_of(ctx)
    if show:
        with Store(settings.database, read_only=True) as store:
            show_day(settings, store, picture=picture)
        return
    with work(settings, "tables") as store:
        run_id = new_run_id(utc_now())
        with recorded_run(store, "tables", run_id) as summary:
            model_id = Classifier.load(settings.model).model_id
            summary |= build_tables(settings, store, model_id, run_id, utc_now(), day_of(since))
        show_day(settings, store, picture=picture)
