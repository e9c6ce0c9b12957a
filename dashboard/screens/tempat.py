"""A desa, a kecamatan or the kabupaten over time: trend, voices apart, themes, visits, alerts and the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from dashboard import trend
from dashboard.access import Role, User, allow
from dashboard.formats import level_of
from dashboard.places import Places, places_of
from dashboard.screens.peta import VOICES
from dashboard.showing import show
from dashboard.stores import reading, writing
from pipelines import pages, place_evidence
from pipelines.config import Settings
from pipelines.store import Row, Store

router = APIRouter()
SPANS = (30, 90, 365)
THEME_DAYS = timedelta(days=30)
EVIDENCE = (Role.ANALIS, Role.PENGULAS, Role.ADMIN)  # who may read evidence
REVIEWERS = (*EVIDENCE, Role.KOMANDO)  # who also sees what nobody has confirmed yet


@dataclass(frozen=True, slots=True)
class View:
    """One place and the span that is asked for."""

    level: str
    code: str
    since: date
    until: date
    span: int


def place_code(request: Request) -> str:
    """Return the code of the address, or answer 404: a code of a place that the region has, of that level."""
    places = places_of(request.app.state.settings.region)
    code = str(request.path_params.get("code", places.code))
    level = request.url.path.split("/")[1]
    if places.level(code) != level:
        raise HTTPException(404)
    return code


Code = Annotated[str, Depends(place_code)]


@router.get("/desa/{code}")
@router.get("/kecamatan/{code}")
@router.get("/kabupaten")
def place(request: Request, user: Annotated[User, Depends(allow())], code: Code, hari: str = "") -> Response:
    """Show a place."""
    settings = request.app.state.settings
    places = places_of(settings.region)
    base: dict[str, Any] = {
        "code": code,
        "name": places.name(code),
        "here": places.path(code),
        "parents": _links(places, code),
    }
    with reading(request) as store:
        view = _asked(store, places, code, hari)
        if view is None:
            return show(request, "tempat.html", today=None, **base)
        rows = pages.daily(settings, store, view.level, view.since, view.until, [code])
        visits = pages.visits_within(store, code, view.since, view.until)
        alerts = pages.alerts_within(store, code, view.since, view.until, _reviews(user, code))
        below = _below(settings, store, places, view)
    today = rows[rows["day"] == view.until.isoformat()].set_index("voice").to_dict("index")
    data = trend.series(rows, visits, alerts)
    context: dict[str, Any] = {
        "today": _row(today["all"] | {"day": view.until}) if "all" in today else None,
        "span": view.span,
        "spans": SPANS,
        "trend": trend.draw(data, ("estimated", "enough"), places.name(code), band=True),
        "voices_trend": trend.draw(data, trend.VOICES, places.name(code)),
        "voices": [{"name": name} | _row(today[voice]) for name, voice in VOICES.items() if voice in today],
        "gap": _gap(today),
        "figures": rows[rows["voice"] == "all"].sort_values("day", ascending=False).to_dict("records"),
        "visits": visits,
        "alerts": alerts,
        "below": below,
        "names": {code: places.name(code) for code in places.desa},
        "may_read": user.may(*EVIDENCE) and user.covers(code),
        "themes": _themes(rows, view.until),
    }
    context["most"] = max(context["themes"].values(), default=1)
    return show(request, "tempat.html", **base, **context)


@router.get("/desa/{code}/tren.json")
@router.get("/kecamatan/{code}/tren.json")
@router.get("/kabupaten/tren.json")
def place_trend(request: Request, user: Annotated[User, Depends(allow())], code: Code, hari: str = "") -> JSONResponse:
    """Return the series that the browser draws."""
    settings = request.app.state.settings
    with reading(request) as store:
        view = _asked(store, places_of(settings.region), code, hari)
        if view is None:
            raise HTTPException(404)
        rows = pages.daily(settings, store, view.level, view.since, view.until, [code])
        visits = pages.visits_within(store, code, view.since, view.until)
        alerts = pages.alerts_within(store, code, view.since, view.until, _reviews(user, code))
    return JSONResponse(trend.series(rows, visits, alerts))


@router.get("/desa/{code}/bukti")
@router.get("/kecamatan/{code}/bukti")
@router.get("/kabupaten/bukti")
def place_stories(
    request: Request, user: Annotated[User, Depends(allow(*EVIDENCE))], code: Code, hari: str = ""
) -> Response:
    """Show what a place's figures rest on; the reading is entered in the audit log."""
    if not user.covers(code):
        raise HTTPException(403)
    settings = request.app.state.settings
    places = places_of(settings.region)
    with writing(request) as store:
        view = _asked(store, places, code, hari)
        if view is None:
            raise HTTPException(404)
        stories = place_evidence.read_place(
            settings, store, view.level, code, view.since, view.until, user.name, request.app.state.clock()
        )
    context: dict[str, Any] = {
        "name": places.name(code),
        "here": places.path(code),
        "since": view.since,
        "until": view.until,
    }
    return show(request, "tempat_bukti.html", stories=stories, **context)


def _reviews(user: User, code: str) -> bool:
    """Tell whether a user also sees alerts of a place that nobody has confirmed yet."""
    return user.may(*REVIEWERS) and user.covers(code)


def _asked(store: Store, places: Places, code: str, span: str) -> View | None:
    """Return the place and span asked for; a span that is not offered means 90 days."""
    days = pages.days_of(store)
    if days is None:
        return None
    length = int(span) if span in map(str, SPANS) else 90
    since = max(days.first, days.last - timedelta(days=length - 1))
    return View(places.level(code), code, since, days.last, length)


def _links(places: Places, code: str) -> list[Row]:
    return [{"name": places.name(above), "path": places.path(above)} for above in places.parents(code)]


def _row(row: dict[Any, Any]) -> Row:
    return {str(name): value for name, value in row.items()} | {"level": level_of(row["tension"])}


def _gap(today: dict[Any, Any]) -> float | None:
    """Return press minus officials, where both have enough data."""
    both = [today.get(voice) for voice in ("press", "official")]
    press, official = (row["tension"] if row and row["status"] == "enough" else None for row in both)
    return None if press is None or official is None else float(press - official)


def _themes(rows: pd.DataFrame, until: date) -> dict[str, int]:
    recent = rows[(rows["voice"] == "all") & (rows["day"] > (until - THEME_DAYS).isoformat())]
    return pages.theme_counts(recent["themes"])


def _below(settings: Settings, store: Store, places: Places, view: View) -> list[Row]:
    """Return the latest day of the places one level below, most tense first."""
    codes = places.below(view.code)
    if not codes:
        return []
    level = places.level(codes[0])
    rows = pages.daily(settings, store, level, view.until, view.until, codes)
    found = [
        _row(row) | {"name": places.name(row[f"{level}_code"]), "path": places.path(row[f"{level}_code"])}
        for row in rows[rows["voice"] == "all"].to_dict("records")
    ]
    return sorted(found, key=lambda r: (r["status"] != "enough", r["level"] is None, -(r["tension"] or 0), r["name"]))
