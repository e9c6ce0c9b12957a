"""Kunjungan: record a visit within a minute on a phone, also without a connection; effects with their warning."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from analysis.gazetteer import Gazetteer
from analysis.records import THEMES
from dashboard.access import Role, User, allow
from dashboard.places import places_of
from dashboard.showing import show
from dashboard.stores import reading, writing
from pipelines import visits
from pipelines.store import Row

router = APIRouter()
READERS = (Role.ANALIS, Role.PENGULAS, Role.KOMANDO, Role.ADMIN)
WRITERS = (Role.ANALIS, Role.KOMANDO)
SHOWN = timedelta(days=60)
Text = Annotated[str, Form(max_length=1000)]


@router.get("/kunjungan")
def listed(
    request: Request, user: Annotated[User, Depends(allow(*READERS))], desa: str = "", dampak: bool = False
) -> Response:
    """Show the form and the visits of the last 60 days; the pooled effect where it is asked for."""
    return _page(request, user, {"desa": desa} if desa else {}, with_effect=dampak)


@router.post("/kunjungan")
def enter(
    request: Request,
    user: Annotated[User, Depends(allow(*WRITERS))],
    desa: Text,
    date: Text,
    kind: Text,
    themes: Annotated[list[str], Form()] = [],  # noqa: B006 (FastAPI copies it)
    outcome: Text = "",
    follow_up: Text = "",
) -> Response:
    """Enter a visit; the same desa, day and kind arriving again corrects it, so a form that is resent is harmless."""
    settings, now = request.app.state.settings, request.app.state.clock()
    given = {"desa": desa, "date": date, "kind": kind, "outcome": outcome, "follow_up": follow_up}
    today = now.astimezone(settings.timezone).date()
    try:
        visit = visits.read_visit(given | {"themes": ";".join(themes)}, _gazetteer(request), today)
        if not user.covers(visit.desa_code):
            raise visits.VisitRefused("kolom 'desa': di luar kecamatan Anda")
    except visits.VisitRefused as refused:
        return _page(request, user, given | {"themes": themes}, str(refused), 400)
    with writing(request) as store:
        visits.save_visits(store, [visit], user.name, now)
    return RedirectResponse("/kunjungan", 303)


def _page(
    request: Request, user: User, given: Row, error: str = "", status: int = 200, with_effect: bool = False
) -> Response:
    settings, now = request.app.state.settings, request.app.state.clock()
    today = now.astimezone(settings.timezone).date()
    places = places_of(settings.region)
    with reading(request) as store:
        rows = [row for row in visits.visits(store, today - SHOWN) if user.covers(row["desa_code"])]
        effect = visits.effect(store) if with_effect else None
    context: dict[str, Any] = {
        "kinds": visits.KINDS, "themes": THEMES, "today": today, "given": given, "error": error, "effect": effect,
        "desa": sorted((d.name, places.kecamatan[d.kecamatan_code].name, d.code) for d in places.desa.values()
                       if user.covers(d.code)),
        "may_write": user.may(*WRITERS),
    }  # fmt: skip
    names = {code: places.name(code) for code in places.desa}
    return show(request, "kunjungan.html", status, rows=rows, names=names, **context)


def _gazetteer(request: Request) -> Gazetteer:
    return Gazetteer.load(request.app.state.settings.region)
