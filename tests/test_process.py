"""The chain on a small invented region, with the real locator, classifier and store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from analysis.classifier import Classifier
from analysis.errors import ModelError
from analysis.records import Rejected, Voice
from crawlers.items import RawDocument
from crawlers.spool import SpoolWriter, spool_path
from pipelines import retention
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.export import export_tables
from pipelines.process import clean, process, take_in
from pipelines.store import Store
from pipelines.tables import build_tables, days_to_build, published

NOW = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
VOICES = {"kabar": Voice.PRESS, "suara": Voice.PRESS, "humas": Voice.OFFICIAL, "warga": Voice.PUBLIC}
CLASH = (
    "Dua kelompok warga Desa Karangsejuk, Kecamatan Tirta Wening, terlibat bentrok dan saling lempar batu karena "
    "sengketa batas lahan pada Senin sore. Tiga orang luka dan sebuah rumah dibakar. Polisi memisahkan kedua pihak."
)
FEAST = (
    "Warga Desa Payung Agung, Kecamatan Gunung Payung, menggelar kenduri panen bersama di balai desa. Anak-anak "
    "menampilkan tarian dan para ibu menyiapkan makan siang untuk semua tamu yang datang."
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(PROJECT / "data" / "models" / "kecil")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database) as opened:
        yield opened


def raw(source: str, number: int, text: str, hours_ago: float = 3, **more: object) -> RawDocument:
    fields = {
        "source_id": source, "url": f"https://{source}.invalid/{number}", "title": "", "text": text,
        "fetched_at": NOW, "published": NOW - timedelta(hours=hours_ago), "published_from": "feed",
    }  # fmt: skip
    return RawDocument(**(fields | more))  # type: ignore[arg-type]


def spooled(settings: Settings, run: str, *documents: RawDocument) -> None:
    for source in {d.source_id for d in documents}:
        writer = SpoolWriter(spool_path(settings.spool, source, NOW.date(), run))
        for document in documents:
            if document.source_id == source:
                writer.write(document)
        writer.close()


def dump(store: Store) -> dict[str, list[dict[str, object]]]:
    skip = ("runs", "spool_files", "audit_log")
    return {t: store.rows(f"SELECT * FROM {t}") for t in store.counts() if t not in skip}


def test_a_release_carried_by_two_outlets_is_one_story_pinned_and_scored(settings: Settings, store: Store) -> None:
    spooled(
        settings, "r1", raw("kabar", 1, CLASH, 5), raw("suara", 2, "KARANGSEJUK - " + CLASH, 2), raw("kabar", 3, FEAST)
    )
    counts = process(settings, store, VOICES, "r1", NOW)
    assert {k: counts[k] for k in ("documents", "changed", "rejected", "located", "scored")} == {
        "documents": 3, "changed": 0, "rejected": 0, "located": 2, "scored": 2,
    }  # fmt: skip
    clash, feast = store.rows(
        """SELECT s.copies, s.sources, d.url, p.code, c.tension, c.level FROM stories s
           JOIN documents d ON d.document_id = s.origin_id JOIN places p USING (story_id)
           JOIN scores c USING (story_id) ORDER BY c.tension DESC"""
    )
    assert (clash["copies"], clash["sources"], clash["url"]) == (2, 2, "https://kabar.invalid/1")
    assert (clash["code"], feast["code"]) == ("99.01.01.2002", "99.01.02.2001")
    assert clash["level"] >= 3
    assert feast["tension"] < 0.25 < clash["tension"]


def test_processing_again_changes_nothing(settings: Settings, store: Store) -> None:
    spooled(settings, "r1", raw("kabar", 1, CLASH), raw("warga", 2, FEAST))
    process(settings, store, VOICES, "r1", NOW)
    before = dump(store)
    counts = process(settings, store, VOICES, "r2", NOW + timedelta(hours=1))
    assert (counts["documents"], counts["located"], counts["scored"]) == (0, 0, 0)
    spooled(settings, "r3", raw("kabar", 1, CLASH), raw("warga", 2, FEAST))  # the same documents, fetched again
    process(settings, store, VOICES, "r3", NOW + timedelta(hours=2))
    assert dump(store) == before


def test_an_edited_document_is_located_and_scored_anew(settings: Settings, store: Store) -> None:
    spooled(settings, "r1", raw("kabar", 1, FEAST))
    process(settings, store, VOICES, "r1", NOW)
    later = NOW + timedelta(hours=1)
    spooled(settings, "r2", raw("kabar", 1, CLASH, fetched_at=later, published=None))
    counts = process(settings, store, VOICES, "r2", later)
    assert (counts["documents"], counts["changed"], counts["scored"]) == (0, 1, 1)
    document = store.rows("SELECT * FROM documents")[0]
    assert document["text"] == CLASH
    assert store.counts()["bands"] == 32  # the old text's keys are gone
    assert document["first_seen"] == NOW.isoformat()
    assert document["published"] == (NOW - timedelta(hours=3)).isoformat()  # the known date stays
    assert store.rows("SELECT code FROM places") == [{"code": "99.01.01.2002"}]
    assert store.rows("SELECT level FROM scores")[0]["level"] >= 3


def test_what_cannot_be_used_is_rejected_with_a_reason_and_a_missing_date_is_said(settings: Settings) -> None:
    assert clean(raw("kabar", 1, "🔥🔥🔥"), VOICES) == Rejected("https://kabar.invalid/1", "no words")
    assert clean(raw("asing", 1, FEAST), VOICES) == Rejected("https://asing.invalid/1", "source not declared")
    undated = clean(raw("kabar", 1, FEAST, published=NOW + timedelta(days=9)), VOICES)
    assert not isinstance(undated, Rejected)
    assert (undated.published, undated.date_known) == (NOW, False)


def test_a_missing_model_is_an_error_and_nothing_is_lost(settings: Settings, store: Store) -> None:
    spooled(settings, "r1", raw("kabar", 1, CLASH))
    broken = replace(settings, model=settings.home / "nowhere")
    with pytest.raises(ModelError):
        process(broken, store, VOICES, "r1", NOW)
    assert store.counts()["scores"] == 0  # never a neutral score
    assert process(settings, store, VOICES, "r2", NOW)["scored"] == 1


def test_a_run_killed_between_chunks_is_finished_by_the_next(settings: Settings, store: Store) -> None:
    documents = [raw("kabar", n, f"{FEAST} Kegiatan nomor {n} {'abcdefgh'[n % 8] * 9}.") for n in range(30)]
    spooled(settings, "r1", *documents)

    class Killed(BaseException):
        pass

    def die(stage: str, done: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        take_in(settings, store, VOICES, "r1", NOW, die)
    counts = process(settings, store, VOICES, "r2", NOW)
    assert store.counts()["documents"] == 30
    assert counts["documents"] == 0  # stored before the kill, in one transaction
    assert store.counts()["spool_files"] == 1


# -- tables ---------------------------------------------------------------------------------------


def built(settings: Settings, store: Store, classifier: Classifier, now: datetime = NOW) -> pd.DataFrame:
    process(settings, store, VOICES, "r", now)
    every_source_read(store, now)
    build_tables(settings, store, classifier.model_id, "r", now)
    return store.daily("desa")


def every_source_read(store: Store, now: datetime) -> None:
    with store.transaction():
        sources = [
            {"source_id": s, "name": s, "kind": "feed", "voice": v.value, "address": "x", "basis": "b",
             "enabled": 1, "verified": 1} for s, v in VOICES.items()
        ]  # fmt: skip
        store.upsert("sources", sources, "source_id")
        store.upsert("fetches", [_fetch(s, now) for s in VOICES], ("run_id", "source_id"))


def _fetch(source: str, now: datetime) -> dict[str, object]:
    zero = dict.fromkeys(("requests", "items", "unchanged", "known", "robots_denied", "bytes"), 0)
    texts = dict.fromkeys(("rejected", "status", "errors"), "{}")
    return {
        "run_id": f"r{now.isoformat()}", "source_id": source, "day": now.date().isoformat(), "started": now.isoformat(),
        "finished": now.isoformat(), "ok": 1, "last_published": None,
    } | zero | texts  # fmt: skip


def test_tables_tell_enough_estimated_and_no_data_apart(
    settings: Settings, store: Store, classifier: Classifier
) -> None:
    tellings = [
        raw("kabar", 9, CLASH, 5),
        raw(
            "suara",
            10,
            "Warga Desa Karangsejuk, Kecamatan Tirta Wening, memblokade jalan kebun dan mengusir pekerja.",
            4,
        ),
        raw("warga", 11, "karangsejuk rusuh lagi, tadi ada yang bawa parang dan saling ancam", 3, author_hash="x"),
        raw("kabar", 12, FEAST, 6),
        raw("kabar", 13, "Mediasi digelar setelah massa merusak pos kebun di Desa Karangsejuk, Tirta Wening.", 2),
    ]
    spooled(settings, "r1", *tellings)
    table = built(settings, store, classifier)
    today = table[(table["day"] == "2026-03-10") & (table["voice"] == "all")].set_index("desa_code")
    assert len(today) == 36  # every desa has its row
    assert today.loc["99.01.01.2002", "status"] == "enough"
    assert today.loc["99.01.02.2001", "status"] == "estimated"  # one story is not enough
    assert today.loc["99.01.01.2002", "tension"] > today.loc["99.01.02.2001", "tension"]
    assert today["low"].le(today["tension"]).all()
    shown = published(settings, table)
    public = shown[
        (shown["voice"] == "public") & (shown["desa_code"] == "99.01.01.2002") & (shown["day"] == "2026-03-10")
    ]
    assert public["status"].item() != "enough"  # one author is below k = 3


def test_a_day_without_any_working_source_has_no_data(settings: Settings, store: Store, classifier: Classifier) -> None:
    spooled(settings, "r1", raw("kabar", 1, CLASH))
    built(settings, store, classifier)
    later = NOW + timedelta(days=6)
    build_tables(settings, store, classifier.model_id, "r2", later)
    table = store.daily("desa", date(2026, 3, 15), date(2026, 3, 16))
    assert set(table["status"]) == {"no_data"}
    assert table["tension"].isna().all()


def test_days_are_frozen_after_seven_and_missed_ones_caught_up(
    settings: Settings, store: Store, classifier: Classifier
) -> None:
    spooled(settings, "r1", raw("kabar", 1, CLASH))
    built(settings, store, classifier)
    assert days_to_build(settings, store, date(2026, 3, 30)) == [date(2026, 3, d) for d in range(11, 31)]
    assert days_to_build(settings, store, date(2026, 3, 30), since=date(2026, 3, 1))[0] == date(2026, 3, 10)
    before = store.daily("desa", until=date(2026, 3, 10)).drop(columns=["final", "run_id", "as_of"])
    build_tables(settings, store, classifier.model_id, "r2", NOW + timedelta(days=20))
    after = store.daily("desa", until=date(2026, 3, 10)).drop(columns=["final", "run_id", "as_of"])
    pd.testing.assert_frame_equal(before, after)


def test_exports_agree_in_every_format_and_run_no_formula(
    settings: Settings, store: Store, classifier: Classifier
) -> None:
    spooled(settings, "r1", raw("kabar", 1, CLASH))
    built(settings, store, classifier)
    store.db.execute("UPDATE kabupaten_daily SET run_id = '=1+1'")
    files = export_tables(store, settings.home / "out", lambda t: published(settings, t))
    assert len(files) == 9
    csv = pd.read_csv(settings.home / "out" / "desa_daily.csv", dtype={"desa_code": str})
    xlsx = pd.read_excel(settings.home / "out" / "desa_daily.xlsx", dtype={"desa_code": str})
    assert len(csv) == len(xlsx) == len(store.daily("desa"))
    assert csv["tension"].sub(xlsx["tension"]).abs().max() < 1e-9
    assert set(csv["desa_code"]) == set(store.daily("desa")["desa_code"])
    assert (settings.home / "out" / "desa_daily.parquet").read_bytes()[:4] == b"PAR1"
    assert pd.read_csv(settings.home / "out" / "kabupaten_daily.csv")["run_id"].unique().tolist() == ["'=1+1"]
    assert "Karangsejuk" not in (settings.home / "out" / "desa_daily.csv").read_text()


def test_retention_removes_texts_and_keeps_tables(settings: Settings, store: Store, classifier: Classifier) -> None:
    spooled(settings, "r1", raw("kabar", 1, CLASH, title="Bentrok"), raw("warga", 2, FEAST, author_hash="h", title="t"))
    built(settings, store, classifier)
    tables = store.daily("desa")
    counts = retention.purge(settings, store, NOW + timedelta(days=60))
    assert counts["texts"] == 2
    assert counts["authors"] == 1
    left = {r["source_id"]: r for r in store.rows("SELECT * FROM documents")}
    assert (left["kabar"]["text"], left["kabar"]["title"]) == ("", "Bentrok")
    assert (left["warga"]["text"], left["warga"]["title"], left["warga"]["author_hash"]) == ("", "", None)
    pd.testing.assert_frame_equal(store.daily("desa"), tables)
    assert json.loads(store.rows("SELECT mentions FROM locations LIMIT 1")[0]["mentions"]) is not None
