"""Masuk, keluar, kata sandi, bahasa: signing in and out, changing a password, switching the language."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from dashboard import access
from dashboard.access import User, allow
from dashboard.rendering import LANGUAGE_COOKIE, LANGUAGES, page
from dashboard.stores import reading, writing
from pipelines import users

router = APIRouter()
Text = Annotated[str, Form(max_length=200)]


@router.get("/masuk")
def form(request: Request, ke: str = "/") -> Response:
    """Show the sign-in form, bound to this browser."""
    access.before_sign_in(request)
    with reading(request) as store:
        nobody = not users.listed(store, request.app.state.clock())
    response = page(request, "masuk.html", ke=_inside(ke), error="", nama="", nobody=nobody)
    access.set_before(request, response)
    return response


@router.post("/masuk")
def sign_in(request: Request, nama: Text, sandi: Text, ke: Text = "/") -> Response:
    """Check name and password; open a session or say that it was wrong, never what."""
    address = request.client.host if request.client else ""
    try:
        with writing(request) as store:
            secret = users.sign_in(store, nama, sandi, address, request.app.state.clock())
    except users.UserRefused as error:
        status = 429 if "percobaan" in str(error) else 401
        return page(request, "masuk.html", status, ke=_inside(ke), error=str(error), nama=nama, nobody=False)
    response = RedirectResponse(_inside(ke), 303)
    access.start_session(request, response, secret)
    return response


@router.post("/keluar")
def sign_out(request: Request, user: Annotated[User, Depends(allow())]) -> Response:
    """End this session."""
    with writing(request) as store:
        users.sign_out(store, request.cookies[access.COOKIE], request.app.state.clock())
    response = RedirectResponse("/masuk", 303)
    access.end_session(response)
    return response


@router.get("/sandi")
def password_form(request: Request, user: Annotated[User, Depends(allow())]) -> Response:
    """Show the form for a new password, and one's own roles."""
    return page(request, "sandi.html", error="")


@router.post("/sandi")
def change_password(
    request: Request, user: Annotated[User, Depends(allow())], lama: Text, baru: Text, ulang: Text
) -> Response:
    """Change one's own password; every session of the user ends."""
    now = request.app.state.clock()
    with writing(request) as store:
        if not users.check_password(store, user.name, lama):
            return page(request, "sandi.html", 400, error="kata sandi lama salah")
        if baru != ulang or baru == lama:
            error = "kedua kata sandi baru tidak sama" if baru != ulang else "kata sandi baru harus berbeda"
            return page(request, "sandi.html", 400, error=error)
        try:
            users.set_password(store, user.name, baru, user.name, now)
        except users.UserRefused as refused:
            return page(request, "sandi.html", 400, error=str(refused))
    response = RedirectResponse("/masuk", 303)
    access.end_session(response)
    return response


@router.get("/bahasa/{chosen}")
def choose_language(chosen: str, ke: str = "/") -> Response:
    """Remember the language for a year."""
    if chosen not in LANGUAGES:
        raise HTTPException(404)
    response = RedirectResponse(_inside(ke), 303)
    response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=31_536_000, samesite="lax", httponly=True)
    return response


def _inside(address: str) -> str:
    """Return an address of this page, and the start page for any other: nobody is led away from here."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if inside else "/"
