"""The page for everyone: without a violation that axe-core knows, and with the keyboard alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks import year
from pipelines import ledger
from pipelines.config import Settings
from pipelines.store import Store
from pipelines.users import Role

pytest.importorskip("selenium")
from benchmarks import browser as chrome
from tests.desk import SCREENS, Desk, desk_of, place_of_work

pytestmark = pytest.mark.skipif(
    not (chrome.CHROMIUM and chrome.DRIVER) and not os.environ.get("REQUIRE_SYSTEM"),
    reason="needs Debian's chromium and chromium-driver",
)
AXE = os.environ.get("AXE_CORE", "")  # folder of the npm package axe-core
CHECK = """const [done] = arguments, told = (node) => `${node.html.slice(0, 120)} ${node.failureSummary}`;
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, {runOnly: tags}).then((found) => done(found.violations.map((v) => [v.id, v.nodes.map(told)])))"""
TAB, ENTER, SPACE, LEFT, DOWN = "\ue004", "\ue007", "\ue00d", "\ue012", "\ue015"
FOCUS = """const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
return {seen: (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) || e === document.body,
  where: `${e.tagName}#${e.id}.${e.name || ''} ${(e.innerText || '').slice(0, 20)}`,
  inside: box.right > 0 && box.left < innerWidth}"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    with place_of_work(tmp_path_factory.mktemp("everyone")) as found:
        yield found


@pytest.fixture(scope="module", params=[390, 1440])
def desk(
    work: tuple[Settings, str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    with desk_of(*work, request.param, tmp_path_factory.mktemp("downloads")) as found:
        found.sit("sari")
        yield found


# -- axe-core -------------------------------------------------------------------------------------


def screens(desk: Desk) -> list[str]:
    """Every screen, with one alert (in review, so that its forms show) and one story."""
    with Store(desk.settings.database) as store:
        alert = next(row for row in ledger.alerts(store) if row["state"] in ("raised", "in_review"))
        if alert["state"] == "raised":
            ledger.take(store, alert["alert_id"], "joko", year.NOW)
        story = store.rows("SELECT story_id FROM places WHERE level = 'desa' LIMIT 1")[0]["story_id"]
    return [*SCREENS, f"/peringatan/{alert['alert_id']}", f"/koreksi/berita/{story}", "/tidak-ada"]


@pytest.mark.skipif(not AXE, reason="AXE_CORE names no folder of the npm package axe-core")
@pytest.mark.parametrize(("language", "scheme"), [("id", "light"), ("en", "light"), ("id", "dark")])
def test_no_screen_violates_a_rule_that_axe_knows(desk: Desk, language: str, scheme: str) -> None:
    source = (Path(AXE) / "axe.min.js").read_text(encoding="utf-8")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    desk.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    chrome.be(desk.driver, desk.address, chrome.person(desk.settings, "sari", Role, year.NOW), language)
    found = {path: violations(desk, path, source) for path in screens(desk)}
    desk.driver.delete_cookie("sejuk")
    found["/masuk"] = violations(desk, "/masuk", source)
    desk.sit("sari")
    assert {path: what for path, what in found.items() if what} == {}


def violations(desk: Desk, path: str, source: str) -> Any:
    desk.open(path)
    if path.startswith(("/desa", "/kecamatan", "/kabupaten")) and "bukti" not in path:
        chrome.until(lambda: desk.driver.find_elements("css selector", "#trend canvas"))
    desk.driver.execute_script("for (const each of document.querySelectorAll('details')) each.open = true;" + source)
    return desk.driver.execute_async_script(CHECK)


# -- the keyboard alone ---------------------------------------------------------------------------


def key(desk: Desk, *keys: str) -> None:
    for each in keys:
        desk.driver.switch_to.active_element.send_keys(each)


def tab_to(desk: Desk, selector: str, most: int = 120) -> int:
    """Press Tab until an element has the focus, which is seen at every stop; return how often."""
    for pressed in range(1, most):
        key(desk, TAB)
        focus = desk.driver.execute_script(FOCUS)
        assert focus["seen"], f"no visible focus: {focus['where']}"
        assert focus["inside"], f"out of sight: {focus['where']}"
        if desk.driver.execute_script("return document.activeElement.matches(arguments[0])", selector):
            return pressed
    raise AssertionError(f"never reached {selector}")


def enter(desk: Desk, path: str) -> None:
    """Press Enter on what has the focus; another page follows."""
    before = desk.driver.current_url
    key(desk, ENTER)
    chrome.until(lambda: desk.driver.current_url != before)
    assert urlsplit(desk.driver.current_url).path.startswith(path)
    chrome.until(lambda: desk.driver.execute_script("return document.readyState") == "complete")


def test_the_first_stop_skips_the_menu(desk: Desk) -> None:
    desk.open("/")
    assert tab_to(desk, ".skip") == 1
    assert desk.one(".skip").rect["x"] >= 0, "it is seen once it has the focus"
    key(desk, ENTER)
    assert tab_to(desk, "#day-slider") == 1, "the next stop lies in the page's own part"


def test_the_map_is_read_with_the_keyboard_alone(desk: Desk) -> None:
    desk.open("/")
    tab_to(desk, "#day-slider")
    key(desk, LEFT)
    chrome.until(lambda: desk.one("#peta").get_attribute("data-day") == "2026-03-30")
    tab_to(desk, "[name=suara]")
    key(desk, DOWN)
    chrome.until(lambda: "suara=pers" in desk.driver.current_url)
    tab_to(desk, ".list")
    tab_to(desk, ".list tbody th a")
    code = desk.driver.execute_script("return document.activeElement.closest('tr').dataset.code")
    pointed = "return document.querySelector(`svg [data-code='${arguments[0]}']`).classList.contains('pointed')"
    assert desk.driver.execute_script(pointed, code), "the map shows where the list stands"
    enter(desk, f"/desa/{code}")
    tab_to(desk, f"a[href^='/desa/{code}/bukti']")
    enter(desk, f"/desa/{code}/bukti")


def test_a_visit_is_recorded_with_the_keyboard_alone(desk: Desk) -> None:
    desk.open("/")
    tab_to(desk, "nav a[href='/kunjungan']")
    enter(desk, "/kunjungan")
    tab_to(desk, "[name=desa]")
    key(desk, "Karangsejuk, Tirta Wening")
    tab_to(desk, "[name=themes]")
    key(desk, SPACE)
    tab_to(desk, "[name=outcome]")
    key(desk, f"papan tik {desk.width}")
    tab_to(desk, "form[data-keep] button.main")
    key(desk, ENTER)
    chrome.until(lambda: f"papan tik {desk.width}" in desk.one("main").text)


def test_an_alert_is_reviewed_with_the_keyboard_alone(desk: Desk) -> None:
    with Store(desk.settings.database) as store:
        name = ledger.alerts(store, ["raised", "in_review"])[0]["alert_id"]
    desk.sit("ani", Role.PENGULAS)
    desk.open("/peringatan")
    tab_to(desk, f"a[href='/peringatan/{name}']")
    enter(desk, "/peringatan/")
    if desk.driver.find_elements("css selector", "form[action$=take]"):
        tab_to(desk, "form[action$=take] button")
        key(desk, ENTER)
        chrome.until(lambda: desk.driver.find_elements("css selector", "form[action$=dismiss]"))
    tab_to(desk, "form[action$=dismiss] input[name=catatan]")
    key(desk, "sudah dicek")
    key(desk, ENTER)
    chrome.until(lambda: "sudah dicek" in desk.one(".steps").text)
    desk.sit("sari")
