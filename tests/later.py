"""Run the monitor or its crawler at a later hour: `TEST_LATER=3600 python -m tests.later run_monitor once`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

VARIABLE = "TEST_LATER"  # seconds by which the clock of a process goes ahead


def _now(*_: object) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(os.environ[VARIABLE]))


def _crawlers() -> Any:
    from crawlers.visit import Run

    Run.now = _now  # type: ignore[method-assign]
    from crawlers.__main__ import main

    sys.exit(main())


def _monitor() -> Any:
    from pipelines import store

    store.utc_now = _now  # before anybody else takes it from there
    from pipelines import collect

    plain: Callable[..., list[str]] = collect.crawl_command

    def later(*given: Any, **named: Any) -> list[str]:
        python, _, _, *rest = plain(*given, **named)
        return [python, "-m", "tests.later", "crawlers", *rest]

    collect.crawl_command = later
    from run_monitor import cli

    cli()


if __name__ == "__main__":
    {"crawlers": _crawlers, "run_monitor": _monitor}[sys.argv.pop(1)]()
