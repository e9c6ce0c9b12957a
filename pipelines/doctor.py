"""Is this machine fit to run the monitor? Each finding says what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from analysis.errors import MonitorError
from pipelines.config import Settings

FREE_BYTES = 1_000_000_000  # a year of one kabupaten takes about this much
PACKAGES = ("scrapy", "transformers", "onnxruntime", "pandas", "sqlite-utils", "schedule")
BUILT = datetime(2026, 11, 1, tzinfo=UTC)  # a clock before this is wrong


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything a run needs; never raises for what it finds."""
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("clock", _clock),
        ("region", _region),
        ("sources", _sources),
        ("model", _model),
        ("disk", _disk),
        ("database", _database),
    )
    return [_finding(what, check, settings) for what, check in checks]


def _finding(what: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(what, True, check(settings))
    except (MonitorError, OSError, ValueError) as error:
        return Finding(what, False, str(error))


def _python(_: Settings) -> str:
    if tuple(sys.version_info) < (3, 11):
        raise MonitorError(f"{sys.version.split()[0]} is too old; install Python 3.11 or newer")
    return sys.version.split()[0]


def _packages(_: Settings) -> str:
    try:
        return ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    except metadata.PackageNotFoundError as error:
        raise MonitorError(f"{error.name} is not installed; run `make install`") from error


def _clock(_: Settings) -> str:
    now = datetime.now(UTC)
    if now < BUILT:
        raise MonitorError(f"the clock says {now:%Y-%m-%d %H:%M}, which is in the past; set it (NTP)")
    return f"{now:%Y-%m-%d %H:%M} UTC"


def _region(settings: Settings) -> str:
    from analysis.gazetteer import Gazetteer

    gazetteer = Gazetteer.load(settings.region)
    facts = settings.region_facts()
    return f"{facts['name']} ({facts['timezone']}): {len(gazetteer.kecamatan)} kecamatan, {len(gazetteer.desa)} desa"


def _sources(settings: Settings) -> str:
    from pipelines.grants import effective_sources

    declared = effective_sources(settings)
    enabled = [source for source in declared if source.enabled]
    if not enabled:
        raise MonitorError(f"none of {len(declared)} sources is enabled in {settings.sources_file}")
    unverified = sum(not source.verified for source in enabled)
    return f"{len(enabled)} of {len(declared)} enabled, {unverified} unverified; probe them with `sources check`"


def _model(settings: Settings) -> str:
    from analysis.classifier import Classifier

    return f"{settings.model.name} ({Classifier.load(settings.model).model_id})"


def _disk(settings: Settings) -> str:
    folder = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise MonitorError(f"{free / 1e9:.1f} GB free at {folder}; make room, 1 GB is needed")
    _check_writable(folder)
    return f"{free / 1e9:.0f} GB free"


def _check_writable(folder: Path) -> None:
    probe = folder / ".sejuk-doctor"
    probe.write_bytes(b"")
    probe.unlink()


def _database(settings: Settings) -> str:
    from pipelines.audit import verify
    from pipelines.store import Store

    if not settings.database.exists():
        return f"none yet at {settings.database}; `once` makes it"
    with Store(settings.database, read_only=True) as store:
        if (verdict := store.integrity()) != "ok":
            raise MonitorError(f"{settings.database} is damaged ({verdict}); restore a backup")
        if broken := verify(store):
            raise MonitorError(f"audit log: {broken}")
        last = store.last_runs(1)
    if last and last[0]["started"] < (datetime.now(UTC) - timedelta(days=2)).isoformat():
        raise MonitorError(f"the last run started {last[0]['started']}; is `run` or its timer still active?")
    return f"{settings.database}, whole"
