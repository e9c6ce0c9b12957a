"""The main screens as pictures for the README, of a synthetic year of the invented region.

make screenshots        (needs Debian's chromium and chromium-driver)
"""

from __future__ import annotations

import argparse
import base64
import tempfile
import time
from pathlib import Path

from benchmarks import browser, year
from pipelines import ledger
from pipelines.config import PROJECT, load_settings
from pipelines.store import Store
from pipelines.users import Role

WIDEST = 150_000  # bytes of a picture
SHOTS = {  # name: (path, width)
    "peta": ("/", 1440),
    "peta-telepon": ("/", 390),
    "desa": ("/desa/{code}", 1440),
    "peringatan": ("/peringatan/{alert}", 1440),
    "laporan": ("/laporan", 1440),
    "kunjungan-telepon": ("/kunjungan", 390),
}


def main() -> None:
    """Write the pictures into a folder, each below 150 kB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PROJECT / "docs" / "layar")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(environment={}, home=Path(home), region=PROJECT / "data" / "regions" / "contoh")
        year.fill(settings)
        with Store(settings.database) as store:
            alert = next(row for row in ledger.alerts(store, ["confirmed"]) if row["level"] == "desa")
        secret = browser.person(settings, "sari", Role, year.NOW)
        with browser.served(settings, lambda: year.NOW) as address:
            for name, (path, width) in SHOTS.items():
                file = folder / f"{name}.webp"
                with browser.chromium(width) as driver:
                    browser.be(driver, address, secret)
                    driver.get(address + path.format(code=alert["code"], alert=alert["alert_id"]))
                    time.sleep(1)  # the trend is drawn once its figures have come
                    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 80})
                file.write_bytes(base64.b64decode(shot["data"]))
                print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
                assert file.stat().st_size < WIDEST


if __name__ == "__main__":
    main()
