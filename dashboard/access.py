"""Who a request comes from and what they may do."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable

from fastapi import Depends, HTTPException, Request, Response

from analysis.errors import StorageError
from dashboard.stores import reading, writing
from pipelines import users
from pipelines.users import Role, User

__all__ = ("Role", "User", "allow", "csrf_token", "end_session", "require_csrf", "signed_in", "start_session")

log = logging.getLogger(__name__)

COOKIE = "sejuk"
BEFORE = "sejuk_masuk"  # binds the sign-in form to the browser it was shown in
SAFE = ("GET", "HEAD", "OPTIONS")
NOTE_WAIT = 0.5  # seconds to wait for another process before the last use of a session is left unnoted


class NotSignedIn(Exception):  # noqa: N818 (leads to the sign-in page)
    """Nobody is signed in, or the session has ended."""


def signed_in(request: Request) -> User | None:
    """Return the user of the request's session, None where there is none."""
    if not hasattr(request.state, "user"):
        secret = request.cookies.get(COOKIE, "")
        request.state.user = _user(request, secret) if 20 <= len(secret) <= 100 else None
    user: User | None = request.state.user
    return user


def _user(request: Request, secret: str) -> User | None:
    now = request.app.state.clock()
    with reading(request) as store:
        found = users.of_session(store, secret, now)
    if found is None:
        return None
    user, to_note = found
    if to_note:
        try:
            with writing(request, NOTE_WAIT) as store:
                users.seen(store, secret, now)
        except StorageError as error:  # who can be known may read on
            log.warning("unnoted user=%s error=%s", user.name, error)
    return user


def allow(*roles: Role) -> Callable[..., User]:
    """Return a dependency that gives the signed-in user, who must have one of the roles (none given: any user).

    Raises: NotSignedIn (to the sign-in page), HTTPException 403.
    """

    def check(request: Request) -> User:
        user = signed_in(request)
        if user is None:
            raise NotSignedIn
        if user.must_change and request.url.path != "/sandi":
            raise HTTPException(307, headers={"Location": "/sandi"})
        if roles and not user.may(*roles):
            raise HTTPException(403)
        return user

    return check


def csrf_token(request: Request) -> str:
    """Return the token that every form carries, bound to the session or, before it, to the sign-in cookie."""
    secret = request.cookies.get(COOKIE) or request.cookies.get(BEFORE) or getattr(request.state, "before", "")
    return hashlib.sha256(f"csrf:{secret}".encode()).hexdigest() if secret else ""


async def require_csrf(request: Request) -> None:
    """Refuse a form that was not shown by this page in this session; the API has tokens instead.

    Raises: HTTPException 403.
    """
    if request.method in SAFE or request.url.path.startswith("/api/"):
        return
    given = request.headers.get("X-CSRF") or str((await request.form()).get("csrf", ""))
    expected = csrf_token(request)
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403, "csrf")


def before_sign_in(request: Request) -> str:
    """Return the secret of the sign-in cookie, a new one where there is none."""
    if not hasattr(request.state, "before"):
        request.state.before = request.cookies.get(BEFORE) or secrets.token_urlsafe(32)
    return str(request.state.before)


def start_session(request: Request, response: Response, secret: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        COOKIE, secret, max_age=int(users.ABSOLUTE.total_seconds()), httponly=True, samesite="lax",
        secure=_secure(request), path="/",
    )  # fmt: skip
    response.delete_cookie(BEFORE)


def set_before(request: Request, response: Response) -> None:
    """Give the browser the cookie that its sign-in form is bound to."""
    response.set_cookie(BEFORE, before_sign_in(request), httponly=True, samesite="strict", secure=_secure(request))


def end_session(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, path="/")


def _secure(request: Request) -> bool:
    """Tell whether the cookie may only travel encrypted: always, but on this machine itself."""
    return request.url.scheme == "https" or request.url.hostname not in ("127.0.0.1", "localhost", "::1", "testserver")


ANYONE = Depends(allow())
