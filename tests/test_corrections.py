"""What people know better stays in force, after a second person agreed; what is taken down is gone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.gazetteer import Gazetteer
from analysis.text import document_id
from crawlers.privacy import post_address
from crawlers.spool import SpoolWriter, read_spool, spool_path
from pipelines import corrections, history
from pipelines.collect import author_salt
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.corrections import CorrectionRefused
from pipelines.monitor import recorded_run
from pipelines.place_evidence import read_place
from pipelines.process import process, take_in
from pipelines.store import Store
from pipelines.tables import build_tables
from run_monitor import cli
from tests.test_process import CLASH, FEAST, NOW, VOICES, every_source_read, raw, spooled

KARANGSEJUK, PAYUNG = "99.01.01.2002", "99.01.02.2001"
CONTOH = Gazetteer.load(PROJECT / "data" / "regions" / "contoh")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database) as opened:
        copy = raw("suara", 2, "KARANGSEJUK - " + CLASH, 2)
        spooled(settings, "r1", raw("kabar", 1, CLASH, 5), copy, raw("kabar", 3, FEAST))
        every_source_read(opened, NOW)
        run(settings, opened, "r1", NOW)
        yield opened


def run(settings: Settings, store: Store, name: str, now: object) -> None:
    with recorded_run(store, "once", name, lambda: now) as summary:  # type: ignore[arg-type, return-value]
        summary["process"] = process(settings, store, VOICES, name, now)  # type: ignore[arg-type]
        summary["tables"] = build_tables(settings, store, summary["process"]["model"], name, now)  # type: ignore[arg-type]


def story(store: Store, code: str) -> str:
    return str(store.rows("SELECT story_id FROM places WHERE code = :code", {"code": code})[0]["story_id"])


def places(store: Store) -> set[str]:
    return {row["code"] for row in store.rows("SELECT code FROM places")}


def tension(store: Store) -> float:
    rows = store.daily("kabupaten", NOW.date(), NOW.date())
    return float(rows[rows["voice"] == "all"]["tension"].iloc[0])


def propose(store: Store, name: str, kind: str, value: str) -> int:
    return corrections.propose(store, CONTOH, name, kind, value, "salah baca", "Sari", LATER)


def test_a_place_is_corrected_by_two_people_and_stays_so(settings: Settings, store: Store) -> None:
    number = propose(store, story(store, PAYUNG), "place", "99.01.03")
    assert places(store) == {KARANGSEJUK, PAYUNG}  # proposed only
    with pytest.raises(CorrectionRefused, match="orang kedua"):
        corrections.decide(store, number, True, "sari", LATER)
    corrections.decide(store, number, True, "Joko", LATER)
    assert places(store) == {KARANGSEJUK, "99.01.03"}
    store.db.execute("UPDATE locations SET gazetteer_id = 'old'")  # all is located anew
    store.db.conn.commit()
    run(settings, store, "r2", LATER + timedelta(hours=1))
    assert places(store) == {KARANGSEJUK, "99.01.03"}


def test_a_corrected_level_changes_the_day_and_the_earlier_version_stays(settings: Settings, store: Store) -> None:
    before = tension(store)
    corrections.decide(store, propose(store, story(store, KARANGSEJUK), "level", "0"), True, "Joko", LATER)
    run(settings, store, "r2", LATER)
    assert tension(store) < before
    known = history.as_of(store, "kabupaten", NOW.date(), NOW)
    assert float(known[known["voice"] == "all"]["tension"].iloc[0]) == before
    assert corrections.rebuild_since(store) is None


def test_elsewhere_takes_a_story_out_of_the_region(settings: Settings, store: Store) -> None:
    number = propose(store, story(store, KARANGSEJUK), "place", "elsewhere")
    corrections.decide(store, number, True, "Joko", LATER)
    assert places(store) == {PAYUNG}
    rejected = propose(store, story(store, PAYUNG), "level", "4")
    assert corrections.decide(store, rejected, False, "Joko", LATER)["state"] == "rejected"
    assert [row["state"] for row in corrections.listed(store, ("approved", "rejected"))] == ["approved", "rejected"]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("place", "18.09.01", "bukan kode di Contoh Raya"),
        ("level", "5", "tingkat 0 sampai 4"),
        ("place", PAYUNG, "sudah"),
    ],
)
def test_a_correction_that_says_nothing_new_or_nothing_known_is_refused(
    kind: str, value: str, words: str, store: Store
) -> None:
    with pytest.raises(CorrectionRefused, match=words):
        propose(store, story(store, PAYUNG), kind, value)


def test_taking_the_origin_down_leaves_the_copy_as_the_story(settings: Settings, store: Store) -> None:
    corrections.take_down(settings, store, "https://kabar.invalid/1", "ralat", "Sari", LATER)
    run(settings, store, "r2", LATER)
    rows = store.rows("SELECT d.url, s.copies FROM stories s JOIN documents d ON d.document_id = s.origin_id")
    assert {(row["url"], row["copies"]) for row in rows} == {
        ("https://suara.invalid/2", 1),
        ("https://kabar.invalid/3", 1),
    }
    assert places(store) == {KARANGSEJUK, PAYUNG}


def test_what_was_taken_down_is_gone_everywhere_and_not_taken_in_again(settings: Settings, store: Store) -> None:
    before = tension(store)
    for url in ("https://kabar.invalid/1", "https://suara.invalid/2"):
        corrections.take_down(settings, store, url, "permintaan", "Sari", LATER)
    for file in settings.spool.glob("*/*.jsonl.gz"):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            assert not {json.loads(line)["url"] for line in lines} & {
                "https://kabar.invalid/1",
                "https://suara.invalid/2",
            }
    spooled(settings, "r2", raw("kabar", 1, CLASH, fetched_at=LATER))
    run(settings, store, "r2", LATER)
    assert places(store) == {PAYUNG}
    assert tension(store) < before
    assert [row["reason"] for row in store.rows("SELECT reason FROM rejects")] == ["taken down"]


def test_a_clarification_stands_beside_its_rumour_whose_level_stays(settings: Settings, store: Store) -> None:
    before = corrections.said(store, story(store, KARANGSEJUK))
    urls = ("https://kabar.invalid/1", "https://kabar.invalid/3")
    corrections.clarify(store, *urls, "polisi meluruskan", "Sari", LATER)
    assert corrections.rebuild_since(store) == NOW.date()
    run(settings, store, "r2", LATER)
    assert corrections.said(store, story(store, KARANGSEJUK)) == before
    rows = read_place(settings, store, "desa", KARANGSEJUK, NOW.date(), NOW.date(), "Sari", LATER)
    assert [other["url"] for row in rows for other in row["clarified"]] == [urls[1]]
    with pytest.raises(CorrectionRefused, match="satu berita yang sama"):
        corrections.clarify(store, urls[0], "https://suara.invalid/2", "x", "Sari", LATER)
    with pytest.raises(CorrectionRefused, match="tidak ada dokumen"):
        corrections.clarify(store, urls[0], "https://lain.invalid/1", "x", "Sari", LATER)


def test_by_command(settings: Settings, store: Store) -> None:
    def say(*arguments: str) -> str:
        return (
            CliRunner()
            .invoke(cli, ["--home", str(settings.home), "--region", "contoh", "corrections", *arguments])
            .output
        )

    name = story(store, PAYUNG)
    assert "correction 1 proposed" in say("propose", name, "--place", "elsewhere", "--reason", "x", "--by", "Sari")
    assert json.loads(say("list"))["before"] == PAYUNG
    assert "orang kedua" in say("decide", "1", "--approve", "--by", "Sari")
    assert "approved" in say("decide", "1", "--approve", "--by", "Joko")
    assert "tidak ada dokumen" in say("takedown", "https://x.invalid/9", "--reason", "x", "--by", "Sari")


def test_a_post_is_taken_down_by_its_public_link_though_that_is_not_stored(settings: Settings, store: Store) -> None:
    link = "https://kampung.example/@budi/110000000000001000"
    address = post_address("mastodon", link, author_salt(settings).encode())
    spooled(settings, "r2", raw("warga", 7, "Ronda di Karangsejuk ramai.", url=address))
    run(settings, store, "r2", LATER)
    assert store.documents_known([document_id(address)])
    corrections.take_down(settings, store, link, "permintaan penulis", "Sari", LATER)
    assert not store.documents_known([document_id(address)])


def test_a_file_that_a_crawl_still_writes_is_left_until_it_is_whole(settings: Settings, store: Store) -> None:
    url = "https://kabar.invalid/1"
    with SpoolWriter(spool_path(settings.spool, "kabar", NOW.date(), "r2")) as writer:
        writer.write(raw("kabar", 1, CLASH + " Kabar terbaru menyusul.", 1))
        writer.write(raw("kabar", 4, FEAST + " Panen raya di sawah selatan selesai pekan ini.", 1))
        assert take_in(settings, store, VOICES, "r2", LATER)["documents"] == 0
        corrections.take_down(settings, store, url, "ralat", "Sari", LATER)
        assert url in _spooled(settings)
    assert take_in(settings, store, VOICES, "r3", LATER)["documents"] == 1
    assert "https://kabar.invalid/4" in _spooled(settings)
    assert url not in _spooled(settings)


def _spooled(settings: Settings) -> set[str]:
    return {document.url for path in settings.spool.glob("*/*.jsonl.gz") for document in read_spool(path)}
