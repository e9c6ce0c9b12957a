"""The laporan harian: what command staff read, honest about what is not known, harmless whatever a headline says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.errors import MonitorError
from pipelines import ledger
from pipelines.brief import Brief, read_brief
from pipelines.brief_forms import LONGEST_TEXT, to_html, to_pdf, to_text, web_address
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.process import process
from pipelines.store import Store
from pipelines.tables import build_tables
from pipelines.visits import Visit, save_visits
from run_monitor import cli
from tests.test_ledger import found
from tests.test_process import CLASH, NOW, VOICES, every_source_read, raw, spooled

DAY = date(2026, 3, 10)
HOSTILE = '=cmd|"<script>alert(1)</script> *tebal* _miring_ \u202e 🙂'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Four tellings of one quarrel by the press, and one by a resident; a visit; nothing from elsewhere."""
    causes = ("karena batas lahan", "soal giliran air", "setelah rapat batal", "di jalan kebun")
    press = [
        raw("kabar", i, CLASH.replace("karena sengketa batas lahan", cause), 3 + i, title=f"Ribut {cause} {HOSTILE}")
        for i, cause in enumerate(causes)
    ]
    public = raw("warga", 9, CLASH.replace("Tiga", "Lima"), 2, title="Unggahan warga")
    with Store(settings.database) as opened:
        spooled(settings, "r1", *press, public)
        model = process(settings, opened, VOICES, "r1", NOW)["model"]
        every_source_read(opened, NOW)
        build_tables(settings, opened, model, "r1", NOW)
        visit = Visit("99.01.01.2002", DAY, "sambang", ("agraria",), "warga mau duduk bersama")
        save_visits(opened, [visit], "Sari", NOW)
        yield opened


@pytest.fixture
def brief(settings: Settings, store: Store) -> Brief:
    return read_brief(settings, store, DAY, NOW)


def test_it_tells_what_changed_where_with_its_reports_and_what_was_done(brief: Brief, settings: Settings) -> None:
    (part,) = brief.parts
    (line,) = part.lines
    assert (part.name, line.name, line.grave) == ("Tirta Wening", "Karangsejuk", line.stories)
    assert line.visited == "2026-03-10"
    assert {report.source for report in line.reports} == {"kabar"}  # never a resident's post
    page = to_html(settings, brief)
    assert "warga mau duduk bersama" in page
    assert "https://kabar.invalid/" in page
    assert "warga.invalid" not in page + to_text(brief)


def test_alerts_that_nobody_confirmed_are_counted_and_never_told(settings: Settings, store: Store) -> None:
    alert = found(DAY, words="12 laporan rahasia")
    ledger.raise_alerts(store, [alert], {}, "m", "r", NOW)
    name = ledger.alert(store, "20260310-99.01.01.2001")["alert_id"]
    before = to_html(settings, read_brief(settings, store, DAY, NOW))
    assert "12 laporan rahasia" not in before
    assert re.search(r"\d+ peringatan menunggu tinjauan", before)
    ledger.take(store, name, "Sari", NOW)
    ledger.confirm(store, name, "Sari", NOW)
    assert "12 laporan rahasia" in to_html(settings, read_brief(settings, store, DAY, NOW))


def test_silence_is_named_and_never_called_calm(settings: Settings, store: Store) -> None:
    empty = store.daily("desa").assign(tension=None, low=None, high=None, status="no_data", n7=0, grave7=0)
    key = ["desa_code", "day", "voice"]
    store.save_daily("desa", pd.DataFrame(empty[empty["day"] == DAY.isoformat()]).sort_values(key))
    page = to_html(settings, read_brief(settings, store, DAY, NOW))
    assert "Itu bukan bukti bahwa keadaan tenang" in page
    assert 'fill="#c3c7ca"' in page


@pytest.mark.parametrize("form", ["html", "text"])
def test_a_hostile_headline_is_harmless(form: str, brief: Brief, settings: Settings) -> None:
    written = to_html(settings, brief) if form == "html" else to_text(brief)
    assert "Ribut" in written
    if form == "html":
        assert "<script" not in written
        assert "&lt;script&gt;" in written
    else:
        assert "*tebal*" not in written
        assert "_miring_" not in written


def test_the_pdf_is_one_page_and_survives_any_letter(brief: Brief, settings: Settings) -> None:
    made = to_pdf(settings, brief)
    assert made.startswith(b"%PDF")
    assert made.count(b"/Type /Page\n") == 1
    assert to_pdf(settings, brief) == made  # the same day gives the same file


def test_a_message_stays_short_enough_for_a_phone(brief: Brief) -> None:
    text = to_text(brief)
    assert len(text) <= LONGEST_TEXT
    assert text.startswith("*Laporan harian Contoh Raya*\nSelasa, 10 Maret 2026")
    assert "Yang tidak diketahui" in text


def test_reading_it_stands_in_the_audit_log(store: Store, brief: Brief) -> None:
    (entry,) = store.rows("SELECT who, detail FROM audit_log WHERE action = 'read brief'")
    assert entry["who"] == "sejuk"
    assert '"day":"2026-03-10"' in entry["detail"].replace(" ", "")


@pytest.mark.parametrize("day", [date(2020, 1, 1), DAY + timedelta(days=1)])
def test_a_day_without_tables_is_said_so(day: date, settings: Settings, store: Store) -> None:
    with pytest.raises(MonitorError, match=f"tidak ada tabel untuk {day}; ada dari"):
        read_brief(settings, store, day, NOW)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("javascript:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ('https://a.example/"onx', "#"),
        ("https://a.example/b?c=1", "https://a.example/b?c=1"),
    ],
)
def test_only_web_addresses_become_links(address: str, kept: str) -> None:
    assert web_address(address) == kept


def test_the_command_writes_the_forms_and_prints_the_message(settings: Settings, store: Store) -> None:
    arguments = ["--home", str(settings.home), "--region", "contoh", "brief", "--date", "2026-03-10"]
    printed = CliRunner().invoke(cli, arguments)
    assert printed.output.startswith("*Laporan harian Contoh Raya*")
    written = CliRunner().invoke(cli, [*arguments, "--form", "all"]).output.split()
    assert [Path(name).suffix for name in written] == [".html", ".pdf", ".txt"]
    assert all(Path(name).stat().st_size > 500 for name in written)
