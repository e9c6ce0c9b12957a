"""Templates, words in two languages, and the addresses of shipped files."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dashboard import access
from dashboard.access import Role

HERE = Path(__file__).parent
LANGUAGES = ("id", "en")
LANGUAGE_COOKIE = "bahasa"
MENU = (  # address, word, who sees it (nobody named: everyone)
    ("/", "menu_peta", ()),
    ("/peringatan", "menu_peringatan", (Role.ANALIS, Role.PENGULAS, Role.KOMANDO, Role.ADMIN)),
    ("/laporan", "menu_laporan", ()),
    ("/kunjungan", "menu_kunjungan", (Role.ANALIS, Role.PENGULAS, Role.KOMANDO, Role.ADMIN)),
    ("/sumber", "menu_sumber", ()),
    ("/koreksi", "menu_koreksi", (Role.ANALIS, Role.PENGULAS, Role.ADMIN)),
    ("/data", "menu_data", ()),
    ("/kelola", "menu_kelola", (Role.ADMIN,)),
)


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """Return every word of the page: key -> language -> text.

    Raises: KeyError where a word lacks a language, or stands in two files.
    """
    merged: dict[str, Mapping[str, str]] = {}
    for file in sorted((HERE / "words").glob("*.toml")):
        for key, texts in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if key in merged or set(texts) != set(LANGUAGES):
                raise KeyError(f"{file.name}: {key} stands twice, or not in both languages")
            merged[key] = texts
    return merged


@cache
def static(name: str) -> str:
    """Return a shipped file's address, which changes with its content, so that it may be kept for good."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static
    return environment


def language(request: Request) -> str:
    """Return the language the reader chose, Bahasa Indonesia otherwise."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def fragment(request: Request, template: str, **context: Any) -> Markup:
    """Render a template with what every template knows: user, words, form token."""
    chosen, user = language(request), access.signed_in(request)

    def word(key: str) -> str:
        return words()[key][chosen]

    menu = [(path, word(key)) for path, key, roles in MENU if user and (not roles or user.may(*roles))]
    common = {
        "t": word, "lang": chosen, "user": user, "menu": menu, "path": request.url.path,
        "csrf": Markup('<input type="hidden" name="csrf" value="{}">').format(access.csrf_token(request)),
        "csrf_token": access.csrf_token(request), "region_name": request.app.state.region_name,
    }  # fmt: skip
    return Markup(_environment().get_template(template).render(common | context))  # noqa: S704 (escaped by Jinja)


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Answer with a rendered page, which nobody in between may keep."""
    return HTMLResponse(fragment(request, template, **context), status, {"Cache-Control": "no-store"})
