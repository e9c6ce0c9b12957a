"""A desa, a kecamatan or the kabupaten over time: trend, voices apart, themes, visits, alerts and the evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from markupsafe import Markup

from analysis.tension import nearest_level
from dashboard import trend
from dashboard.access import Role, User, allow
from dashboard.places import Places, places_of
from dashboard.remembered import Remembered
from dashboard.rendering import language
from dashboard.screens.peta import DAYS, VOICES
from dashboard.showing import part, show, words_in
from dashboard.stores import reading, writing
from pipelines import pages, place_evidence
from pipelines.config import Settings
from pipelines.store import Row, Store

router = APIRouter()
SPANS = (30, 90, 365)
COLUMNS = ("day", "voice", "status", "tension", "low", "high", "n", "n7", "copies", "themes", "note")
THEME_DAYS = timedelta(days=30)
EVIDENCE = (Role.ANALIS, Role.PENGULAS, Role.ADMIN)  # who may read evidence
REVIEWERS = (*EVIDENCE, Role.KOMANDO)  # who also sees what nobody has confirmed yet


@dataclass(frozen=True, slots=True)
class Asked:
    """One place, the span that is asked for, and whether alerts that nobody has confirmed are seen."""

    level: str
    code: str
    since: date
    until: date
    span: int
    unconfirmed: bool
    state: tuple[Any, ...]  # of the tables; see `pages.stamp`


@dataclass(frozen=True, slots=True)
class Read:
    """What the store says of it."""

    rows: list[Row]  # the columns that are shown, all voices
    visits: list[Row]
    alerts: list[Row]
    series: dict[str, Any]


BODIES: Remembered[Markup] = Remembered(160)
SERIES: Remembered[bytes] = Remembered(200)


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
    with reading(request) as store:
        asked = _asked(settings, store, code, hari, user)
        body = None
        if asked:
            may_read = user.may(*EVIDENCE) and user.covers(code)
            key = (settings, asked, may_read, language(request))
            body = BODIES.get(key, lambda: _body(request, settings, store, places, asked, may_read))
    parents = [{"name": places.name(above), "path": places.path(above)} for above in places.parents(code)]
    return show(request, "tempat.html", name=places.name(code), parents=parents, body=body)


@router.get("/desa/{code}/tren.json")
@router.get("/kecamatan/{code}/tren.json")
@router.get("/kabupaten/tren.json")
def place_trend(request: Request, user: Annotated[User, Depends(allow())], code: Code, hari: str = "") -> Response:
    """Return the series that the browser draws."""
    settings = request.app.state.settings
    with reading(request) as store:
        asked = _asked(settings, store, code, hari, user)
        if asked is None:
            raise HTTPException(404)
        made = SERIES.get((settings, asked), lambda: _json(_read(settings, store, asked)))
    return Response(made, media_type="application/json", headers={"Cache-Control": "no-store"})


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
        asked = _asked(settings, store, code, hari, user)
        if asked is None:
            raise HTTPException(404)
        stories = place_evidence.read_place(
            settings, store, asked.level, code, asked.since, asked.until, user.name, request.app.state.clock()
        )
    context: dict[str, Any] = {
        "name": places.name(code),
        "here": places.path(code),
        "since": asked.since,
        "until": asked.until,
    }
    return show(request, "tempat_bukti.html", stories=stories, place=places.name, **context)


def _asked(settings: Settings, store: Store, code: str, span: str, user: User) -> Asked | None:
    """Return the place and span asked for, None before the first build; a span that is not offered means 90 days."""
    state = pages.stamp(store)
    days = DAYS.get((settings.database, state), lambda: pages.days_of(store))
    if days is None:
        return None
    length = int(span) if span in map(str, SPANS) else 90
    since = max(days.first, days.last - timedelta(days=length - 1))
    unconfirmed = user.may(*REVIEWERS) and user.covers(code)
    return Asked(places_of(settings.region).level(code), code, since, days.last, length, unconfirmed, state)


def _read(settings: Settings, store: Store, asked: Asked) -> Read:
    table = pages.daily(settings, store, asked.level, asked.since, asked.until, [asked.code])
    rows = pages.records(table[list(COLUMNS)])
    visits = pages.visits_within(store, asked.code, asked.since, asked.until)
    alerts = pages.alerts_within(store, asked.code, asked.since, asked.until, asked.unconfirmed)
    return Read(rows, visits, alerts, trend.series(rows, visits, alerts))


def _json(read: Read) -> bytes:
    return json.dumps(read.series).encode()


def _body(request: Request, settings: Settings, store: Store, places: Places, asked: Asked, may_read: bool) -> Markup:
    read, name = _read(settings, store, asked), places.name(asked.code)
    SERIES.get((settings, asked), lambda: _json(read))  # the browser asks for them next
    rows, until = read.rows, asked.until
    t = words_in(request)
    drawn = trend.Words(language(request), name, [t(f"level_{level}") for level in range(5)])
    today = {row["voice"]: row for row in rows if row["day"] == until.isoformat()}
    context: dict[str, Any] = {
        "code": asked.code,
        "here": places.path(asked.code),
        "today": _row(today["all"]) if "all" in today else None,
        "span": asked.span,
        "spans": SPANS,
        "trend": trend.draw(read.series, ("estimated", "enough"), drawn, band=True),
        "levels": drawn.levels,
        "voices_trend": trend.draw(read.series, trend.VOICES, drawn),
        "voices": [{"name": word} | _row(today[voice]) for word, voice in VOICES.items() if voice in today],
        "gap": _gap(today),
        "figures": [row for row in reversed(rows) if row["voice"] == "all"],
        "visits": read.visits,
        "alerts": read.alerts,
        "below": _below(settings, store, places, asked),
        "names": {code: places.name(code) for code in places.desa},
        "may_read": may_read,
        "themes": _themes(rows, until),
    }
    context["most"] = max(context["themes"].values(), default=1)
    return part(request, "tempat_isi.html", **context)


def _row(row: Row) -> Row:
    return row | {"level": nearest_level(row["tension"])}


def _gap(today: dict[str, Row]) -> float | None:
    """Return press minus officials, where both have enough data."""
    both = [today.get(voice) for voice in ("press", "official")]
    press, official = (row["tension"] if row and row["status"] == "enough" else None for row in both)
    return None if press is None or official is None else float(press - official)


def _themes(rows: list[Row], until: date) -> dict[str, int]:
    since = (until - THEME_DAYS).isoformat()
    return pages.theme_counts(row["themes"] for row in rows if row["voice"] == "all" and row["day"] > since)


def _below(settings: Settings, store: Store, places: Places, asked: Asked) -> list[Row]:
    """Return the latest day of the places one level below, most tense first."""
    codes = places.below(asked.code)
    if not codes:
        return []
    level = places.level(codes[0])
    rows = pages.daily(settings, store, level, asked.until, asked.until, codes)
    found = [
        _row(row) | {"name": places.name(row[f"{level}_code"]), "path": places.path(row[f"{level}_code"])}
        for row in pages.records(rows[rows["voice"] == "all"])
    ]
    return sorted(found, key=lambda r: (r["status"] != "enough", r["level"] is None, -(r["tension"] or 0), r["name"]))
