"""The page in a real browser: no request to another host, no broken policy, a visit that survives offline."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks import year
from dashboard.serving import listen, server
from pipelines import users
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.store import Store, utc_now
from pipelines.users import Role

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER) and not os.environ.get("REQUIRE_SYSTEM"),
        reason="needs Debian's chromium and chromium-driver",
    ),
]
PASSWORD = "empat-kata-acak-sekali"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("browser")
    made = load_settings(environment={}, home=home, region=PROJECT / "data" / "regions" / "contoh")
    year.fill(made, days=20, stories_a_day=10)
    with Store(made.database) as store:
        users.add(store, "sari", list(Role), PASSWORD, "tes", utc_now())
    return made


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    running, listening = server(settings), listen("127.0.0.1", 0)
    thread = threading.Thread(target=lambda: running.run(sockets=[listening]), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in "--headless=new --no-sandbox --disable-gpu --disable-background-networking".split():
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    driver.set_window_size(390, 900)
    driver.get(f"{address}/masuk")
    driver.find_element("name", "nama").send_keys("sari")
    driver.find_element("name", "sandi").send_keys(PASSWORD)
    driver.find_element("css selector", "button.main").click()
    until(lambda: driver.current_url.rstrip("/") == address)
    yield driver
    driver.quit()


def until(true: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def asked(driver: Any) -> set[str]:
    """Return the hosts that the browser has sent requests to."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in ("http", "https", "ws", "wss")}


def test_no_page_asks_another_host_breaks_the_policy_or_is_wider_than_a_phone(address: str, browser: Any) -> None:
    asked(browser)
    for path in ("/", "/peringatan", "/laporan", "/kunjungan", "/sumber", "/koreksi", "/data", "/kelola",
                 "/desa/99.01.01.2002", "/kabupaten", "/kabupaten/bukti"):  # fmt: skip
        browser.get(address + path)
        until(lambda: browser.execute_script("return document.readyState") == "complete")
        wide = browser.execute_script("const d = document.documentElement; return d.scrollWidth - d.clientWidth")
        assert wide <= 1, path
        said = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        assert not said, (path, said)
    assert asked(browser) == {urlsplit(address).netloc}


def test_moving_a_day_swaps_the_map_in_place(address: str, browser: Any) -> None:
    browser.get(f"{address}/")
    before = browser.find_element("id", "peta").get_attribute("data-day")
    browser.execute_script("document.querySelector('.days a').click()")
    until(lambda: browser.find_element("id", "peta").get_attribute("data-day") < before)
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_visit_typed_without_a_connection_is_kept_and_sent_once_there_is_one(
    address: str, browser: Any, settings: Settings
) -> None:
    def network(offline: bool) -> None:
        condition = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", condition)

    def outcomes() -> list[str]:
        with Store(settings.database, read_only=True) as store:
            return [row["outcome"] for row in store.rows("SELECT outcome FROM visits WHERE outcome LIKE 'luring%'")]

    browser.execute_cdp_cmd("Network.enable", {})
    browser.get(f"{address}/kunjungan")
    network(offline=True)
    browser.find_element("name", "desa").send_keys("Karangsejuk, Tirta Wening")
    browser.find_element("name", "outcome").send_keys("luring: warga sepakat")
    browser.find_element("css selector", "form[data-keep] button.main").click()
    until(lambda: "Belum terkirim" in browser.find_element("css selector", "[data-said]").text)
    assert outcomes() == []
    network(offline=False)
    until(lambda: outcomes() == ["luring: warga sepakat"])
    until(lambda: browser.execute_script("return localStorage.getItem('sejuk-kunjungan')") is None)
