"""Probe every declared source: does it answer, may we read it, is it what it was declared to be?"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scrapy import Request

from crawlers.engine import ENGINES, Process
from crawlers.sources import PLATFORMS, Source
from crawlers.spiders.base import SourceSpider
from crawlers.state import State
from crawlers.visit import Run, Visit

_MINUTES = 1.0  # for one source


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe of one source found. `entries` counts listed articles that the filters admit."""

    source_id: str
    kind: str
    enabled: bool
    verified: bool
    reachable: bool
    robots: str  # "allowed", "denied" or "unknown"
    recognised: bool | None  # None: not probed
    entries: int
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for JSON."""
        return asdict(self)


def check(sources: Sequence[Source], folder: Path, allow_hosts: Sequence[str] = (), contact: str = "") -> list[Finding]:
    """Read the listing of every source, enabled or not, and none of its articles.

    A platform is not asked: that may cost quota, and it may only be read while it is switched on.
    """
    with tempfile.TemporaryDirectory() as scratch:
        state = State(Path(scratch) / "state.sqlite")
        run = Run("check", state, Path(scratch) / "spool", folder, ZoneInfo("Asia/Jakarta"))
        visits = [Visit(_brief(source), run) for source in sources if not source.is_platform]
        counts = Process(allow_hosts, contact).run(visits, _PROBES)
        state.close()
    found = {visit.source.id: _finding(visit, counts.get(visit.source.id, {})) for visit in visits}
    return [found.get(source.id) or _unasked(source) for source in sources]


def _unasked(source: Source) -> Finding:
    """Return what can be told of a platform without asking it: whether its key is there."""
    lacks = source.lacks_key
    on = "is on" if source.enabled else "is off; `sources enable` switches it on"
    message = f"not probed; {on}" + (f"; {source.key_variable} is not set" if lacks else "")
    bad = False if lacks and source.enabled else None
    return Finding(source.id, source.kind, source.enabled, source.verified, False, "unknown", bad, 0, message)


def _brief(source: Source) -> Source:
    return replace(source, max_minutes=min(source.max_minutes, _MINUTES), delay=min(source.delay, 1.0))


class _Probe:
    """An engine that asks for its listing alone: one answer, or two where an index leads to a sitemap."""

    visit: Visit
    _requests = 0

    async def start(self) -> AsyncIterator[Any]:
        async for each in super().start():  # type: ignore[misc]  # the engine it is mixed into has it
            if isinstance(each, Request):
                yield each.replace(meta={**each.meta, "max_retry_times": 0, "download_timeout": 20})

    def take(self, entries: Any) -> Any:
        self.visit.items += sum(self.visit.source.admits(entry.url) for entry in entries)
        return ()

    def list_request(self, *args: Any, **kwargs: Any) -> Any:
        self._requests += 1
        if self._requests <= 2:
            return super().list_request(*args, **kwargs)  # type: ignore[misc]  # as above
        return None

    take_whole = take


def _probe_of(engine: type[SourceSpider]) -> type[SourceSpider]:
    return type(f"{engine.__name__}Probe", (_Probe, engine), {})


_PROBES = {kind: _probe_of(engine) for kind, engine in ENGINES.items() if kind not in PLATFORMS}


def _finding(visit: Visit, counts: dict[str, Any]) -> Finding:
    source = visit.source
    answers = {
        key.rpartition("/")[2]: count
        for key, count in counts.items()
        if key.startswith("downloader/response_status_count/")
    }
    denied = bool(counts.get("robotstxt/forbidden"))
    reachable = bool(answers) or (source.kind == "files" and not visit.errors)
    robots = "denied" if denied else "allowed" if reachable else "unknown"
    message = "; ".join(visit.errors) or f"{visit.items} entries"
    recognised = reachable and not denied and not visit.errors
    return Finding(
        source_id=source.id,
        kind=source.kind,
        enabled=source.enabled,
        verified=source.verified,
        reachable=reachable,
        robots=robots,
        recognised=recognised,
        entries=visit.items,
        message=message,
    )
