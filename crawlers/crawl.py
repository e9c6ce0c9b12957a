"""Visit the declared sources and report on each."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from crawlers.engine import ENGINES, Process
from crawlers.errors import StateError
from crawlers.sources import WEB, Source
from crawlers.state import State
from crawlers.visit import Run, Visit

POSITIONS_KEPT = timedelta(days=29)  # YouTube bars keeping what it gave for longer than 30
log = logging.getLogger(__name__)


def crawl(
    sources: Sequence[Source],
    run: Run,
    only: Collection[str] = (),
    allow_hosts: Sequence[str] = (),
    contact: str = "",
    frontier: State | None = None,
) -> dict[str, Any]:
    """Visit the enabled sources, all in this process; one that fails stops no other.

    Args:
        only: ids of the sources to visit; a disabled one among them is reported, not visited.
        frontier: the state of web sources where machines share it; what one of them visited is not in the summary.

    Returns: the summary. Raises: StateError (the state cannot be written).
    """
    shared = replace(run, state=frontier) if frontier else run
    chosen = [source for source in sources if (source.id in only if only else source.enabled)]
    visits = [Visit(source, shared if source.kind in WEB else run) for source in chosen]
    ready = [visit for visit in visits if _is_ready(visit)]
    process = Process(allow_hosts, contact)
    try:
        run.state.expire_positions(run.now() - POSITIONS_KEPT)
        counts = process.run(ready, ENGINES)
    except (*run.state.failures, *shared.state.failures) as error:
        raise StateError(f"the URL state cannot be written: {error}") from error
    for visit in ready:
        if not visit.finished and not visit.elsewhere and (process.interrupted or not visit.errors):
            visit.fail("stopped before its end; the next run goes on")
    return {
        "run_id": run.id,
        "started": run.started.isoformat(),
        "finished": run.now().isoformat(),
        "sources": [visit.summary(counts.get(visit.source.id, {})) for visit in visits if not visit.elsewhere],
    }


def _is_ready(visit: Visit) -> bool:
    if not visit.source.enabled:
        visit.fail("is disabled; `sources enable` switches it on")
        return False
    return visit.is_due()


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(part, "w", encoding="utf-8") as file:
        json.dump(summary, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
