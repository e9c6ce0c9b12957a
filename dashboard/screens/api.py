"""The JSON API under /api/v1/: tables, reviewed alerts and sources for programmes that hold a token."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from dashboard.stores import reading, writing
from pipelines import evidence, ledger, pages, tokens
from pipelines.audit import record
from pipelines.source_health import source_health
from pipelines.store import Row
from pipelines.tokens import Token


class Problem(BaseModel):
    """Why a question is not answered, in a sentence."""

    detail: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No token, or one that is unknown, expired or revoked"},
    403: {"model": Problem, "description": "The token's scopes do not cover this"},
    503: {"model": Problem, "description": "The database cannot be read now"},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No confirmed alert of this id"}}
router = APIRouter(prefix="/api/v1", tags=["api"], responses=REFUSALS)
DEFAULT_SPAN = timedelta(days=7)
BEARER = HTTPBearer(auto_error=False, description="Made by `run_monitor.py tokens add`")
CODE = r"^\d{2}\.\d{2}(\.\d{2}(\.\d{4})?)?$"


def token_for(scope: str) -> Callable[..., Token]:
    """Return a dependency that takes a valid token of a scope, or answers 401 or 403."""

    def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None
    ) -> Token:
        if credentials is None:
            raise HTTPException(401, "a token is needed: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
        try:
            with reading(request) as store:
                return tokens.check(store, credentials.credentials, scope, request.app.state.clock())
        except tokens.ScopeRefused as error:
            raise HTTPException(403, str(error)) from error
        except tokens.TokenRefused as error:
            raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from error

    return check


class PlaceDay(BaseModel):
    """One place, day and voice; `tension` is null where there is no data: that is not calm."""

    day: date
    code: str
    voice: Literal["all", "press", "official", "public"]
    status: Literal["enough", "estimated", "no_data"]
    tension: float | None = Field(description="estimate in [0, 1]")
    low: float | None = Field(description="of the 90 % interval")
    high: float | None
    weight: float | None = Field(description="share of the estimate that the place's own stories carry")
    n: int = Field(description="stories of the day")
    n7: int = Field(description="stories of seven days")
    copies: int
    sources: int
    max_level: int | None
    grave7: int = Field(description="stories of level 3 or 4 in seven days")
    themes: dict[str, int]
    negative: float | None
    neutral: float | None
    positive: float | None
    coverage: float = Field(description="share of the voice's sources that could be known")
    final: bool
    as_of: str
    note: str


class PlaceDays(BaseModel):
    """A page of place-days."""

    items: list[PlaceDay]
    next: str | None = Field(description="address of the next page")


class AlertItem(BaseModel):
    """An alert that a person has confirmed."""

    alert_id: str
    day: date
    tier: Literal["kuning", "merah"]
    kind: str
    level: str
    code: str
    place: str
    words: str
    seen: float | None
    expected: float | None
    state: str
    as_of: str


class Alerts(BaseModel):
    """A page of alerts."""

    items: list[AlertItem]
    next: str | None


class Link(BaseModel):
    """A piece of evidence that is public already; never a resident's post."""

    source: str
    published: str
    url: str


class SourceItem(BaseModel):
    """A source's health."""

    source_id: str
    name: str
    voice: str
    state: Literal["healthy", "late", "silent", "broken", "blocked", "new", "off"]
    last_ok: str | None
    items_a_day: float
    lag_hours: float | None
    robots_denied: int


class Span(BaseModel):
    """What a list is asked for; a word that it does not know is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")
    since: date | None = Field(None, description="first day; 7 days before `until` where left out")
    until: date | None = Field(None, description="last day; the latest day with tables where left out")
    limit: int = Field(500, ge=1, le=1000, description="place-days or alerts a page")
    offset: int = Field(0, ge=0, le=10_000_000)


class PlaceSpan(Span):
    """What place-days are asked for."""

    code: str = Field("", pattern=f"{CODE}|^$", description="a place, or a place above")
    voice: Literal["all", "press", "official", "public"] | None = None


@router.get("/desa-days", summary="Daily estimates of each desa")
def desa_days(
    request: Request, asked: Annotated[PlaceSpan, Query()], _: Annotated[Token, Depends(token_for("tables"))]
) -> PlaceDays:
    """Return desa-days in order of day and code; the public voice of few authors has no numbers."""
    return _place_days(request, "desa", asked)


@router.get("/kecamatan-days", summary="Daily estimates of each kecamatan")
def kecamatan_days(
    request: Request, asked: Annotated[PlaceSpan, Query()], _: Annotated[Token, Depends(token_for("tables"))]
) -> PlaceDays:
    """Return kecamatan-days in order of day and code."""
    return _place_days(request, "kecamatan", asked)


@router.get("/kabupaten-days", summary="Daily estimates of the kabupaten")
def kabupaten_days(
    request: Request, asked: Annotated[PlaceSpan, Query()], _: Annotated[Token, Depends(token_for("tables"))]
) -> PlaceDays:
    """Return kabupaten-days in order of day."""
    return _place_days(request, "kabupaten", asked)


@router.get("/alerts", summary="Alerts that a person has confirmed")
def alerts(
    request: Request, asked: Annotated[Span, Query()], _: Annotated[Token, Depends(token_for("alerts"))]
) -> Alerts:
    """Return confirmed alerts, newest first; nothing leaves before its review."""
    with reading(request) as store:
        since, until = _span(asked, pages.days_of(store))
        rows = ledger.alerts(store, pages.REVIEWED, since, until)
    page = rows[asked.offset : asked.offset + asked.limit]
    more = len(rows) > asked.offset + asked.limit
    return Alerts(items=[AlertItem.model_validate(row) for row in page], next=_next(request, asked, more))


@router.get(
    "/alerts/{alert_id}/evidence",
    summary="Links behind a confirmed alert; entered in the audit log",
    responses=NOT_FOUND,
)
def alert_evidence(
    request: Request,
    alert_id: Annotated[str, Path(max_length=80)],
    token: Annotated[Token, Depends(token_for("evidence"))],
) -> list[Link]:
    """Return source, time and address of what an alert rests on, without texts."""
    with writing(request) as store:
        found = [row for row in ledger.alerts(store, pages.REVIEWED) if row["alert_id"] == alert_id]
        if not found:
            raise HTTPException(404, "no confirmed alert of this id")
        who = f"token {token.token_id} ({token.label})"
        record(store, "read evidence", {"alert": alert_id, "through": "api"}, request.app.state.clock(), who)
        return [Link.model_validate(link) for link in evidence.links(store, alert_id)]


@router.get("/sources", summary="Health of the sources, silent ones first")
def sources(request: Request, _: Annotated[Token, Depends(token_for("sources"))]) -> list[SourceItem]:
    """Return every source's health."""
    with reading(request) as store:
        rows = source_health(store, request.app.state.clock(), request.app.state.zone)
    return [SourceItem.model_validate(row) for row in rows]


@router.get("/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """Return the description of this API."""
    return get_openapi(title="Sejuk", version="1", description=__doc__, routes=router.routes)


def _place_days(request: Request, level: str, asked: PlaceSpan) -> PlaceDays:
    settings = request.app.state.settings
    with reading(request) as store:
        since, until = _span(asked, pages.days_of(store))
        table, more = pages.place_days(settings, store, level, since, until, asked.code, asked.limit, asked.offset)
    if asked.voice:
        table = table[table["voice"] == asked.voice]
    table = table.rename(columns={f"{level}_code": "code"})
    items = [PlaceDay.model_validate(_plain(row)) for row in table.to_dict("records")]
    return PlaceDays(items=items, next=_next(request, asked, more))


def _plain(row: dict[Any, Any]) -> Row:
    plain = {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in row.items()}
    return plain | {"themes": json.loads(row["themes"]), "note": row["note"] or ""}


def _span(asked: Span, days: pages.Days | None) -> tuple[date, date]:
    until = asked.until or (days.last if days else date.max)
    since = asked.since or max(until, date.min + DEFAULT_SPAN) - DEFAULT_SPAN
    if since > until:
        problem = {"type": "span", "loc": ("query", "until"), "msg": f"since {since} lies after until {until}"}
        raise RequestValidationError([problem])
    return since, until


def _next(request: Request, asked: Span, more: bool) -> str | None:
    following = request.url.include_query_params(offset=asked.offset + asked.limit)
    return f"{following.path}?{following.query}" if more else None
