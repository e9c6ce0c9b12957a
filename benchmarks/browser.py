"""Debian's Chromium before a served page, for the tests and the screenshots."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException

from dashboard.serving import listen, server
from pipelines import users
from pipelines.config import Settings
from pipelines.store import Store, utc_now
from pipelines.users import Role

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PASSWORD = "empat-kata-acak-sekali"
HEIGHTS = {390: 844, 1440: 900}  # of the first view, by width
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars"


@contextlib.contextmanager
def served(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Iterator[str]:
    """Serve the page on a free port of this machine; yield its address."""
    running, listening = server(settings, clock), listen("127.0.0.1", 0)
    thread = threading.Thread(target=lambda: running.run(sockets=[listening]), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(10)
        listening.close()


@contextlib.contextmanager
def chromium(width: int, downloads: Path | None = None) -> Iterator[Any]:
    """Open a browser whose view has this width, its downloads kept in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in FLAGS.split():
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    view(driver, width, HEIGHTS[width])
    if downloads:
        allow = {"behavior": "allow", "downloadPath": str(downloads)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
    try:
        yield driver
    finally:
        driver.quit()


def view(driver: Any, width: int, height: int) -> None:
    """Give the view a size; a narrow one is a phone's."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def person(settings: Settings, name: str, roles: Iterable[Role], now: datetime) -> str:
    """Make a user if there is none; return the secret of a new session."""
    with Store(settings.database) as store:
        with contextlib.suppress(users.UserRefused):
            users.add(store, name, roles, PASSWORD, "tes", now)
        return users.sign_in(store, name, PASSWORD, name, now)


def be(driver: Any, address: str, secret: str, language: str = "id") -> None:
    """Give the browser a session and a language."""
    if not driver.current_url.startswith(address):
        driver.get(f"{address}/masuk")
    for name, value in (("sejuk", secret), ("bahasa", language)):
        driver.delete_cookie(name)
        driver.add_cookie({"name": name, "value": value, "path": "/"})


def until(true: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait for something to be true, also while the page is being swapped; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(StaleElementReferenceException):
            if found := true():
                return found
        time.sleep(0.05)
    raise TimeoutError("waited in vain")
