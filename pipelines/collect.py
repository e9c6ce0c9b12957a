"""Run the crawler as one subprocess and store what each source gave."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.errors import ConfigError, MonitorError, StorageError
from crawlers.errors import DeclarationError
from crawlers.sources import WEB, Source, load_sources
from pipelines.config import PROJECT, Settings
from pipelines.scrapyd import hand_out
from pipelines.store import Row, Store

log = logging.getLogger(__name__)

SALT_VARIABLE = "SEJUK_SECRET_AUTHOR_SALT"  # keys the author hashes; made at random where it is not set
_COUNTED = ("requests", "items", "unchanged", "known", "robots_denied", "bytes")
GRACE = timedelta(seconds=60)  # between asking a crawl to stop and killing it


def declared_sources(settings: Settings) -> tuple[Source, ...]:
    """Return the sources of the region.

    Raises: ConfigError naming file and key.
    """
    try:
        return load_sources(settings.sources_file)
    except (DeclarationError, OSError) as error:
        raise ConfigError("sources", str(error)) from error


def collect(
    settings: Settings,
    store: Store,
    sources: Sequence[Source],
    run_id: str,
    only: Sequence[str] = (),
    since: date | None = None,
    on_line: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """Crawl the enabled sources into the spool; a source that fails is reported and stops nothing.

    Args:
        sources: as they are in force (`grants.in_force`).
        only: ids of the sources to visit; a disabled one is reported and not visited.
        on_line: called with each progress line.

    Returns: counts over all sources. Raises: ConfigError (unknown source), MonitorError (crawler cannot run).
    """
    unknown = set(only) - {source.id for source in sources}
    if unknown:
        raise ConfigError("sources", f"no source {', '.join(sorted(unknown))} in {settings.sources_file}")
    _make_folder(settings.home)
    chosen = [source for source in sources if (source.id in only if only else source.enabled)]
    handed: list[Source] = []
    if settings.crawl.scrapyd:
        handed = [source for source in chosen if source.enabled and source.kind in WEB]
        hand_out(settings.crawl.scrapyd, handed, run_id, since)
    here = [source.id for source in chosen if source not in handed]
    if here or not handed:
        enabled = [source.id for source in sources if source.enabled]
        command = crawl_command(settings, summary_file(settings, run_id), run_id, enabled, here, since)
        _run_crawler(command, crawl_environment(settings), settings.crawl.timeout_minutes, on_line)
        if not summary_file(settings, run_id).is_file():
            raise MonitorError(f"the crawler left no summary at {summary_file(settings, run_id)}")
    rows = [row for file in settings.home.glob("crawl-*.json") for row in _take_in(file, settings, store, sources)]
    return {
        "handed": len(handed),
        "sources": len(rows),
        "failed": sum(not row["ok"] for row in rows),
        "requests": sum(row["requests"] for row in rows),
        "items": sum(row["items"] for row in rows),
    }


def check_sources(settings: Settings, sources: Sequence[Source], as_json: bool) -> int:
    """Probe every source but platforms and print the report; return the exit code (4: one cannot be read)."""
    command = [sys.executable, "-m", "crawlers", "check", "--sources", str(settings.sources_file)]
    command += ["--enabled", ",".join(source.id for source in sources if source.enabled)]
    for host in settings.crawl.allow_hosts:
        command += ["--allow-host", host]
    return subprocess.run(command + ["--json"] * as_json, cwd=PROJECT, check=False).returncode  # noqa: S603


def crawl_command(
    settings: Settings,
    summary: Path,
    run_id: str,
    enabled: Sequence[str],
    only: Sequence[str] = (),
    since: date | None = None,
) -> list[str]:
    """Return the command line of one crawl."""
    command = [sys.executable, "-m", "crawlers", "crawl", "--run-id", run_id]
    command += ["--sources", str(settings.sources_file), "--state", str(settings.crawl_state)]
    command += ["--spool", str(settings.spool), "--summary", str(summary)]
    command += ["--timezone", str(settings.timezone), "--author-salt-env", SALT_VARIABLE]
    command += ["--enabled", ",".join(enabled), "--frontier", settings.region.name]
    if settings.crawl.contact:
        command += ["--contact", settings.crawl.contact]
    if only:
        command += ["--only", ",".join(only)]
    if since:
        command += ["--since", since.isoformat()]
    for host in settings.crawl.allow_hosts:
        command += ["--allow-host", host]
    return command


def _run_crawler(
    command: list[str], environment: dict[str, str], timeout_minutes: int, on_line: Callable[[str], None]
) -> None:
    """Run the crawl to its end; SIGTERM and the time limit let it finish the page in hand."""
    process = subprocess.Popen(  # noqa: S603 (our own module with checked arguments)
        command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    tail: list[str] = []
    alarm = signal.signal(signal.SIGALRM, lambda *_: process.terminate())
    signal.alarm(timeout_minutes * 60)
    try:
        for line in process.stderr or ():
            tail = [*tail[-19:], line.rstrip()]
            on_line(line.rstrip())
        code = process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(GRACE.total_seconds())
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    finally:
        if process.stderr:
            process.stderr.close()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, alarm)
    if code != 0:
        raise MonitorError("the crawler stopped with exit code {}:\n{}".format(code, "\n".join(tail[-8:])))


def author_salt(settings: Settings) -> str:
    """Return the secret that keys the hashes of authors and of posts' addresses, made once for this home."""
    if told := os.environ.get(SALT_VARIABLE):
        return told
    file = settings.home / "author-salt"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(os.urandom(32))
    return file.read_bytes().hex()


def crawl_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a crawl: what is set, and the key of the author hashes."""
    return os.environ | {SALT_VARIABLE: author_salt(settings)}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}; choose another `home`") from error


def summary_file(settings: Settings, run_id: str) -> Path:
    """Return where a crawl, on whatever machine, leaves its summary."""
    return settings.home / f"crawl-{run_id}.json"


def _take_in(file: Path, settings: Settings, store: Store, sources: Sequence[Source]) -> list[Row]:
    """Store what a crawl tells of its sources, and remove its summary; return the rows."""
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        rows = [_fetch_row(entry, summary, settings) for entry in summary["sources"]]
    except (OSError, ValueError, KeyError) as error:
        raise MonitorError(f"the summary {file} cannot be read: {error}; remove it") from error
    store.save_fetches((source_row(source) for source in sources), rows)
    file.unlink()
    for row in rows:
        if not row["ok"]:
            log.warning("source id=%s failed errors=%s", row["source_id"], row["errors"])
    return rows


def source_row(source: Source) -> Row:
    """Return a declaration as a row of the table `sources`."""
    return {
        "source_id": source.id,
        "name": source.name,
        "kind": source.kind,
        "voice": source.voice,
        "address": source.address,
        "basis": source.basis,
        "enabled": int(source.enabled),
        "verified": int(source.verified),
    }


def _fetch_row(entry: dict[str, Any], summary: dict[str, Any], settings: Settings) -> Row:
    started = datetime.fromisoformat(summary["started"])
    return {
        "run_id": summary["run_id"],
        "source_id": entry["source_id"],
        "day": started.astimezone(settings.timezone).date().isoformat(),
        "started": summary["started"],
        "finished": summary["finished"],
        "ok": int(not entry["errors"]),
        **{key: int(entry[key]) for key in ("requests", "items", "unchanged", "known", "robots_denied", "bytes")},
        **{key: json.dumps(entry[key], ensure_ascii=False) for key in ("rejected", "status", "errors")},
        "last_published": entry["last_published"],
    }
