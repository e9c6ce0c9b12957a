"""The page in a real browser, on a phone and on a desk: each screen's task is done, and nothing goes elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pandas as pd
import pytest

from pipelines.config import Settings
from pipelines.users import Role

pytest.importorskip("selenium")
from benchmarks import browser as chrome
from tests.desk import DESA, LAST, SCREENS, Desk, desk_of, place_of_work

pytestmark = pytest.mark.skipif(
    not (chrome.CHROMIUM and chrome.DRIVER) and not os.environ.get("REQUIRE_SYSTEM"),
    reason="needs Debian's chromium and chromium-driver",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    with place_of_work(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module", params=[390, 1440])
def machine(
    work: tuple[Settings, str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    with desk_of(*work, request.param, tmp_path_factory.mktemp("downloads")) as found:
        yield found


@pytest.fixture
def desk(machine: Desk) -> Iterator[Desk]:
    """A desk at which somebody with every role sits; afterwards nothing has been complained of or asked elsewhere."""
    machine.sit("sari")
    machine.said(), machine.asked()
    yield machine
    assert machine.said() == []
    assert machine.asked() <= {urlsplit(machine.address).netloc}


def test_a_person_signs_in_and_out(desk: Desk) -> None:
    desk.driver.delete_all_cookies()
    desk.open("/laporan")
    desk.one("[name=nama]").send_keys("sari")
    desk.one("[name=sandi]").send_keys(chrome.PASSWORD)
    desk.press("button.main")
    assert urlsplit(desk.driver.current_url).path == f"/laporan/{LAST}"
    desk.press("header form button")
    assert urlsplit(desk.driver.current_url).path == "/masuk"


def test_no_screen_is_wider_than_the_view(desk: Desk) -> None:
    for path in SCREENS:
        desk.open(path)
        wide = desk.driver.execute_script("const d = document.documentElement; return d.scrollWidth - d.clientWidth")
        assert wide <= 0, path
        assert len(desk.driver.find_elements("css selector", "h1")) == 1, path


def test_the_first_view_answers_and_shows_the_map_where_there_is_room(desk: Desk) -> None:
    desk.open("/")
    ends = "return [...document.querySelectorAll('.answer dd, #peta svg')].map((e) => e.getBoundingClientRect().bottom)"
    *answers, picture = desk.driver.execute_script(ends)
    if desk.width > 1000:
        assert max(*answers[:4], picture) <= chrome.HEIGHTS[desk.width], "four answers and the map without scrolling"
        sides = "return ['.answer', '#peta svg'].map((s) => document.querySelector(s).getBoundingClientRect().left)"
        left, right = desk.driver.execute_script(sides)
        assert left + 300 < right
    else:
        assert answers[0] <= chrome.HEIGHTS[desk.width], "where it rises, without scrolling"
    menu = "return Math.max(...[...document.querySelectorAll('nav li a')].map((a) => a.getBoundingClientRect().right))"
    assert desk.driver.execute_script(menu) <= desk.width, "no entry of the menu is out of sight"


def test_the_map_is_read_moved_and_heard_by_voice(desk: Desk) -> None:
    desk.open("/")
    assert "31 Maret 2026" in desk.text()
    slider = desk.one("#day-slider")
    slider.send_keys("\ue012")  # one step to the left
    chrome.until(lambda: desk.one("#peta").get_attribute("data-day") == "2026-03-30")
    assert desk.one("#day-shown").text == slider.get_attribute("aria-valuetext") == "30 Maret 2026"
    desk.one("[name=suara][value=resmi]").click()
    chrome.until(lambda: "suara=resmi" in desk.driver.current_url)
    assert desk.one("#peta").get_attribute("data-day") == "2026-03-30", "the day stays when the voice changes"
    desk.driver.execute_script("document.querySelector('#peta .days a').click()")
    chrome.until(lambda: desk.one("#peta").get_attribute("data-day") == "2026-03-29")
    assert desk.one("#day-shown").text == "29 Maret 2026"
    assert desk.one("[name=suara]:checked").get_attribute("value") == "resmi"


def test_a_desa_opens_from_the_map_and_tells_its_trend_in_words(desk: Desk) -> None:
    desk.open("/")
    desk.driver.execute_script("document.querySelector('#peta svg').scrollIntoView({block: 'center'})")
    desk.one(f"#peta svg [data-code='{DESA}'] path:last-of-type").click()
    chrome.until(lambda: desk.driver.current_url.endswith(f"/desa/{DESA}"))
    chrome.until(lambda: desk.driver.find_elements("css selector", "#trend canvas"))
    told = " ".join(desk.one("#trend .u-legend").text.split())
    assert "31 Maret 2026" in told, "the latest day is told before anything is pointed at"
    assert "selang 90 %" in told
    assert "garis" not in desk.one("figcaption").text, "the legend shows its lines rather than describing them"
    desk.press(".spans a")
    assert "hari=30" in desk.driver.current_url


def test_an_alert_goes_from_the_queue_to_its_end_by_two_persons(desk: Desk) -> None:
    first, second = (f"{LAST:%Y%m%d}-99.01.0{n}-merah-counts" for n in ((1, 2) if desk.width < 500 else (3, 4)))
    desk.open("/peringatan")
    desk.press(f"a[href='/peringatan/{first}']")
    desk.press("form[action$=take] button")
    desk.sit("joko", Role.PENGULAS)
    desk.open(f"/peringatan/{first}")
    assert "Perlu orang kedua" in desk.text()
    desk.press("form[action$=confirm] button")
    desk.sit("kapolsek", Role.KOMANDO)
    desk.open("/peringatan")
    desk.press(f"a[href='/peringatan/{first}']")
    assert not desk.driver.find_elements("css selector", "blockquote"), "command staff get links, no texts"
    desk.one("form[action$=told] input[name=catatan]").send_keys("kepada Bhabinkamtibmas, lisan")
    desk.press("form[action$=told] button")
    desk.press("form[action$=acknowledge] button")
    desk.one("form[action$=close] input[name=catatan]").send_keys("warga sepakat bertemu")
    desk.press("form[action$=close] button")
    assert "warga sepakat bertemu" in desk.text()
    desk.sit("joko", Role.PENGULAS)
    desk.open(f"/peringatan/{second}")
    desk.press("form[action$=take] button")
    desk.one("form[action$=dismiss] input[name=catatan]").send_keys("laporan lama yang terbit lagi")
    desk.press("form[action$=dismiss] button")
    states = {row["alert_id"]: row["state"] for row in desk.rows("SELECT alert_id, state FROM alerts")}
    assert (states[first], states[second]) == ("closed", "dismissed")
    desk.open("/peringatan")
    assert "alarm palsu" in desk.text()


def test_the_brief_is_read_copied_printed_and_taken_as_pdf(desk: Desk) -> None:
    desk.open("/laporan")
    assert "Yang tidak diketahui" in desk.text()
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": desk.address}
    desk.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    desk.one("#copy").click()
    chrome.until(lambda: "Sudah disalin" in desk.one("#copied").text)
    copied = desk.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied.startswith("*Laporan harian Contoh Raya*")
    printed = _pdf(desk)
    assert 1 <= printed.count(b"/Type /Page\n") <= 4
    shown = _shown_in_print(desk)
    assert shown("main h1")
    assert shown("svg.map")
    assert not any(shown(part) for part in ("header nav", "footer", "#copy", "aside"))
    desk.one("a[href$=pdf]").click()
    made = chrome.until(lambda: list(desk.downloads.glob("laporan-*.pdf")))
    assert made[0].read_bytes()[:5] == b"%PDF-"


@pytest.mark.parametrize("path", ["/", f"/desa/{DESA}", "/peringatan"])
def test_every_reading_screen_prints_without_its_controls(desk: Desk, path: str) -> None:
    desk.open(path)
    assert 1 <= _pdf(desk).count(b"/Type /Page\n") <= 5
    shown = _shown_in_print(desk)
    assert shown("main h1")
    assert not any(shown(part) for part in ("header nav", ".who", "footer", ".choose", ".spans"))


def _pdf(desk: Desk) -> bytes:
    import base64

    page = desk.driver.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    return base64.b64decode(page["data"])


def _shown_in_print(desk: Desk) -> Callable[[str], bool]:
    """Return what tells whether anything that a selector names is seen on paper."""
    seen = "return [...document.querySelectorAll(arguments[0])].some((e) => e.getClientRects().length > 0)"

    def shown(selector: str) -> bool:
        desk.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        try:
            return bool(desk.driver.execute_script(seen, selector))
        finally:
            desk.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    return shown


def test_a_visit_is_recorded_in_a_few_touches(desk: Desk) -> None:
    desk.open("/kunjungan")
    desk.one("[name=desa]").send_keys("Karangsejuk, Tirta Wening")
    desk.one(f"[name=kind] option:nth-child({2 if desk.width < 500 else 3})").click()
    desk.one("[name=themes][value=agraria]").click()
    desk.one("[name=outcome]").send_keys(f"warga didengar di lebar {desk.width}")
    desk.press("form[data-keep] button.main")
    assert f"warga didengar di lebar {desk.width}" in desk.text()


def test_a_visit_typed_without_a_connection_is_kept_and_sent_once_there_is_one(desk: Desk) -> None:
    def network(offline: bool) -> None:
        condition = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        desk.driver.execute_cdp_cmd("Network.emulateNetworkConditions", condition)

    def outcomes() -> list[str]:
        return [row["outcome"] for row in desk.rows(f"SELECT outcome FROM visits WHERE outcome LIKE '%{words}'")]

    words = f"luring {desk.width}"
    desk.driver.execute_cdp_cmd("Network.enable", {})
    desk.open("/kunjungan")
    network(offline=True)
    desk.one("[name=desa]").send_keys("Banyu Teduh, Tirta Wening")
    desk.one(f"[name=kind] option:nth-child({2 if desk.width < 500 else 3})").click()
    desk.one("[name=outcome]").send_keys(words)
    desk.one("form[data-keep] button.main").click()
    chrome.until(lambda: "Belum terkirim" in desk.one("[data-said]").text)
    assert outcomes() == []
    network(offline=False)
    chrome.until(lambda: outcomes() == [words])
    chrome.until(lambda: desk.driver.execute_script("return localStorage.getItem('sejuk-kunjungan')") is None)
    desk.said()  # the lost connection was complained of


def test_a_correction_is_proposed_from_the_evidence_and_decided_by_somebody_else(desk: Desk) -> None:
    desk.open("/kecamatan/99.01.01/bukti")
    links = desk.driver.find_elements("css selector", "a[href^='/koreksi/berita/']")
    path = urlsplit(links[0 if desk.width < 500 else 1].get_attribute("href")).path
    desk.press(f"a[href='{path}']")
    desk.one("[name=nilai][list]").send_keys("di luar wilayah")
    desk.one("form:has([value=place]) [name=alasan]").send_keys(f"dilihat di lebar {desk.width}")
    desk.press("form:has([value=place]) button")
    assert "Menunggu orang kedua" in desk.text()
    desk.sit("joko", Role.PENGULAS)
    desk.open("/koreksi")
    desk.press("form[action$=putus] [value=true]")
    state, value = desk.rows("SELECT state, value FROM corrections ORDER BY correction_id DESC LIMIT 1")[0].values()
    assert (state, value) == ("approved", "elsewhere")


def test_a_table_is_downloaded(desk: Desk) -> None:
    desk.open("/data")
    for name in ("since", "until"):
        script = "arguments[0].value = arguments[1]"
        desk.driver.execute_script(script, desk.one(f"[name={name}]"), (LAST - timedelta(days=1)).isoformat())
    desk.one(".download button").click()
    made = chrome.until(lambda: list(desk.downloads.glob("desa_daily-*.csv")), 30)
    assert set(pd.read_csv(made[0])["day"]) == {"2026-03-30"}


def test_an_admin_makes_and_bars_a_user_and_sees_it_in_the_audit_log(desk: Desk) -> None:
    desk.open("/kelola")
    desk.one("[name=nama]").send_keys(f"baru{desk.width}")
    desk.one("[name=peran][value=pembaca]").click()
    desk.press("form[action$=pengguna] button.main")
    assert f"Kata sandi sekali pakai untuk baru{desk.width}" in desk.text()
    desk.press(f"form[action$='baru{desk.width}/larang'] button")
    assert "pengguna dilarang" in desk.text()
    assert "Rantai utuh" in desk.text()
    assert desk.rows(f"SELECT disabled_at FROM users WHERE name = 'baru{desk.width}'")[0]["disabled_at"]


def test_the_silent_source_is_seen_first(desk: Desk) -> None:
    desk.open("/sumber")
    first = " ".join(desk.one("tbody tr").text.split())
    assert first.startswith("Radio J")
    assert "5 hari lalu" in first


def test_every_screen_can_be_read_in_english(desk: Desk) -> None:
    desk.open("/")
    desk.press(".who a")
    assert "Where is it rising?" in desk.text()
    assert "31 March 2026" in desk.text()
    desk.one("#day-slider").send_keys("\ue012")
    chrome.until(lambda: desk.one("#day-shown").text == "30 March 2026")
