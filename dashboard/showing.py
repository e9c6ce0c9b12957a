"""Pages of tables and places: the core's rendering, with numbers, days and times as the reader writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from dashboard.formats import writers
from dashboard.rendering import fragment, language, page, words


def show(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Answer with a page."""
    return page(request, template, status, **(_writers(request) | context))


def part(request: Request, template: str, **context: Any) -> Markup:
    """Render a part of a page."""
    return fragment(request, template, **(_writers(request) | context))


def words_in(request: Request) -> Callable[[str], str]:
    """Return what gives a word in the reader's language."""
    lang = language(request)
    return lambda key: words()[key][lang]


def _writers(request: Request) -> dict[str, Any]:
    return writers(language(request), request.app.state.zone, words_in(request))
