"""Peta: where tension is rising, how sure that is, why, and what has been done; day by day, voice by voice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup

from analysis.tension import nearest_level
from analysis.trends import SINGLE
from dashboard.access import User, allow
from dashboard.places import Places, places_of
from dashboard.remembered import Remembered
from dashboard.rendering import language
from dashboard.showing import part, show, words_in
from dashboard.stores import reading
from dashboard.threads import few_threads
from pipelines import pages
from pipelines.boundaries import LABEL, boundaries_stamp, load_boundaries
from pipelines.config import Settings
from pipelines.map import MapDesa, MapWords, draw_map
from pipelines.store import Row, Store
from pipelines.wording import number

router = APIRouter(lifespan=few_threads)
VOICES = {"semua": "all", "pers": "press", "resmi": "official", "warga": "public"}
STATUSES = ("enough", "estimated", "no_data")
ONE = timedelta(days=1)
VIEWS: Remembered[Markup] = Remembered(64)
DAYS: Remembered[pages.Days | None] = Remembered(2)


@router.get("/")
def peta(
    request: Request,
    user: Annotated[User, Depends(allow())],
    day: str = "",
    t: str = "",
    suara: str = "semua",
) -> Response:
    """Show the map of a day and voice; a slider's step `t` counts from the first day."""
    settings = request.app.state.settings
    places = places_of(settings.region)
    voice = suara if suara in VOICES else "semua"
    with reading(request) as store:
        state = pages.stamp(store)
        days = DAYS.get((settings.database, state), lambda: pages.days_of(store))
        if days is None:
            return show(request, "peta.html", days=None, region=places.region)
        chosen = _chosen(days, day, t)
        key = (settings, chosen, voice, language(request), state, boundaries_stamp(settings))
        view = VIEWS.get(key, lambda: _view(request, settings, store, days, chosen, voice))
    if "HX-Request" in request.headers:
        return Response(view, media_type="text/html", headers={"Vary": "HX-Request"})
    context: dict[str, Any] = {
        "days": days,
        "day": chosen,
        "voice": voice,
        "voices": VOICES,
        "view": view,
        "region": places.region,
    }
    return show(request, "peta.html", **context)


def _chosen(days: pages.Days, day: str, step: str) -> date:
    """Return the day asked for, within the days there are; what cannot be read means the latest."""
    try:
        asked = date.fromisoformat(day) if day else days.first + timedelta(days=int(step)) if step else days.last
    except (ValueError, OverflowError):
        return days.last
    return min(max(asked, days.first), days.last)


def _view(request: Request, settings: Settings, store: Store, days: pages.Days, day: date, voice: str) -> Markup:
    places = places_of(settings.region)
    context: dict[str, Any] = {"days": days, "day": day, "one": ONE, "voice": voice, "built": day in days.built}
    if day in days.built:
        both = pages.figures_of(settings, store, [day - pages.WEEK, day], VOICES[voice])
        done, rows = pages.done(store, day), _rows([row for row in both if row["day"] == day.isoformat()], places)
        context |= {
            "comparable": day - pages.WEEK in days.built,
            "rising": pages.rising(settings, store, both, day, VOICES[voice], done.visited),
            "named": pages.NAMED,
            "done": done,
            "watch": store.watch_list(day),
            "single": SINGLE,
            "coverage": max(row["coverage"] for row in rows),
            "counts": {status: sum(row["status"] == status for row in rows) for status in STATUSES},
            "names": {code: places.name(code) for code in (*places.desa, *places.kecamatan, places.code)},
            "rows": rows,
            "map": _map(request, settings, places, rows),
            "label": LABEL if load_boundaries(settings) else "",
        }
    return part(request, "peta_view.html", **context)


def _rows(today: Iterable[Row], places: Places) -> list[Row]:
    """Return the list beside the map: those with enough data first, most tense first, then by name."""
    rows = []
    for r in today:
        desa = places.desa.get(r["desa_code"])
        if desa:
            kecamatan = places.kecamatan[desa.kecamatan_code].name
            facts = {
                "code": desa.code,
                "name": desa.name,
                "kecamatan_code": desa.kecamatan_code,
                "kecamatan": kecamatan,
            }
            figures = {name: r[name] for name in ("status", "tension", "low", "high", "coverage")}
            more = {"level": nearest_level(r["tension"]), "stories": int(r["n7"]), "single": r["note"] == SINGLE}
            rows.append(facts | figures | more)
    return sorted(rows, key=lambda r: (STATUSES.index(r["status"]), _order(r), r["name"]))


def _order(row: Row) -> float:
    return float(-row["tension"] if row["status"] == "enough" else -row["stories"])


def _map(request: Request, settings: Settings, places: Places, rows: list[Row]) -> Markup:
    t = words_in(request)
    titles = {
        r["code"]: f"{r['name']} ({r['kecamatan']}): {t('status_' + r['status'])}"
        + ("" if r["status"] == "no_data" else f", {number(r['tension'], lang=language(request))}")
        for r in rows
    }
    drawn = [
        MapDesa(
            r["code"], r["name"], r["kecamatan"], *places.points[r["code"]], r["status"], r["level"], titles[r["code"]]
        )
        for r in rows
    ]
    words = MapWords(
        t("peta_map_label"), t("peta_map_calm"), t("peta_map_tense"), t("status_estimated"), t("status_no_data")
    )
    return Markup(draw_map(drawn, words, load_boundaries(settings)))  # noqa: S704 (escaped where it is drawn)
