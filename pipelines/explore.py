"""A redacted snapshot for researchers: the daily tables as they may be shown, in a file of its own, read in Datasette.

The file holds no text, no title, no address of a document, no author and no name of a user: what is not in it cannot be
queried out of it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from analysis.errors import MonitorError, StorageError
from analysis.gazetteer import Gazetteer
from pipelines import pages
from pipelines.audit import record
from pipelines.config import Settings
from pipelines.store import DAILY, Row, Store

LOOPBACK = "127.0.0.1"
AT_ONCE = timedelta(days=31)  # days of a table that are held in memory
KEYS: Mapping[str, str | tuple[str, ...]] = {
    **{table: ("day", f"{level}_code", "voice") for level, table in DAILY.items()},
    "places": "code", "sources": "source_id", "alerts": "alert_id", "visits": ("day", "desa_code", "kind"),
    "about": "name",
}  # fmt: skip
TITLES = {
    "desa_daily": "Daily estimates of each desa; the public voice of fewer than k authors in 7 days has no figures",
    "kecamatan_daily": "Daily estimates of each kecamatan",
    "kabupaten_daily": "Daily estimates of the kabupaten",
    "places": "Names of desa and kecamatan by their code",
    "sources": "Sources with their voice and legal basis",
    "alerts": "Alerts that a person has confirmed, without their evidence",
    "visits": "Visits by desa, day, kind and themes, without what was noted down",
    "about": "When and from what this snapshot was made",
}


def write_snapshot(settings: Settings, store: Store, target: Path, who: str, now: datetime) -> Path:
    """Write the snapshot, whole or not at all, and enter it in the audit log as an export.

    Raises: StorageError (no tables yet, no room), GazetteerError.
    """
    days = pages.days_of(store)
    if days is None:
        raise StorageError(f"{store.path}: no tables yet; make them with `run_monitor.py once`")
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with contextlib.closing(Database(part)) as made:
            for name, rows in _tables(settings, store, days, now):
                made.table(name).insert_all(rows, pk=KEYS[name], replace=True, alter=False)
            made.vacuum()
    except OSError as error:
        raise StorageError(f"cannot write to {target.parent}: {error.strerror or error}") from error
    record(store, "export", {"snapshot": target.name, "since": days.first, "until": days.last}, now, who)
    return part.replace(target)


def serve_snapshot(file: Path, port: int) -> int:
    """Serve a snapshot read-only on loopback until interrupted; return Datasette's exit code.

    Raises: MonitorError where Datasette is not installed.
    """
    if importlib.util.find_spec("datasette") is None:
        raise MonitorError("this needs Datasette: `pip install sejuk[explore]`; the file is made without it")
    about = {"title": "Sejuk", "databases": {file.stem: {"tables": {n: {"description": t} for n, t in TITLES.items()}}}}
    described = file.with_suffix(".json")
    described.write_text(json.dumps(about), encoding="utf-8")
    command = [sys.executable, "-m", "datasette", "serve", "--immutable", str(file), "--metadata", str(described),
               "--host", LOOPBACK, "--port", str(port), "--setting", "sql_time_limit_ms", "3000"]  # fmt: skip
    with subprocess.Popen(command) as process:  # noqa: S603 (our own arguments)
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal has interrupted it too
            process.terminate()
            return 0


def _tables(settings: Settings, store: Store, days: pages.Days, now: datetime) -> Iterator[tuple[str, list[Row]]]:
    """Yield the snapshot's tables, the daily ones in pieces."""
    for level, table in DAILY.items():
        for since, until in _pieces(days.first, days.last):
            shown = pages.daily(settings, store, level, since, until).drop(columns="run_id", errors="ignore")
            yield table, pages.records(shown.astype(object).where(shown.notna(), None))
    yield "places", _places(Gazetteer.load(settings.region))
    yield "sources", store.rows("SELECT source_id, name, kind, voice, basis, enabled FROM sources")
    yield (
        "alerts",
        store.rows(
            """SELECT alert_id, day, kind, tier, level, code, place, words, seen, expected, p, state, as_of FROM alerts
           WHERE state IN (SELECT value FROM json_each(:states))""",
            {"states": json.dumps(pages.REVIEWED)},
        ),
    )
    yield "visits", store.rows("SELECT day, desa_code, kind, themes FROM visits")
    facts: dict[str, Any] = {"made": now.isoformat(), "region": settings.region_facts()["name"], "k": settings.tables.k,
                             "since": days.first.isoformat(), "until": days.last.isoformat()}  # fmt: skip
    yield "about", [{"name": name, "value": str(value)} for name, value in facts.items()]


def _pieces(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        yield first, min(first + AT_ONCE, last)
        first += AT_ONCE + timedelta(days=1)


def _places(gazetteer: Gazetteer) -> list[Row]:
    above = [{"code": k.code, "name": k.name, "level": "kecamatan", "above": gazetteer.code}
             for k in gazetteer.kecamatan.values()]  # fmt: skip
    return above + [
        {"code": d.code, "name": d.name, "level": "desa", "above": d.kecamatan_code} for d in gazetteer.desa.values()
    ]
