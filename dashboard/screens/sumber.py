"""Sumber: which sources are heard and which are silent; a silent source makes the map look calm."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response

from dashboard.access import User, allow
from dashboard.showing import show
from dashboard.stores import reading
from pipelines.source_health import source_health

router = APIRouter()
NAMES = {"press": "pers", "official": "resmi", "public": "warga"}


@router.get("/sumber")
def sources(request: Request, user: Annotated[User, Depends(allow())]) -> Response:
    """Show every source's health, silent ones first."""
    with reading(request) as store:
        rows = source_health(store, request.app.state.clock(), request.app.state.zone)
    for row in rows:
        row["voice"] = NAMES[row["voice"]]
        row["host"] = urlsplit(row["address"]).netloc or row["kind"]
    enabled = [row for row in rows if row["enabled"]]
    silent = sum(row["state"] not in ("healthy", "late") for row in enabled)
    return show(request, "sumber.html", sources=rows, silent=silent, enabled=len(enabled))
