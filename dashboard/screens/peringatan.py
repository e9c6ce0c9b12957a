"""Peringatan: the queue, one alert with its evidence, and every step of its review."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from analysis.alerts import FALSE_ALARMS_A_WEEK
from dashboard.access import Role, User, allow
from dashboard.showing import show
from dashboard.stores import reading, writing
from pipelines import deliver, evidence, ledger, pages
from pipelines.store import Row, Store

router = APIRouter()
READERS = (Role.ANALIS, Role.PENGULAS, Role.KOMANDO, Role.ADMIN)
SEE_ALL = (Role.ANALIS, Role.PENGULAS, Role.ADMIN)  # also what nobody has confirmed, and its evidence
OPEN = ("raised", "in_review", "confirmed", "delivered", "acknowledged")
# step: (who may make it, the states it is offered in)
STEPS = {
    "take": ((Role.PENGULAS,), ("raised",)),
    "confirm": ((Role.PENGULAS,), ("in_review",)),
    "dismiss": ((Role.PENGULAS,), ("in_review",)),
    "told": ((Role.PENGULAS, Role.KOMANDO), ("confirmed",)),
    "acknowledge": ((Role.KOMANDO, Role.PENGULAS), ("delivered",)),
    "close": ((Role.KOMANDO, Role.PENGULAS), ("acknowledged",)),
}


@router.get("/peringatan")
def queue(request: Request, user: Annotated[User, Depends(allow(*READERS))], keadaan: str = "") -> Response:
    """Show the open alerts, or those of one state; command staff see what was confirmed."""
    seen = _states(user)
    states = [keadaan] if keadaan in seen else [state for state in OPEN if state in seen]
    with reading(request) as store:
        rows = [row for row in ledger.alerts(store, states) if user.covers(row["code"])]
        figures = ledger.figures(store)
    context: dict[str, Any] = {"figures": figures, "budget": FALSE_ALARMS_A_WEEK, "states": seen, "chosen": keadaan}
    return show(request, "peringatan.html", rows=rows, **context)


@router.get("/peringatan/{name}")
def one(request: Request, user: Annotated[User, Depends(allow(*READERS))], name: str, error: str = "") -> Response:
    """Show one alert; reading its evidence is entered in the audit log."""
    return _show(request, user, name)


@router.post("/peringatan/{name}/{step}")
def make_step(
    request: Request,
    user: Annotated[User, Depends(allow(*READERS))],
    name: str,
    step: str,
    catatan: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Make one step of an alert's life, if role and state allow it."""
    if step not in STEPS:
        raise HTTPException(404)
    if not user.may(*STEPS[step][0]):
        raise HTTPException(403)
    try:
        with writing(request) as store:
            row = _visible(store, user, name)
            _step(request, store, row["alert_id"], step, user.name, catatan)
    except ledger.StepRefused as refused:
        return _show(request, user, name, str(refused), 409)
    return RedirectResponse(f"/peringatan/{row['alert_id']}", 303)


def _step(request: Request, store: Store, name: str, step: str, who: str, note: str) -> None:
    now, two_person = request.app.state.clock(), request.app.state.settings.review.two_person
    if step == "take":
        ledger.take(store, name, who, now, note)
    elif step == "confirm":
        ledger.confirm(store, name, who, now, note, two_person)
    elif step == "dismiss":
        ledger.dismiss(store, name, who, note, now)
    elif step == "told":
        ledger.deliver(store, name, who, now, note)
    elif step == "acknowledge":
        ledger.acknowledge(store, name, who, now, note)
    else:
        ledger.close(store, name, who, now, note)


def _show(request: Request, user: User, name: str, error: str = "", status: int = 200) -> Response:
    noted = user.may(*SEE_ALL)  # a reading of evidence is entered in the audit log; links alone are not evidence
    with writing(request) if noted else reading(request) as store:
        row = _visible(store, user, name)
        if noted:
            pieces = ledger.read_evidence(store, row["alert_id"], user.name, request.app.state.clock())
        else:
            pieces = evidence.links(store, row["alert_id"])
        steps = ledger.steps(store, row["alert_id"])
        receipts = deliver.receipts(store, row["alert_id"])
    offered = [step for step, (roles, states) in STEPS.items() if row["state"] in states and user.may(*roles)]
    context: dict[str, Any] = {"steps": steps, "offered": offered, "receipts": receipts, "error": error}
    two_person = request.app.state.settings.review.two_person
    return show(request, "peringatan_satu.html", status, a=row, pieces=pieces, two_person=two_person, **context)


def _visible(store: Store, user: User, name: str) -> Row:
    """Return an alert this user may see; for all others it is as if there were none."""
    try:
        row = ledger.alert(store, name)
    except ledger.StepRefused as error:
        raise HTTPException(404) from error
    if row["state"] not in _states(user) or not user.covers(row["code"]):
        raise HTTPException(404)
    return row


def _states(user: User) -> list[str]:
    return [state for state in ledger.STATE_WORDS if user.may(*SEE_ALL) or state in pages.REVIEWED]
