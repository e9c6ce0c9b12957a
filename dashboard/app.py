"""The web page as an application: screens, headers that keep a browser safe, and failures in words."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analysis.errors import MonitorError, StorageError
from dashboard.access import NotSignedIn, require_csrf
from dashboard.rendering import HERE, page
from pipelines.config import Settings
from pipelines.store import utc_now

log = logging.getLogger(__name__)

SCREENS = "masuk peta tempat peringatan laporan kunjungan sumber koreksi data kelola api".split()
LARGEST = 1_000_000  # bytes of a form
TROUBLES = {  # what a StorageError says, and the words for it
    "no database yet": "gagal_tanpa_data",
    "of an older version": "gagal_versi_lama",
    "a newer version": "gagal_versi_baru",
    "held it": "gagal_terkunci",
    "disk is full": "gagal_penuh",
    "restore a backup": "gagal_rusak",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(settings: Settings, clock: Callable[[], datetime] = utc_now) -> FastAPI:
    """Build the page for one configuration.

    Raises: ConfigError (region).
    """
    app = FastAPI(
        title="Sejuk",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(require_csrf)],
        middleware=[Middleware(Guard)],
    )
    app.state.settings, app.state.clock = settings, clock
    app.state.zone, app.state.region_name = settings.timezone, str(settings.region_facts()["name"])
    app.mount("/static", Static(directory=HERE / "static"), "static")
    for screen in load_screens():
        app.include_router(screen.router)
    app.add_exception_handler(NotSignedIn, _to_sign_in)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(StorageError, _no_storage)
    app.add_exception_handler(MonitorError, _failed)
    return app


def load_screens() -> list[ModuleType]:
    """Return the modules of the screens, in the order of their routes."""
    return [importlib.import_module(f"dashboard.screens.{name}") for name in SCREENS]


class Static(StaticFiles):
    """Shipped files, kept for good where their address carries their content's hash."""

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = b"v=" in scope["query_string"]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


class Guard:
    """Put the headers on every answer, and refuse forms that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST:
                raise HTTPException(413)
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                have = {name for name, _ in message["headers"]}
                more = [(n.lower().encode(), v.encode()) for n, v in HEADERS.items() if n.lower().encode() not in have]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, limited, guarded)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _to_sign_in(request: Request, error: Exception) -> Response:
    if _is_api(request):
        return await http_exception_handler(request, HTTPException(401))
    if "HX-Request" in request.headers:  # a part of a page: let the whole page go to the sign-in
        return Response(status_code=401, headers={"HX-Redirect": "/masuk"})
    return RedirectResponse(f"/masuk?ke={request.url.path}" if request.url.path != "/" else "/masuk", 303)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 (registered for nothing else)
    if _is_api(request) or error.status_code < 400:
        return await http_exception_handler(request, error)
    reason = "csrf" if error.detail == "csrf" else str(error.status_code)
    known = reason if reason in ("csrf", "403", "404", "413", "429") else "400"
    return page(request, "gagal.html", error.status_code, reason=f"gagal_{known}", detail="")


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    if _is_api(request):
        return await request_validation_exception_handler(request, error)
    return page(request, "gagal.html", 400, reason="gagal_400", detail="")


async def _no_storage(request: Request, error: Exception) -> Response:
    """Say what is wrong with the database; the menu stays where it can be known who asks."""
    log.error("storage path=%s error=%s", request.url.path, error)
    request.state.user = getattr(request.state, "user", None)
    if _is_api(request):
        return await http_exception_handler(request, HTTPException(503, "the database cannot be read now"))
    reason = next((word for sign, word in TROUBLES.items() if sign in str(error)), "gagal_503")
    return page(request, "gagal.html", 503, reason=reason, detail=str(error))


async def _failed(request: Request, error: Exception) -> Response:
    log.warning("refused path=%s error=%s", request.url.path, error)
    if _is_api(request):
        return await http_exception_handler(request, HTTPException(400, str(error)))
    return page(request, "gagal.html", 400, reason="gagal_400", detail=str(error))
