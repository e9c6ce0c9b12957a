"""Data: the daily tables as files, and where the JSON API is; every download is entered in the audit log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from dashboard.access import User, allow
from dashboard.screens.api import router as api
from dashboard.showing import show
from dashboard.stores import reading, writing
from dashboard.threads import apart
from pipelines import pages
from pipelines.audit import record
from pipelines.config import Settings
from pipelines.store import DAILY, Store

router = APIRouter()
LONGEST = {"csv": 400, "parquet": 400, "xlsx": 62}  # days; a spreadsheet of a year takes a minute and much memory
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
AT_ONCE = BoundedSemaphore(2)  # downloads; the threads that are left keep answering readers
COLUMNS = ("day", "voice", "n", "tension", "low", "weight", "status", "coverage", "final", "as_of")
PIECE = 65_536  # bytes that are sent at a time


@router.get("/data")
def data(request: Request, user: Annotated[User, Depends(allow())]) -> Response:
    """Show what can be downloaded, and the API."""
    return _page(request)


@router.get("/data/unduh")
def download(
    request: Request,
    user: Annotated[User, Depends(allow())],
    level: str = "desa",
    format: str = "csv",
    since: str = "",
    until: str = "",
) -> Response:
    """Send one daily table as a file, under the k-threshold."""
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError:
        return _page(request, "data_bad_days")
    if level not in DAILY or format not in KINDS or first > last:
        return _page(request, "data_bad_days")
    if (last - first).days >= LONGEST[format]:
        return _page(request, "data_too_long", LONGEST[format])
    with writing(request) as store:
        asked = {"table": DAILY[level], "format": format, "since": first, "until": last}
        record(store, "export", asked, request.app.state.clock(), user.name)
    if not AT_ONCE.acquire(blocking=False):
        return _page(request, "data_busy", status=503)
    folder = tempfile.TemporaryDirectory(prefix="sejuk-")
    try:
        file = apart(write_table, request.app.state.settings, level, format, first, last, folder.name)
    finally:
        AT_ONCE.release()
    headers = {
        "Content-Disposition": f'attachment; filename="{DAILY[level]}-{first}-{last}.{format}"',
        "Content-Length": str(file.stat().st_size),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_pieces(file, folder), media_type=KINDS[format], headers=headers)


def write_table(settings: Settings, level: str, kind: str, since: date, until: date, folder: str) -> Path:
    """Write the daily tables of a span in one format; return the file of a level."""
    from pipelines.export import export_tables  # in its own process, so that the page's stays small

    with Store(settings.database, read_only=True) as store:
        files = export_tables(store, Path(folder), partial(pages.shown, settings), [kind], since, until)
    return next(file for file in files if file.stem == DAILY[level])


def _pieces(file: Path, folder: tempfile.TemporaryDirectory[str]) -> Iterator[bytes]:
    with folder, file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def _page(request: Request, problem: str = "", longest: int = 0, status: int = 400) -> Response:
    with reading(request) as store:
        days = pages.days_of(store)
    return show(
        request,
        "data.html",
        status if problem else 200,
        days=days,
        since=max(days.first, days.last - timedelta(days=29)) if days else None,
        levels=tuple(DAILY),
        formats=tuple(KINDS),
        columns=COLUMNS,
        endpoints=[
            {"path": r.path, "name": r.path.split("/")[-1]} for r in api.routes if isinstance(r, APIRoute) and r.summary
        ],
        problem=problem,
        longest=longest,
    )
