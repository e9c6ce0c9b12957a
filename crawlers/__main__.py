"""The crawling room's own command: `python -m crawlers crawl` and `python -m crawlers check`.

Exit codes: 0 done (also where single sources failed: the summary says so); 1 nothing could be done (the URL
state or the summary cannot be written); 2 wrong arguments or declarations; 3 another crawl is running;
check: 0 every source is recognised, 4 at least one is not.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from crawlers.errors import CrawlError, DeclarationError, StateError
from crawlers.sources import FRONTIER_VARIABLE, WEB, Source, load_sources

_TALKERS = ("scrapy", "twisted", "trafilatura", "readability", "htmldate", "asyncio")
_MARKS = {True: "ok  ", False: "FAIL", None: "-   "}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("crawlers").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_may_be_told)
    try:
        sources = _in_force(load_sources(options.sources), options.enabled)
        if options.command == "check":
            return _check(options, sources)
        return _crawl(options, sources)
    except (DeclarationError, FileNotFoundError) as error:
        return _say(error, 2)
    except StateError as error:
        return _say(error, 3 if "another crawl" in str(error) else 1)
    except (CrawlError, OSError) as error:
        return _say(error, 1)


def _may_be_told(record: logging.LogRecord) -> bool:
    """Keep back what libraries log at whatever level they set: Scrapy tells each item, unmasked, with its author."""
    return record.levelno >= logging.CRITICAL or record.name.partition(".")[0] not in _TALKERS


def _in_force(sources: tuple[Source, ...], enabled: str | None) -> tuple[Source, ...]:
    """Return the sources with those enabled that the caller names, else as they are declared."""
    if enabled is None:
        return sources
    ids = set(enabled.split(","))
    return tuple(replace(source, enabled=source.id in ids) for source in sources)


def _crawl(options: argparse.Namespace, sources: tuple[Source, ...]) -> int:
    from crawlers.crawl import crawl, write_summary
    from crawlers.frontier import Frontier
    from crawlers.state import State
    from crawlers.visit import Run

    only = [each for each in options.only.split(",") if each]
    if unknown := sorted(set(only) - {source.id for source in sources}):
        return _say(f"--only: no source {', '.join(unknown)} in {options.sources}", 2)
    salt = os.environ.get(options.author_salt_env, "") if options.author_salt_env else ""
    address = os.environ.get(FRONTIER_VARIABLE, "")
    frontier = Frontier(address, options.frontier) if address and options.frontier else None
    is_shared = all(each.kind in WEB for each in sources if (each.id in only if only else each.enabled))
    state = frontier if frontier and is_shared else State(options.state)
    try:
        run = Run(
            id=options.run_id,
            state=state,
            spool=options.spool,
            folder=options.sources.resolve().parent,
            local=options.timezone,
            since=options.since,
            salt=salt.encode(),
        )
        summary = crawl(sources, run, only, options.allow_host, options.contact, frontier)
    finally:
        for each in {state, frontier or state}:
            each.close()
    write_summary(options.summary, summary)
    return 0


def _check(options: argparse.Namespace, sources: tuple[Source, ...]) -> int:
    from crawlers.check import check

    findings = check(sources, options.sources.resolve().parent, options.allow_host, options.contact)
    if options.json:
        lines = [json.dumps([finding.to_dict() for finding in findings], ensure_ascii=False, indent=1)]
    else:
        lines = [
            f"{_MARKS[each.recognised]} {each.source_id:24} {each.kind:9} robots={each.robots:7} {each.message}"
            for each in findings
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 4 if any(finding.recognised is False for finding in findings) else 0


def _say(message: object, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crawlers", description="Collect documents from the declared sources.", epilog=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    crawl = commands.add_parser("crawl", help="visit the enabled sources")
    check = commands.add_parser("check", help="probe every source and report")
    for command in (crawl, check):
        command.add_argument("--sources", type=Path, required=True, help="sources.toml")
        command.add_argument(
            "--allow-host", action="append", default=[], type=_host, metavar="HOST:PORT",
            help="a private or loopback host that may be read, such as 127.0.0.1:8000",
        )  # fmt: skip
        command.add_argument("--enabled", help="ids of the sources that are on, with commas [default: as declared]")
        command.add_argument("--contact", default="", help="mail address told to the sites")
    crawl.add_argument("--state", type=Path, required=True, help="SQLite file of what was seen")
    crawl.add_argument("--spool", type=Path, required=True, help="folder for the documents")
    crawl.add_argument("--summary", type=Path, required=True, help="JSON file for the report")
    crawl.add_argument("--run-id", type=_run_id, required=True)
    crawl.add_argument("--only", default="", help="ids of the sources to visit, with commas")
    crawl.add_argument("--since", type=date.fromisoformat, help="backfill from this day (YYYY-MM-DD)")
    crawl.add_argument("--author-salt-env", default="", help="variable that keys the author hashes")
    crawl.add_argument("--frontier", default="", help=f"name of what machines share where {FRONTIER_VARIABLE} is set")
    crawl.add_argument("--timezone", type=ZoneInfo, default=ZoneInfo("Asia/Jakarta"))
    check.add_argument("--json", action="store_true", help="report as JSON")
    return parser


def _host(value: str) -> str:
    if not re.fullmatch(r"(\[[0-9a-f:]+\]|[^:/\s]+):\d+", value):
        raise argparse.ArgumentTypeError("write HOST:PORT, such as 127.0.0.1:8000")
    return value


def _run_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise argparse.ArgumentTypeError("use letters, digits, dot, hyphen and underscore")
    return value


if __name__ == "__main__":
    sys.exit(main())
