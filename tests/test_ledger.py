"""The life of an alert and the ledger of visits: nothing skipped, nobody named, nothing half entered."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from analysis.alerts import Alert
from analysis.gazetteer import Gazetteer
from pipelines import audit, evidence, ledger, visits
from pipelines.config import PROJECT
from pipelines.store import Store
from tests.test_store import _kabupaten_row

NOW = datetime(2025, 5, 26, 1, 0, tzinfo=UTC)
DAY = date(2025, 5, 25)
NAME = "20250525-99.01.01.2001-merah-counts"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load(PROJECT / "data" / "regions" / "contoh")


def found(day: date = DAY, tier: str = "merah", words: str = "10 laporan tegang") -> Alert:
    return Alert(
        "counts", tier, "desa", "99.01.01.2001", day - timedelta(days=2), day, words, 10, 0.4, 0.001, math.nan,  # type: ignore[arg-type]
        1.0, 0.9, ("satu sumber diam",), (), (), NOW,
    )  # fmt: skip


def enter(store: Store, *alerts: Alert) -> int:
    return ledger.raise_alerts(store, alerts, {"99.01.01.2001": "Karangsejuk"}, "m", "r1", NOW)


def test_an_alert_lives_from_raised_to_closed_and_every_step_is_in_the_audit_log(store: Store) -> None:
    assert enter(store, found()) == 1
    ledger.take(store, NAME, "Sari", NOW)
    ledger.confirm(store, NAME, "Sari", NOW + timedelta(hours=3))
    ledger.deliver(store, NAME, ledger.ITSELF, NOW)
    ledger.acknowledge(store, NAME, "Joko", NOW)
    ledger.close(store, NAME, "Joko", NOW, "sudah didatangi")
    states = ["raised", "in_review", "confirmed", "delivered", "acknowledged", "closed"]
    assert [step["state"] for step in ledger.steps(store, NAME)] == states
    assert audit.verify(store) is None
    assert store.rows("SELECT count(*) AS n FROM audit_log")[0]["n"] == len(states)
    assert ledger.figures(store) == ledger.Figures(0, 1, 0, 0.0, 3.0)


def test_no_step_is_skipped_and_a_refused_one_leaves_the_alert_as_it_was(store: Store) -> None:
    enter(store, found())
    with pytest.raises(ledger.StepRefused, match="tidak ada langkah yang dilewati"):
        ledger.confirm(store, NAME, "Sari", NOW)
    ledger.take(store, NAME, "Sari", NOW)
    with pytest.raises(ledger.StepRefused, match="orang kedua"):
        ledger.confirm(store, NAME, "sari", NOW, two_person=True)
    with pytest.raises(ledger.StepRefused, match="alasan"):
        ledger.dismiss(store, NAME, "Sari", " ", NOW)
    assert ledger.alert(store, NAME)["state"] == "in_review"
    assert ledger.confirm(store, NAME, "Joko", NOW, two_person=True)["state"] == "confirmed"


def test_a_place_rests_for_seven_days_and_a_second_run_corrects_what_nobody_reviews(store: Store) -> None:
    enter(store, found())
    assert enter(store, found(words="12 laporan tegang")) == 0
    assert ledger.alert(store, NAME)["words"] == "12 laporan tegang"
    ledger.take(store, NAME, "Sari", NOW)
    enter(store, found(words="13 laporan tegang"))
    assert ledger.alert(store, NAME)["words"] == "12 laporan tegang"
    assert enter(store, found(DAY + timedelta(days=6)), found(DAY + timedelta(days=6), "kuning")) == 0
    assert enter(store, found(DAY + timedelta(days=7))) == 1
    assert [row["day"] for row in ledger.alerts(store)] == ["2025-06-01", "2025-05-25"]


def test_evidence_loses_its_texts_with_age_and_a_story_that_was_taken_down(store: Store) -> None:
    enter(store, found())
    kept = [
        {"story_id": s, "voice": voice, "title": "Judul", "url": "https://a.invalid", "source": "A",
         "published": f"2025-04-{day}T00:00:00+00:00", "sentences": ["Kalimat."]}
        for s, voice, day in (("s1", "press", "01"), ("s2", "public", "02"), ("s3", "press", "25"))
    ]  # fmt: skip
    store.upsert("alerts", [store.rows("SELECT * FROM alerts")[0] | {"evidence": json.dumps(kept)}], "alert_id")
    assert [piece["published"][:10] for piece in evidence.links(store, NAME)] == ["2025-04-01", "2025-04-25"]
    before = datetime(2025, 4, 20, tzinfo=UTC)
    assert (evidence.purge(store, before), evidence.purge(store, before)) == (1, 0)
    press, public, fresh = ledger.read_evidence(store, NAME, "Sari", NOW)
    assert (press["title"], press["sentences"]) == ("Judul", [])
    assert (public["title"], public["url"], public["sentences"]) == ("", "", [])
    assert fresh == kept[2] | {"clarified": []}
    assert (evidence.drop(store, "s3"), evidence.drop(store, "s3")) == (1, 0)
    assert len(ledger.read_evidence(store, NAME, "Sari", NOW)) == 2


def test_an_earlier_version_of_a_day_stays_readable(store: Store) -> None:
    for tension in (0.2, 0.4):
        row = _kabupaten_row("2025-05-24", tension) | {"as_of": f"2025-05-2{4 + round(tension * 5)}"}
        store.save_daily("kabupaten", pd.DataFrame([row]))
    assert store.rows("SELECT tension, as_of FROM kabupaten_daily_versions") == [
        {"tension": 0.2, "as_of": "2025-05-25"}
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Pak Budi Santoso, 0812-3456-7890, setuju", "[warga], [telepon], setuju"),
        ("Pak Camat, Pak Haji Umar dan ibu-ibu PKK hadir", "Pak Camat, Pak Haji [warga] dan ibu-ibu PKK hadir"),
        ("warga sepakat berbagi air mulai Senin", "warga sepakat berbagi air mulai Senin"),
    ],
)
def test_a_visit_names_no_resident(written: str, kept: str) -> None:
    assert visits.mask_residents(written) == kept
    assert visits.mask_residents(kept) == kept


def test_a_file_with_a_wrong_row_enters_nothing_and_names_row_and_column(gazetteer: Gazetteer) -> None:
    head = "desa;tanggal;jenis;tema;hasil\n"
    good = "Karangsejuk;25-05-2025;sambang;pemilu;warga mau duduk bersama\n"
    (visit,) = visits.read_csv((head + good).encode(), gazetteer, date(2025, 5, 26))
    assert (gazetteer.desa[visit.desa_code].name, visit.day, visit.themes) == ("Karangsejuk", DAY, ("pemilu",))
    bad = head + good + "Antah;25-05-2025;sambang;;\nKarangsejuk;27-05-2025;sambang;;\n"
    with pytest.raises(visits.VisitRefused) as refused:
        visits.read_csv(bad.encode(), gazetteer, date(2025, 5, 26))
    assert str(refused.value).splitlines() == [
        f"baris 3, kolom 'desa': 'Antah' tidak dikenal; tulis kode atau nama desa di {gazetteer.name}",
        "baris 4, kolom 'tanggal': 27-05-2025 belum terjadi",
        "tidak ada yang dimasukkan",
    ]


def test_a_visit_entered_again_is_corrected_not_doubled(store: Store) -> None:
    visit = visits.Visit("99.01.01.2001", DAY, "sambang", ("pemilu",), "belum selesai")
    again = visits.Visit("99.01.01.2001", DAY, "sambang", ("pemilu",), "selesai")
    assert [visits.save_visits(store, [each], "Sari", NOW) for each in (visit, again)] == [1, 0]
    assert [row["outcome"] for row in visits.visits(store)] == ["selesai"]
