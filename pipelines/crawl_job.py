"""What a Scrapyd runs for a job: `runner = pipelines.crawl_job` in its configuration.

A job is a crawl as `run_monitor.py crawl` makes it, from the same settings (SEJUK_…), of one source or those in `only`.
The sources are this region's declarations, so no egg is deployed: Scrapyd calls `… list` and `… crawl ID -a since=DAY`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import date

from crawlers.sources import WEB
from pipelines.collect import crawl_command, crawl_environment, declared_sources, summary_file
from pipelines.config import PROJECT, load_settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the sources that a job may visit, or become the crawl of some."""
    options = _parser().parse_args(arguments)
    settings = load_settings()
    if options.command == "list":
        sys.stdout.writelines(f"{source.id}\n" for source in declared_sources(settings) if source.kind in WEB)
        return
    job, log = _value(options.argument, "_job"), _value(options.setting, "LOG_FILE")
    since = _value(options.argument, "since")
    only = (_value(options.argument, "only") or options.spider).split(",")
    command = crawl_command(
        settings,
        summary_file(settings, job),
        job,
        only,
        only,
        date.fromisoformat(since) if since else None,
    )
    if log:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), sys.stderr.fileno())
    os.chdir(PROJECT)
    os.execve(sys.executable, command, crawl_environment(settings))  # noqa: S606 (our own module, checked arguments)


def _value(pairs: Sequence[str], name: str) -> str:
    """Return the value of NAME=VALUE among pairs, "" where there is none."""
    return next((each.partition("=")[2] for each in pairs if each.partition("=")[0] == name), "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.crawl_job", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list").add_argument("-s", dest="setting", action="append", default=[])
    crawl = commands.add_parser("crawl")
    crawl.add_argument("spider")
    crawl.add_argument("-s", dest="setting", action="append", default=[])
    crawl.add_argument("-a", dest="argument", action="append", default=[])
    return parser


if __name__ == "__main__":
    main()
