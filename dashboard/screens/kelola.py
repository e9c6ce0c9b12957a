"""Kelola: users and their sessions, the audit log and its verification, retention, the sources' legal basis."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from dashboard.access import Role, User, allow
from dashboard.places import places_of
from dashboard.showing import show
from dashboard.stores import reading, writing
from pipelines import audit, grants, tokens, users
from pipelines.source_health import source_health

router = APIRouter()
Admin = Annotated[User, Depends(allow(Role.ADMIN))]
Text = Annotated[str, Form(max_length=200)]


@router.get("/kelola")
def overview(request: Request, user: Admin) -> Response:
    """Show everything an admin answers for."""
    return _page(request)


@router.post("/kelola/pengguna")
def add_user(
    request: Request,
    user: Admin,
    nama: Text,
    peran: Annotated[list[str], Form()],
    kecamatan: Annotated[list[str], Form()] = [],  # noqa: B006 (FastAPI copies it)
) -> Response:
    """Make a user with a password to be read out once and changed at the first sign-in."""
    password = users.one_time_password()
    try:
        with writing(request) as store:
            roles = [Role(role) for role in peran]
            users.add(store, nama, roles, password, user.name, request.app.state.clock(), kecamatan, True)
    except ValueError as error:
        raise HTTPException(400) from error
    except users.UserRefused as refused:
        return _page(request, str(refused), 400)
    return _page(request, given=(nama.strip().lower(), password))


@router.post("/kelola/pengguna/{name}/{step}")
def change_user(request: Request, user: Admin, name: str, step: str) -> Response:
    """Bar a user, let them in again, end their sessions, or give a new one-time password."""
    now, password = request.app.state.clock(), users.one_time_password()
    if name == user.name and step != "keluarkan":
        return _page(request, "ubah akun sendiri lewat halaman kata sandi, atau minta admin lain", 409)
    try:
        with writing(request) as store:
            if step in ("larang", "izinkan"):
                users.disable(store, name, user.name, now, enabled=step == "izinkan")
            elif step == "keluarkan":
                users.revoke(store, name, user.name, now)
            elif step == "sandi":
                users.set_password(store, name, password, user.name, now, must_change=True)
            else:
                raise HTTPException(404)
    except users.UserRefused as refused:
        return _page(request, str(refused), 400)
    return _page(request, given=(name, password)) if step == "sandi" else RedirectResponse("/kelola", 303)


@router.post("/kelola/token/{token_id}/cabut")
def revoke_token(request: Request, user: Admin, token_id: str) -> Response:
    """Revoke a token of the API."""
    try:
        with writing(request) as store:
            tokens.revoke(store, token_id, user.name, request.app.state.clock())
    except tokens.TokenRefused as refused:
        return _page(request, str(refused), 400)
    return RedirectResponse("/kelola", 303)


def _page(request: Request, error: str = "", status: int = 200, given: tuple[str, str] | None = None) -> Response:
    settings, now = request.app.state.settings, request.app.state.clock()
    places = places_of(settings.region)
    with reading(request) as store:
        everyone, every_token = users.listed(store, now), tokens.listed(store, now)
        entries = [entry | {"detail": json.loads(entry["detail"])} for entry in audit.latest(store)]
        broken = audit.verify(store)
        sources = source_health(store, now, settings.timezone)
        granted = grants.listed(store)
        counts = store.counts()
    return show(
        request, "kelola.html", status, users=everyone, tokens=every_token, entries=entries, broken=broken,
        sources=sources, granted=granted, counts=counts, error=error, given=given, roles=list(Role),
        now=now.isoformat(),
        kecamatan={code: k.name for code, k in places.kecamatan.items()}, retention=settings.retention.raw_days,
        k=settings.tables.k, two_person=settings.review.two_person,
    )  # fmt: skip
