"""Laporan harian: the day's brief to read, to print, as PDF, and as a text to copy for WhatsApp."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from dashboard.access import User, allow
from dashboard.remembered import Remembered
from dashboard.showing import show
from dashboard.stores import reading, writing
from pipelines import brief_forms, pages
from pipelines.audit import record
from pipelines.brief import read_brief
from pipelines.config import Settings
from pipelines.store import Store

router = APIRouter()
ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Forms:
    """One brief, as it is shown and as it is copied."""

    body: Markup
    text: str


FORMS: Remembered[Forms] = Remembered(20)


@router.get("/laporan")
def latest(request: Request, user: Annotated[User, Depends(allow())]) -> Response:
    """Lead to the latest brief."""
    with reading(request) as store:
        days = pages.days_of(store)
    return RedirectResponse(f"/laporan/{days.last}", 303) if days else show(request, "laporan.html", days=None)


@router.get("/laporan/{day}")
def brief(request: Request, user: Annotated[User, Depends(allow())], day: date) -> Response:
    """Show the brief of a day; the reading is entered in the audit log."""
    settings, now = request.app.state.settings, request.app.state.clock()
    with writing(request) as store:
        days = pages.days_of(store)
        forms = _forms(settings, store, day, now, user.name) if days and day in days.built else None
    return show(request, "laporan.html", 200 if forms else 404, days=days, day=day, one=ONE, forms=forms)


@router.get("/laporan/{day}/pdf")
def pdf(request: Request, user: Annotated[User, Depends(allow())], day: date) -> Response:
    """Send the brief as PDF, entered as an export; said in words where the PDF library is not installed."""
    settings, now = request.app.state.settings, request.app.state.clock()
    with writing(request) as store:
        made = brief_forms.to_pdf(settings, read_brief(settings, store, day, now, user.name))
        record(store, "export", {"brief": day, "format": "pdf"}, now, user.name)
    headers = {"Content-Disposition": f'attachment; filename="laporan-{day}.pdf"', "Cache-Control": "no-store"}
    return Response(made, media_type="application/pdf", headers=headers)


def _forms(settings: Settings, store: Store, day: date, now: datetime, who: str) -> Forms:
    """Return a day's brief; of those who read the same within a minute only the first has it gathered."""
    fresh = False

    def gather() -> Forms:
        nonlocal fresh
        fresh = True
        read = read_brief(settings, store, day, now, who)
        body = Markup(brief_forms.to_html(settings, read, body_only=True))  # noqa: S704 (escaped by its template)
        return Forms(body, brief_forms.to_text(read))

    key: tuple[Any, ...] = (settings, day, pages.stamp(store), now.replace(second=0, microsecond=0))
    forms = FORMS.get(key, gather)
    if not fresh:
        record(store, "read brief", {"day": day}, now, who)
    return forms
