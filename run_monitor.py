"""Sejuk's one command: each subcommand is one call into `pipelines`.

Exit codes: 0 done; 1 something failed, the message says what to do; 2 wrong use; 3 another run is at work.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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


@click.group(cls=MonitorGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file [default: ./sejuk.toml]")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Database and spool [default: ./var]")
@click.option("--region", type=str, help="Name under data/regions, or a folder [default: pesawaran]")
@click.option("-v", "--verbose", is_flag=True, help="Log every stage to standard error")
@click.version_option(package_name="sejuk", message="%(version)s")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, home: Path | None, region: str | None, verbose: bool) -> None:
    """Village-level tension monitor: tells community police where to go and listen.

    \b
    Examples:
      run_monitor.py demo                  the whole chain on an invented region, on loopback
      run_monitor.py sources check         probe every declared source
      run_monitor.py once                  crawl, process and build today's tables
      run_monitor.py run                   the same every hour until stopped
      run_monitor.py locate "Warga Desa Bagelen, Gedong Tataan, bergotong royong"
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    ctx.obj = {"file": config, "home": home, "region": region}


def _settings(ctx: click.Context, **more: Any) -> Settings:
    from pipelines.config import load_settings

    return load_settings(**(ctx.obj | more))


@contextmanager
def _work(settings: Settings, what: str) -> Iterator[Store]:
    """Hold the lock and an open store."""
    from pipelines.lock import one_run
    from pipelines.store import Store

    with one_run(settings.home, what), Store(settings.database) as store:
        yield store


@contextmanager
def _progress() -> Iterator[tuple[Callable[[str], None], Callable[[str, int], None]]]:
    """Show live progress on a terminal, plain lines in a pipe."""
    from pipelines.terminal import live_progress

    with live_progress() as callbacks:
        yield callbacks


def _since(value: Any) -> date | None:
    return value.date() if value else None


@cli.command()
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
    with _progress() as (on_line, on_stage):
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


@cli.command()
@click.option("--only", multiple=True, help="Visit this source only (may be repeated)")
@click.option("--since", type=DAY, help="Also fetch what was published since this day")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON")
@click.pass_context
def once(ctx: click.Context, only: tuple[str, ...], since: Any, as_json: bool) -> None:
    """Crawl, process and build the tables, once."""
    from pipelines.monitor import run_once
    from pipelines.terminal import show_day

    settings = _settings(ctx)
    with _work(settings, "once") as store:
        with _progress() as (on_line, on_stage):
            summary = run_once(settings, store, only, _since(since), on_line, on_stage)
        if as_json:
            click.echo(json.dumps(summary))
        else:
            show_day(settings, store, summary)


@cli.command()
@click.pass_context
def run(ctx: click.Context) -> None:
    """Repeat `once` by the clock until SIGTERM; days are closed at tables.close_at."""
    from pipelines.monitor import run_forever

    settings = _settings(ctx)
    with _work(settings, "run") as store:
        run_forever(settings, store, click.echo)


@cli.command()
@click.option("--only", multiple=True, help="Visit this source only (may be repeated)")
@click.option("--since", type=DAY, help="Also fetch what was published since this day")
@click.pass_context
def crawl(ctx: click.Context, only: tuple[str, ...], since: Any) -> None:
    """Collect only: documents go to the spool."""
    from pipelines.collect import collect
    from pipelines.monitor import new_run_id, recorded_run
    from pipelines.store import utc_now

    settings = _settings(ctx)
    with _work(settings, "crawl") as store:
        run_id = new_run_id(utc_now())
        with recorded_run(store, "crawl", run_id) as summary, _progress() as (on_line, _):
            summary |= collect(settings, store, run_id, only, _since(since), on_line)
        click.echo(json.dumps(summary))


@cli.command()
@click.pass_context
def process(ctx: click.Context) -> None:
    """Process what lies in the spool: clean, group, locate, score."""
    from pipelines.monitor import new_run_id, recorded_run, voices_of
    from pipelines.process import process as run_process
    from pipelines.store import utc_now

    settings = _settings(ctx)
    with _work(settings, "process") as store:
        run_id = new_run_id(utc_now())
        with recorded_run(store, "process", run_id) as summary, _progress() as (_, on_stage):
            summary |= run_process(settings, store, voices_of(settings), run_id, utc_now(), on_stage)
        click.echo(json.dumps(summary))


@cli.command()
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

    settings = _settings(ctx)
    if show:
        with Store(settings.database, read_only=True) as store:
            show_day(settings, store, picture=picture)
        return
    with _work(settings, "tables") as store:
        run_id = new_run_id(utc_now())
        with recorded_run(store, "tables", run_id) as summary:
            model_id = Classifier.load(settings.model).model_id
            summary |= build_tables(settings, store, model_id, run_id, utc_now(), _since(since))
        show_day(settings, store, picture=picture)


@cli.command()
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder [default: HOME/export]")
@click.option("--format", "formats", multiple=True, type=click.Choice(["csv", "parquet", "xlsx"]))
@click.option("--since", type=DAY)
@click.option("--until", type=DAY)
@click.pass_context
def export(ctx: click.Context, output: Path | None, formats: tuple[str, ...], since: Any, until: Any) -> None:
    """Write the daily tables as CSV, Parquet and XLSX; safeguards applied, entered in the audit log."""
    from pipelines.audit import record
    from pipelines.export import FORMATS, export_tables
    from pipelines.pages import shown
    from pipelines.store import Store, utc_now

    settings = _settings(ctx)
    folder = output or settings.home / "export"
    with Store(settings.database) as store:
        files = export_tables(
            store, folder, lambda t: shown(settings, t), formats or FORMATS, _since(since), _since(until)
        )
        record(store, "export", {"files": [f.name for f in files]}, utc_now())
    for file in files:
        click.echo(file)


@cli.command()
@click.argument("target", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def backup(ctx: click.Context, target: Path | None) -> None:
    """Copy the database while it is in use (default: HOME/backup/sejuk-TIME.sqlite)."""
    from pipelines.store import Store, utc_now

    settings = _settings(ctx)
    target = target or settings.home / "backup" / f"sejuk-{utc_now():%Y%m%dT%H%M%SZ}.sqlite"
    with Store(settings.database, read_only=True) as store:
        target.parent.mkdir(parents=True, exist_ok=True)
        store.backup(target)
    click.echo(target)


@cli.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check Python, packages, model, disk, database, clock and sources; exit 1 if something needs a hand."""
    from pipelines.doctor import examine

    findings = examine(_settings(ctx))
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what:12} {finding.detail}")
    if not all(finding.ok for finding in findings):
        click.get_current_context().exit(1)


@cli.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show the last runs, what is stored, and each source's health, silent ones first."""
    from pipelines.store import Store
    from pipelines.terminal import show_status

    settings = _settings(ctx)
    with Store(settings.database, read_only=True) as store:
        if as_json:
            click.echo(
                json.dumps({"counts": store.counts(), "runs": store.last_runs(), "sources": store.source_health()})
            )
        else:
            show_status(store)


@cli.group()
def sources() -> None:
    """List or probe the declared sources."""


@sources.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sources_list(ctx: click.Context, as_json: bool) -> None:
    """List the sources with their voice and legal basis."""
    from pipelines.collect import declared_sources, source_row
    from pipelines.terminal import show_sources

    declared = declared_sources(_settings(ctx))
    if as_json:
        click.echo(json.dumps([source_row(source) for source in declared]))
    else:
        show_sources(declared)


@sources.command("check")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sources_check(ctx: click.Context, as_json: bool) -> None:
    """Probe every source, enabled or not, and report; exit 1 if an enabled one cannot be read."""
    from pipelines.collect import check_sources

    code = check_sources(_settings(ctx), as_json)
    ctx.exit(code)


def _text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `score` and `locate` share: one text, or JSON lines in and out."""
    jsonl = "JSONL with id, text and optional title; - reads standard input"
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print one text's result as JSON"),
        click.option("--output", type=click.File("w", encoding="utf-8"), default="-", help="JSONL [default: stdout]"),
        click.option("--input", "source", type=click.File(encoding="utf-8"), help=jsonl),
        click.option("--title", default="", help="Title of the text"),
        click.argument("text", required=False),
    ):
        command = decorate(command)
    return command


@cli.command()
@_text_options
@click.pass_context
def score(
    ctx: click.Context, text: str | None, title: str, source: IO[str] | None, output: IO[str], as_json: bool
) -> None:
    """Score texts: tension, level, sentiment, act, themes. One TEXT, or many with --input."""
    from pipelines.terminal import show_score
    from pipelines.texts import score_lines, score_one

    settings = _settings(ctx)
    if source is not None:
        score_lines(settings, source, output)
    elif text is None:
        raise click.UsageError("give a TEXT, or --input FILE (- for standard input)")
    else:
        result = score_one(settings, text, title)
        click.echo(json.dumps(result, ensure_ascii=False)) if as_json else show_score(result, text)


@cli.command()
@_text_options
@click.pass_context
def locate(
    ctx: click.Context, text: str | None, title: str, source: IO[str] | None, output: IO[str], as_json: bool
) -> None:
    """Locate texts in the region, with the evidence for every place. One TEXT, or many with --input."""
    from pipelines.terminal import show_location
    from pipelines.texts import locate_lines, locate_one

    settings = _settings(ctx)
    if source is not None:
        locate_lines(settings, source, output)
    elif text is None:
        raise click.UsageError("give a TEXT, or --input FILE (- for standard input)")
    else:
        result = locate_one(settings, text, title)
        click.echo(json.dumps(result, ensure_ascii=False)) if as_json else show_location(result, text, title)


@cli.group()
def model() -> None:
    """Train, list and verify the models that score tension."""


@model.command("train")
@click.option("--preset", type=click.Choice(["kecil"]), required=True, help="What to train")
@click.option("--nlp", type=click.Path(path_type=Path, file_okay=False), help="Folder with smsa/ and nusax/")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="[default: data/models/PRESET]")
def model_train(preset: str, nlp: Path | None, out: Path | None) -> None:
    """Train a model from data/labels and the sentiment sets (about a minute; needs scikit-learn)."""
    from pipelines.models import MODELS, train_preset

    manifest = train_preset(nlp, out or MODELS / preset, lambda line: click.echo(line, err=True))
    click.echo(json.dumps({"model_id": manifest.model_id} | manifest.facts, indent=1))


@model.command("list")
def model_list() -> None:
    """Show the shipped models, after checking their hashes."""
    from pipelines.models import installed

    click.echo(json.dumps(installed(), indent=1))


@model.command("verify")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def model_verify(folder: Path) -> None:
    """Check every file of a model folder against its hash."""
    from analysis.model_folder import verify

    click.echo(f"{folder}: {verify(folder).model_id}, unchanged")


@cli.group()
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
    with Store(_settings(ctx).database, read_only=True) as store:
        rows, figures = ledger.alerts(store, states, _since(since)), ledger.figures(store)
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

    settings = _settings(ctx)
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
    settings = _settings(ctx)
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

    with Store(_settings(ctx).database) as store, store.transaction():
        if told:
            ledger.deliver(store, name, who, utc_now(), told)
        row = ledger.alert(store, name)
        if row["state"] != "acknowledged" or outcome is None:
            row = ledger.acknowledge(store, name, who, utc_now(), note)
        if outcome is not None:
            row = ledger.close(store, name, who, utc_now(), outcome)
    click.echo(f"{row['alert_id']}: {ledger.STATE_WORDS[row['state']]}")


@cli.command()
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

    settings = _settings(ctx)
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


# -- the page: boundaries and tokens ---------------------------------------------------------------


@cli.group()
def region() -> None:
    """Maintain what is known of the region."""


@region.command("new")
@click.argument("code")
@click.option(
    "--from",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="CSV: code, name, level, kecamatan, kabupaten (neighbours too)",
)
@click.option("--words", type=click.File(encoding="utf-8"), help="Everyday words, one a line: such desa need a trigger")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="[default: data/regions/CODE]")
def region_new(code: str, table: Path, words: IO[str] | None, out: Path | None) -> None:
    """Make the folder of another kabupaten from a table of places, with a report of ambiguous names."""
    from pipelines.config import PROJECT
    from pipelines.region import new_region
    from pipelines.terminal import show_region

    show_region(new_region(code, table, out or PROJECT / "data" / "regions" / code, words or ()))


@region.command("boundaries")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.pass_context
def region_boundaries(ctx: click.Context, file: Path) -> None:
    """Take real polygons (GeoJSON, WGS 84) for the map, labelled "batas indikatif"."""
    from pipelines.boundaries import take_boundaries

    settings = _settings(ctx)
    taken = take_boundaries(settings, file)
    click.echo(f"{taken.drawn} of {taken.drawn + len(taken.missing)} desa have a boundary, {taken.points} points")
    if taken.missing:
        click.echo(f"drawn as a tile: {', '.join(taken.missing)}")
    if taken.unknown:
        click.echo(f"left out, no such desa: {', '.join(taken.unknown)}", err=True)


@cli.group()
def tokens() -> None:
    """Tokens of the JSON API under /api/v1/."""


@tokens.command("add")
@click.argument("label")
@click.option("--scope", "scopes", multiple=True, required=True, help="tables, alerts, sources, evidence")
@click.option("--days", type=int, default=90, show_default=True, help="Until it expires, 365 at most")
@click.option("--by", "who", required=True, help="Who answers for it")
@click.pass_context
def tokens_add(ctx: click.Context, label: str, scopes: tuple[str, ...], days: int, who: str) -> None:
    """Make a token for the programme LABEL; its text is shown once."""
    from pipelines import tokens as subject
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database) as store:
        token, text = subject.add(store, label, scopes, who, utc_now(), days)
    click.echo(f"{token.token_id} for {token.label}, until {token.expires_at:%Y-%m-%d}; kept nowhere, note it now:")
    click.echo(text)


@tokens.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def tokens_list(ctx: click.Context, as_json: bool) -> None:
    """List every token, newest first."""
    from pipelines import tokens as subject
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database, read_only=True) as store:
        rows = subject.listed(store, utc_now())
    if as_json:
        click.echo(json.dumps(rows))
    for row in [] if as_json else rows:
        scopes = ",".join(row["scopes"])
        click.echo(f"{row['token_id']}  {row['state']:8} until {row['expires_at'][:10]}  {scopes:24} {row['label']}")


@tokens.command("revoke")
@click.argument("token_id", metavar="ID")
@click.option("--by", "who", required=True, help="Who revokes it")
@click.pass_context
def tokens_revoke(ctx: click.Context, token_id: str, who: str) -> None:
    """Revoke a token at once."""
    from pipelines import tokens as subject
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database) as store:
        subject.revoke(store, token_id, who, utc_now())
    click.echo(f"{token_id} is revoked")


# -- the daily brief -------------------------------------------------------------------------------


@cli.command()
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

    settings = _settings(ctx)
    with Store(settings.database) as store:
        found = read_brief(settings, store, _since(day), utc_now(), who or _account())
    if form == "text" and out is None:
        click.echo(to_text(found))
        return
    for file in write_brief(settings, found, out or settings.home / "brief", form):
        click.echo(file)


# -- visits ----------------------------------------------------------------------------------------


@cli.group()
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

    settings = _settings(ctx)
    gazetteer, now = Gazetteer.load(settings.region), utc_now()
    given = values | {"date": values["day"], "themes": ";".join(themes)}
    visit = read_visit(given, gazetteer, now.astimezone(settings.timezone).date())
    with Store(settings.database) as store:
        new = save_visits(store, [visit], who or _account(), now)
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

    settings, now = _settings(ctx), utc_now()
    today = now.astimezone(settings.timezone).date()
    found = read_csv(file.read_bytes(), Gazetteer.load(settings.region), today)
    with Store(settings.database) as store:
        new = save_visits(store, found, who or _account(), now)
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

    settings = _settings(ctx)
    with Store(settings.database, read_only=True) as store:
        rows = stored(store, _since(since))
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

    with Store(_settings(ctx).database, read_only=True) as store:
        found = effect(store, threshold)
    click.echo(found.words)
    if found.effect == found.effect:
        click.echo(f"{found.effect:+.3f} ({found.low:+.3f} to {found.high:+.3f}, 95 %), power {found.power:.2f}")


# -- corrections -----------------------------------------------------------------------------------


@cli.group()
def corrections() -> None:
    """Correct a wrong place or level, or take a document down; the days are built again by the next run."""


@corrections.command("list")
@click.option("--all", "every", is_flag=True, help="Decided ones too")
@click.pass_context
def corrections_list(ctx: click.Context, every: bool) -> None:
    """List proposed corrections as JSON lines."""
    from pipelines.corrections import listed
    from pipelines.store import Store

    with Store(_settings(ctx).database, read_only=True) as store:
        for row in listed(store, ("proposed", "approved", "rejected") if every else ("proposed",)):
            click.echo(json.dumps(row, ensure_ascii=False))


@corrections.command("propose")
@click.argument("story")
@click.option("--place", help='Code of the region, or "elsewhere"')
@click.option("--level", type=click.IntRange(0, 4))
@click.option("--reason", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_propose(
    ctx: click.Context, story: str, place: str | None, level: int | None, reason: str, who: str
) -> None:
    """Propose another place or level for a story."""
    from analysis.gazetteer import Gazetteer
    from pipelines.corrections import propose
    from pipelines.store import Store, utc_now

    if (place is None) == (level is None):
        raise click.UsageError("give --place or --level")
    settings = _settings(ctx)
    kind, value = ("place", place) if place is not None else ("level", str(level))
    with Store(settings.database) as store:
        number = propose(store, Gazetteer.load(settings.region), story, kind, value or "", reason, who, utc_now())
    click.echo(f"correction {number} proposed")


@corrections.command("decide")
@click.argument("number", type=int)
@click.option("--approve/--reject", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_decide(ctx: click.Context, number: int, approve: bool, who: str) -> None:
    """Approve or reject a proposed correction; by somebody else than its proposer."""
    from pipelines.corrections import decide
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database) as store:
        row = decide(store, number, approve, who, utc_now())
    click.echo(f"correction {number} {row['state']}")


@corrections.command("clarify")
@click.argument("rumour")
@click.argument("clarification")
@click.option("--reason", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_clarify(ctx: click.Context, rumour: str, clarification: str, reason: str, who: str) -> None:
    """Link the address of a RUMOUR to that of its CLARIFICATION, shown beside it from now on."""
    from pipelines.corrections import clarify
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database) as store:
        clarify(store, rumour, clarification, reason, who, utc_now())
    click.echo("linked")


@corrections.command("takedown")
@click.argument("url")
@click.option("--reason", required=True)
@click.option("--by", "who", required=True)
@click.pass_context
def corrections_takedown(ctx: click.Context, url: str, reason: str, who: str) -> None:
    """Remove a document by its address, for good."""
    from pipelines.corrections import take_down
    from pipelines.store import utc_now

    settings = _settings(ctx)
    with _work(settings, "takedown") as store:
        take_down(settings, store, url, reason, who, utc_now())
    click.echo("removed; run `tables` (or wait for the next run) to build its days again")


# -- delivery --------------------------------------------------------------------------------------


@cli.group(invoke_without_command=True)
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

    settings = _settings(ctx)
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

    with Store(_settings(ctx).database, read_only=True) as store:
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

    known = {each.id: each for each in _settings(ctx).delivery.recipient}
    if recipient not in known:
        raise MonitorError(f"no recipient {recipient!r}; known are {', '.join(known) or 'none'}")
    address = os.environ.get(known[recipient].channel, "")
    if not address:
        raise MonitorError(f"{known[recipient].channel} is not set in the environment")
    if error := by_apprise(address, "Sejuk: uji coba", "Pesan uji coba. Tidak ada peringatan."):
        raise MonitorError(f"{recipient}: {redact(error, address)}")
    click.echo(f"{recipient}: sent")


# -- the page: users and serving -------------------------------------------------------------------


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen")
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535))
@click.pass_context
def serve(ctx: click.Context, host: str, port: int) -> None:
    """Serve the page until interrupted; put a TLS proxy in front before it leaves this machine."""
    from dashboard.serving import serve_page

    serve_page(_settings(ctx), host, port, click.echo)


@cli.group()
def users() -> None:
    """People who may use the page, and their roles."""


@users.command("add")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="pembaca, analis, pengulas, komando, admin")
@click.option("--kecamatan", multiple=True, help="Code of a kecamatan they are limited to (may be repeated)")
@click.option("--one-time", is_flag=True, help="Print a password that is changed at the first sign-in")
@click.option("--by", "who", default="", help="Who answers for it [default: the account of this machine]")
@click.pass_context
def users_add(
    ctx: click.Context, name: str, roles: tuple[str, ...], kecamatan: tuple[str, ...], one_time: bool, who: str
) -> None:
    """Make a user; the password is asked for, or read from standard input."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    if unknown := sorted(set(roles) - set(subject.Role)):
        raise click.UsageError(f"no role {', '.join(unknown)}; there are {', '.join(subject.Role)}")
    password = subject.one_time_password() if one_time else _new_password()
    with Store(_settings(ctx).database) as store:
        chosen = [subject.Role(role) for role in roles]
        user = subject.add(store, name, chosen, password, who or _account(), utc_now(), kecamatan, one_time)
    click.echo(f"{user.name}: {', '.join(sorted(user.roles))}")
    if one_time:
        click.echo(f"one-time password: {password}")


@users.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def users_list(ctx: click.Context, as_json: bool) -> None:
    """List users, roles and open sessions."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database, read_only=True) as store:
        rows = subject.listed(store, utc_now())
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        state = "disabled" if row["disabled_at"] else f"{row['sessions']} open sessions"
        click.echo(f"{row['name']:20} {', '.join(row['roles']):30} {', '.join(row['kecamatan']) or 'all':20} {state}")


@users.command("password")
@click.argument("name")
@click.option("--one-time", is_flag=True, help="Print a password that is changed at the first sign-in")
@click.pass_context
def users_password(ctx: click.Context, name: str, one_time: bool) -> None:
    """Set a new password and end the user's sessions."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    password = subject.one_time_password() if one_time else _new_password()
    with Store(_settings(ctx).database) as store:
        subject.set_password(store, name, password, _account(), utc_now(), one_time)
    click.echo(f"one-time password: {password}" if one_time else f"{name}: password set")


@users.command("disable")
@click.argument("name")
@click.option("--enable", is_flag=True, help="Let them in again")
@click.pass_context
def users_disable(ctx: click.Context, name: str, enable: bool) -> None:
    """Bar a user and end their sessions."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database) as store:
        subject.disable(store, name, _account(), utc_now(), enable)
    click.echo(f"{name}: {'enabled' if enable else 'disabled'}")


@users.command("sign-out")
@click.argument("name")
@click.pass_context
def users_sign_out(ctx: click.Context, name: str) -> None:
    """End all sessions of a user."""
    from pipelines import users as subject
    from pipelines.store import Store, utc_now

    with Store(_settings(ctx).database) as store:
        click.echo(f"{subject.revoke(store, name, _account(), utc_now())} sessions ended")


def _new_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _account() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "command line"


if __name__ == "__main__":
    cli()
