"""Koreksi: propose another place or level for a story, decide on proposals, take a document down."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from analysis.gazetteer import Gazetteer
from dashboard.access import Role, User, allow
from dashboard.places import places_of
from dashboard.rendering import words
from dashboard.showing import show
from dashboard.stores import reading, writing
from pipelines import clarifications, corrections
from pipelines.audit import record
from pipelines.store import Row, Store

router = APIRouter()
READERS = (Role.ANALIS, Role.PENGULAS, Role.ADMIN)
DECIDERS = (Role.PENGULAS, Role.ADMIN)
Text = Annotated[str, Form(max_length=1000)]


@router.get("/koreksi")
def listed(request: Request, user: Annotated[User, Depends(allow(*READERS))], error: str = "") -> Response:
    """Show the open proposals and the latest decisions."""
    return _list(request, user)


@router.post("/koreksi/hapus")
def take_down(
    request: Request, user: Annotated[User, Depends(allow(Role.ADMIN))], alamat: Text, alasan: Text
) -> Response:
    """Remove a document by its address."""
    try:
        with writing(request) as store:
            now = request.app.state.clock()
            corrections.take_down(request.app.state.settings, store, alamat.strip(), alasan, user.name, now)
    except corrections.CorrectionRefused as refused:
        return _list(request, user, str(refused), 400)
    return RedirectResponse("/koreksi", 303)


@router.post("/koreksi/klarifikasi")
def decide_denial(
    request: Request,
    user: Annotated[User, Depends(allow(*READERS))],
    berita: Text,
    bantahan: Text,
    setuju: Annotated[bool, Form()],
) -> Response:
    """Confirm or reject a clarification that the program proposed."""
    try:
        with writing(request) as store:
            now = request.app.state.clock()
            clarifications.decide(store, berita, bantahan, setuju, user.name, now)
    except corrections.CorrectionRefused as refused:
        return _list(request, user, str(refused), 409)
    return RedirectResponse("/koreksi", 303)


@router.post("/koreksi/{number}/putus")
def decide(
    request: Request, user: Annotated[User, Depends(allow(*DECIDERS))], number: int, setuju: Annotated[bool, Form()]
) -> Response:
    """Approve or reject a proposal of somebody else."""
    try:
        with writing(request) as store:
            corrections.decide(store, number, setuju, user.name, request.app.state.clock())
    except corrections.CorrectionRefused as refused:
        return _list(request, user, str(refused), 409)
    return RedirectResponse("/koreksi", 303)


@router.get("/koreksi/berita/{story}")
def form(request: Request, user: Annotated[User, Depends(allow(*READERS))], story: str) -> Response:
    """Show a story with what the machine said, and the form to correct it."""
    return _form(request, user, story)


@router.post("/koreksi/berita/{story}")
def propose(
    request: Request,
    user: Annotated[User, Depends(allow(*READERS))],
    story: str,
    jenis: Text,
    nilai: Text,
    alasan: Text,
) -> Response:
    """Enter a proposal."""
    settings = request.app.state.settings
    try:
        with writing(request) as store:
            _story(store, user, story)
            gazetteer, now = Gazetteer.load(settings.region), request.app.state.clock()
            value = _code(nilai) if jenis == "place" else nilai
            corrections.propose(store, gazetteer, story, jenis, value, alasan, user.name, now)
    except corrections.CorrectionRefused as refused:
        return _form(request, user, story, str(refused), 400)
    return RedirectResponse("/koreksi", 303)


def _code(given: str) -> str:
    """Return the code that an option of the form ends with, or `elsewhere`."""
    outside = given.strip() in words()["koreksi_luar"].values()
    return "elsewhere" if outside else given.rpartition(" ")[2].strip("()")


def _list(request: Request, user: User, error: str = "", status: int = 200) -> Response:
    places = places_of(request.app.state.settings.region)
    with reading(request) as store:
        open_ones = corrections.listed(store)
        decided = corrections.listed(store, ("approved", "rejected"))[-20:]
        denials = clarifications.listed(store)
    return show(
        request, "koreksi.html", status, rows=open_ones, decided=decided, denials=denials, place=places.name,
        error=error, may_decide=user.may(*DECIDERS), may_remove=user.may(Role.ADMIN),
    )  # fmt: skip


def _form(request: Request, user: User, story: str, error: str = "", status: int = 200) -> Response:
    places = places_of(request.app.state.settings.region)
    with writing(request) as store:
        found = _story(store, user, story)
        said = corrections.said(store, story)
        record(store, "read evidence", {"story": story}, request.app.state.clock(), user.name)
    options = [f"{places.name(code)} ({code})" for code in (*places.desa, *places.kecamatan, places.code)]
    return show(
        request, "koreksi_satu.html", status, story=story, error=error, s=found, said=said, options=options,
        place=places.name,
    )  # fmt: skip


def _story(store: Store, user: User, story: str) -> Row:
    """Return a story with its evidence, if it lies where the user may look closer."""
    found = corrections.shown(store, story)
    if found is None or (found["codes"] and not any(user.covers(code) for code in found["codes"])):
        raise HTTPException(404)
    return found
