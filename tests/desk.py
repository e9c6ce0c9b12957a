"""A browser before the page, and who sits at it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.common.exceptions import WebDriverException

from benchmarks import browser, year
from pipelines import ledger
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store
from pipelines.users import Role
from tests.test_ledger import found

LAST = date(2026, 3, 31)
DESA = "99.01.01.2002"
RAISED = range(1, 7)  # kecamatan whose alert waits for review
SCREENS = (
    "/", "/?day=2026-03-20&suara=resmi", f"/desa/{DESA}", "/kecamatan/99.01.01", "/kabupaten", "/kabupaten/bukti",
    "/peringatan", "/laporan", "/kunjungan", "/sumber", "/koreksi", "/data", "/kelola", "/sandi",
)  # fmt: skip


@dataclass
class Desk:
    """A browser of one width, and what it looks at."""

    driver: Any
    address: str
    settings: Settings
    width: int
    downloads: Path

    def open(self, path: str) -> None:
        """Open a page and wait until everything it loads is there."""
        self.driver.get(self.address + path)
        browser.until(lambda: self.driver.execute_script("return document.readyState") == "complete")

    def sit(self, name: str, *roles: Role) -> None:
        """Have somebody else sit down at it."""
        browser.be(self.driver, self.address, browser.person(self.settings, name, roles or tuple(Role), year.NOW))

    def one(self, selector: str) -> Any:
        """Return an element."""
        return self.driver.find_element("css selector", selector)

    def text(self) -> str:
        """Return what stands in the page's main part."""
        return " ".join(self.one("main").text.split())

    def press(self, selector: str) -> None:
        """Press a button that loads another page, and wait for it."""
        before = self.one("html")
        self.one(selector).click()
        browser.until(lambda: _gone(before))
        browser.until(lambda: self.driver.execute_script("return document.readyState") == "complete")

    def said(self) -> list[Any]:
        """Return what the browser's console has complained of since it was asked last."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def asked(self) -> set[str]:
        """Return the hosts that requests were sent to since it was asked last."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in ("http", "https", "ws", "wss")}

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return what the store holds."""
        with Store(self.settings.database, read_only=True) as store:
            return store.rows(sql)


def _gone(element: Any) -> bool:
    try:
        return not element.is_enabled()
    except WebDriverException:  # the page that it stood on has gone
        return True


@contextlib.contextmanager
def place_of_work(home: Path) -> Iterator[tuple[Settings, str]]:
    """Serve forty synthetic days whose alerts need two persons; yield the settings and the address."""
    made = load_settings(environment={}, home=home, region=PROJECT / "data" / "regions" / "contoh")
    year.fill(made, days=40, stories_a_day=20)
    with Store(made.database) as store:
        alerts = [replace(found(LAST), level="kecamatan", code=f"99.01.0{number}") for number in RAISED]
        ledger.raise_alerts(store, alerts, {}, "m", "r", year.NOW)
    settings = replace(made, review=replace(made.review, two_person=True))
    with browser.served(settings, lambda: year.NOW) as address:
        yield settings, address


@contextlib.contextmanager
def desk_of(settings: Settings, address: str, width: int, downloads: Path) -> Iterator[Desk]:
    """Open a browser of a width before the page."""
    with browser.chromium(width, downloads) as driver:
        yield Desk(driver, address, settings, width, downloads)
