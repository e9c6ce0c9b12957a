"""Sejuk's one command: each subcommand is one call into `pipelines`.

Exit codes: 0 done; 1 something failed, the message says what to do; 2 wrong use; 3 another run is at work.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from commands import alerts, brief, chain, corrections, labels, model, page, region, sources, texts, upkeep, visits
from commands.shared import MonitorGroup

COMMANDS: tuple[click.Command, ...] = (
    chain.demo,
    chain.once,
    chain.run,
    chain.crawl,
    chain.process,
    chain.tables,
    upkeep.export,
    upkeep.explore,
    upkeep.backup,
    upkeep.doctor,
    upkeep.status,
    upkeep.replay,
    sources.sources,
    texts.score,
    texts.locate,
    model.model,
    alerts.alerts,
    region.region,
    page.serve,
    page.users,
    page.tokens,
    brief.brief,
    brief.deliver,
    visits.visits,
    corrections.corrections,
    labels.labels,
)


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


for command in COMMANDS:
    cli.add_command(command)

if __name__ == "__main__":
    cli()
