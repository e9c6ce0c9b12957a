"""The page's reading screens: what a reader sees of map, places, sources and data, and what nobody may see."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from fastparquet import ParquetFile

from benchmarks import year
from dashboard.app import create_app
from pipelines import audit, pages, users
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.place_evidence import read_place
from pipelines.store import Store
from pipelines.users import Role

LAST = date(2026, 3, 31)
PASSWORD = "empat-kata-acak-sekali"
PEOPLE = {
    "pembaca": ([Role.PEMBACA], ()),
    "analis": ([Role.ANALIS], ()),
    "setempat": ([Role.ANALIS], ("99.01.02",)),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("year")
    made = load_settings(environment={}, home=home, region=PROJECT / "data" / "regions" / "contoh")
    year.fill(made, days=40, stories_a_day=20)
    with Store(made.database) as store:
        for name, (roles, kecamatan) in PEOPLE.items():
            users.add(store, name, roles, PASSWORD, "tes", year.NOW, kecamatan)
    return made


@pytest.fixture(scope="module")
def clients(settings: Settings) -> dict[str, TestClient]:
    app = create_app(settings, lambda: year.NOW)
    made = {}
    for name in PEOPLE:
        with Store(settings.database) as store:
            secret = users.sign_in(store, name, PASSWORD, name, year.NOW)
        made[name] = TestClient(app, cookies={"sejuk": secret}, follow_redirects=False)
    return made


@pytest.fixture
def reader(clients: dict[str, TestClient]) -> TestClient:
    return clients["pembaca"]


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database) as opened:
        yield opened


def hot(store: Store) -> str:
    """The desa whose red alert was confirmed."""
    return str(store.rows("SELECT code FROM alerts WHERE tier = 'merah' AND state = 'confirmed'")[0]["code"])


def clearest_rises(store: Store) -> list[str]:
    """The desa with enough data that rose within a week, those first whose interval lies above a week ago."""
    rows = store.daily("desa", LAST - timedelta(days=7), LAST)
    every = rows[rows["voice"] == "all"].set_index("desa_code")
    now, before = every[every["day"] == str(LAST)], every[every["day"] == str(LAST - timedelta(days=7))]
    rise = (now["tension"] - before["tension"])[(now["status"] == "enough")].dropna()
    sure = (now["low"] > before["tension"]) & (before["status"] == "enough")
    return sorted(rise.index[rise >= 0.05], key=lambda code: (not sure[code], -rise[code], code))


# -- the map --------------------------------------------------------------------------------------


def test_the_map_answers_where_how_sure_why_and_what_was_done(reader: TestClient, store: Store) -> None:
    text = " ".join(reader.get("/").text.split())
    named = re.findall(r'<a href="/desa/([\d.]+)">', text.split("Seberapa yakin?")[0])
    assert named == clearest_rises(store)[: len(named)], "who rises most clearly is named first"
    assert 1 <= len(named) <= 3
    assert "jelas naik" in text
    assert re.search(r"\d+ dari 36 desa punya cukup data; \d+ diperkirakan, \d+ tidak ada data", text)
    assert "terbanyak tentang" in text
    assert "peringatan dibenarkan" in text
    assert "dikunjungi" in text
    assert "Sepi bukan berarti tenang" in text


def test_every_desa_stands_once_on_the_map_and_once_in_the_list(reader: TestClient) -> None:
    text = reader.get("/").text
    picture = re.findall(r'<g class="desa (\w+)[^"]*" data-code="([\d.]+)"', text)
    listed = re.findall(r'<tr data-code="([\d.]+)" class="(\w+)"><th scope="row"><a href="/desa/([\d.]+)">', text)
    assert len(picture) == len(listed) == 36
    assert {(code, status) for status, code in picture} == {(code, status) for code, status, _ in listed}
    assert all(code == link for code, _, link in listed)


def test_a_day_without_data_is_grey_and_has_no_number(reader: TestClient, store: Store) -> None:
    day = LAST - timedelta(days=20)
    with store.transaction():
        store.db.execute(
            "UPDATE desa_daily SET status = 'no_data', tension = NULL, low = NULL, high = NULL, as_of = as_of || ' '"
            " WHERE day = ? AND voice = 'official'",
            [day.isoformat()],
        )
    text = " ".join(reader.get(f"/?day={day}&suara=resmi").text.split())
    assert text.count('class="desa no_data"') == 36
    assert text.count("<td>–</td>") >= 36
    assert "36 tidak ada data" in text


def test_a_day_that_was_not_built_is_said_so_and_the_next_is_one_step_away(reader: TestClient, store: Store) -> None:
    day = LAST - timedelta(days=30)
    with store.transaction():
        for table in ("desa_daily", "kecamatan_daily", "kabupaten_daily"):
            store.db.execute(f"DELETE FROM {table} WHERE day = ?", [day.isoformat()])
    text = reader.get(f"/?day={day}").text
    assert "tidak dibangun" in text
    assert "<svg" not in text
    assert f"/?day={day + timedelta(days=1)}" in text
    assert "tabel tujuh hari sebelumnya tidak ada" in reader.get(f"/?day={day + timedelta(days=7)}").text


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", "2026-03-31"),
        ("?day=2026-03-20", "2026-03-20"),
        ("?t=5", "2026-02-25"),
        ("?day=1999-01-01", "2026-02-20"),
        ("?day=9999-12-31", "2026-03-31"),
        ("?day=kemarin&suara=siapa", "2026-03-31"),
        ("?t=99999999999999999999", "2026-03-31"),
        ("?t=-7", "2026-02-20"),
    ],
)
def test_the_day_asked_for_is_shown_within_the_days_there_are(reader: TestClient, asked: str, shown: str) -> None:
    answer = reader.get(f"/{asked}")
    assert answer.status_code == 200
    assert f'data-day="{shown}"' in answer.text


def test_a_part_of_the_page_is_enough_for_a_swap(reader: TestClient) -> None:
    answer = reader.get("/?t=5&suara=pers", headers={"HX-Request": "true"})
    assert answer.text.startswith('<section id="peta"')
    assert "<html" not in answer.text


def test_what_changes_is_seen_at_once_although_pages_are_remembered(
    clients: dict[str, TestClient], store: Store
) -> None:
    day = LAST - timedelta(days=3)
    before = clients["analis"].get(f"/?day={day}").text
    assert clients["analis"].get(f"/?day={day}").text == before
    row = store.rows("SELECT * FROM visits LIMIT 1")[0]
    code = re.findall(r'<a href="/desa/([\d.]+)">', before)[0]
    more = {"desa_code": code, "day": day.isoformat(), "kind": "mediasi", "entered_at": "2026-03-31T05:01:00+00:00"}
    store.upsert("visits", [row | more], ("desa_code", "day", "kind"))
    after = clients["analis"].get(f"/?day={day}").text
    assert after != before
    assert "28 Maret 2026" in after


def test_before_the_first_build_the_page_says_so(tmp_path: Path) -> None:
    made = load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")
    with Store(made.database) as store:
        users.add(store, "analis", [Role.ANALIS], PASSWORD, "tes", year.NOW)
        secret = users.sign_in(store, "analis", PASSWORD, "x", year.NOW)
    client = TestClient(create_app(made, lambda: year.NOW), cookies={"sejuk": secret})
    assert "Belum ada tabel" in client.get("/").text
    assert "Belum ada tabel" in client.get("/kabupaten").text
    assert client.get("/kabupaten/tren.json").status_code == client.get("/kabupaten/bukti").status_code == 404
    assert "Belum ada sumber" in client.get("/sumber").text
    assert "Belum ada tabel" in client.get("/data").text
    assert client.get("/data/unduh?since=2026-01-01&until=2026-01-02").status_code == 200


def test_the_first_view_weighs_at_most_150_kb(reader: TestClient) -> None:
    page = reader.get("/")
    parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(parts) >= 4
    total = sum(len(gzip.compress(reader.get(part).content)) for part in parts) + len(gzip.compress(page.content))
    assert total <= 150_000


# -- a place --------------------------------------------------------------------------------------


def test_a_place_shows_its_trend_voices_apart_themes_visits_and_alerts(reader: TestClient, store: Store) -> None:
    text = reader.get(f"/desa/{hot(store)}").text
    assert text.count('<svg class="trend"') == 2, "the pictures stand without script"
    assert 'class="alert-merah"' in text
    assert [text.count(f'<th scope="row">{voice}</th>') for voice in ("semua", "pers", "resmi", "warga")] == [1] * 4
    assert "Selisih pers dan resmi" in text
    assert "laporan tegang" in text
    assert 'class="visit"' in reader.get("/kabupaten").text
    assert "Kec. " in reader.get("/kabupaten").text


def test_the_browser_gets_the_same_figures_and_no_number_where_there_is_no_data(
    reader: TestClient, settings: Settings, store: Store
) -> None:
    code = hot(store)
    data = reader.get(f"/desa/{code}/tren.json?hari=90").json()
    rows = pages.daily(settings, store, "desa", LAST - timedelta(days=39), LAST, [code])
    every = rows[rows["voice"] == "all"]
    assert len(data["days"]) == len(every) == 39, "a day that was not built has no point"
    assert data["stories"] == every["n"].tolist()
    assert data["enough"][-1] == pytest.approx(every["tension"].iloc[-1], abs=1e-4)
    official = reader.get("/kabupaten/tren.json?hari=30").json()["official"]
    assert all(value is None or 0 <= value <= 1 for value in official)


@pytest.mark.parametrize(
    "path",
    ["/desa/99", "/desa/99.01.01", "/kecamatan/99.01.01.2001", "/desa/18.09.01.2001", "/kecamatan/'--"],
)
def test_a_place_that_the_region_does_not_have_is_not_found(reader: TestClient, path: str) -> None:
    assert reader.get(path).status_code == 404
    assert reader.get(f"{path}/tren.json").status_code == 404


def test_alerts_that_nobody_confirmed_are_for_those_who_review(clients: dict[str, TestClient], store: Store) -> None:
    confirmed = store.rows("SELECT * FROM alerts WHERE state = 'confirmed' AND level = 'desa'")[0]
    raised = confirmed | {"alert_id": "baru", "state": "raised", "words": "belum ditinjau siapa pun"}
    store.upsert("alerts", [raised], "alert_id")
    path = f"/desa/{raised['code']}"
    assert raised["words"] not in clients["pembaca"].get(path).text
    assert raised["words"] in clients["analis"].get(path).text


# -- evidence -------------------------------------------------------------------------------------


def test_evidence_is_for_analysts_of_the_place_and_every_reading_is_entered(
    clients: dict[str, TestClient], store: Store
) -> None:
    path = f"/desa/{hot(store)}/bukti"
    assert clients["pembaca"].get(path).status_code == 403
    assert clients["setempat"].get("/kecamatan/99.01.01/bukti").status_code == 403
    assert clients["setempat"].get("/kecamatan/99.01.02/bukti").status_code == 200
    before = store.rows("SELECT count(*) AS n FROM audit_log WHERE action = 'read evidence'")[0]["n"]
    answer = clients["analis"].get(path)
    assert answer.headers["cache-control"] == "no-store"
    last = store.rows("SELECT * FROM audit_log WHERE action = 'read evidence' ORDER BY seq DESC LIMIT 1")[0]
    assert (last["who"], json.loads(last["detail"])["place"]) == ("analis", hot(store))
    assert store.rows("SELECT count(*) AS n FROM audit_log WHERE action = 'read evidence'")[0]["n"] == before + 1
    assert audit.verify(store) is None
    assert "tidak ada tempat lain bernama begini" in answer.text
    assert "keyakinan 0,90" in answer.text
    assert re.search(r"<blockquote><p>Warga Desa .*<small>\(\d,\d\d\)</small>", answer.text)
    assert "author" not in answer.text


def test_residents_posts_show_only_where_enough_people_wrote(settings: Settings, store: Store) -> None:
    seen = 0
    for code in pages.daily(settings, store, "desa", LAST, LAST)["desa_code"].unique():
        rows = read_place(settings, store, "desa", code, LAST - timedelta(days=39), LAST, "tes", year.NOW)
        for story in (row for row in rows if row["voice"] == "public"):
            reached = store.rows(
                "SELECT max(authors7) AS n FROM desa_daily WHERE desa_code = :code AND voice = 'public'"
                " AND day BETWEEN :day AND date(:day, '+6 days')",
                {"code": code, "day": story["day"]},
            )
            assert reached[0]["n"] >= 3
            seen += 1
    assert 0 < seen < store.rows("SELECT count(*) AS n FROM stories WHERE voice = 'public'")[0]["n"]


def test_a_hostile_headline_is_text_and_a_script_address_is_no_link(
    clients: dict[str, TestClient], store: Store
) -> None:
    story = store.rows(
        "SELECT s.story_id, p.code FROM stories s JOIN places p USING (story_id) WHERE s.voice = 'press'"
        " ORDER BY s.published DESC LIMIT 1"
    )[0]
    with store.transaction():
        store.db.execute(
            "UPDATE documents SET title = ?, url = ?, text = ? WHERE document_id = ?",
            [
                "<script>alert(1)</script>",
                "javascript:alert(1)",
                "<img src=x onerror=alert(1)> " * 9,
                story["story_id"],
            ],
        )
    text = clients["analis"].get(f"/desa/{story['code']}/bukti").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "javascript:" not in text


# -- the k-threshold ------------------------------------------------------------------------------


def test_nothing_of_a_public_voice_below_the_threshold_can_be_read_or_reckoned(
    settings: Settings, store: Store
) -> None:
    raw = store.daily("desa")
    hidden = raw[(raw["voice"] == "public") & (raw["authors7"] < 3) & (raw["n"] > 0)]
    assert len(hidden) > 20
    table = pages.daily(settings, store, "desa", LAST - timedelta(days=39), LAST).set_index(
        ["day", "desa_code", "voice"]
    )
    for day, code in zip(hidden["day"], hidden["desa_code"], strict=True):
        public, every = table.loc[(day, code, "public")], table.loc[(day, code, "all")]
        assert (public["n"], public["n7"], public["authors7"], public["themes"]) == (0, 0, 0, "{}")
        assert public[["negative", "neutral", "positive", "max_level"]].isna().all()
        known = [table.loc[(day, code, voice)] for voice in ("press", "official")]
        assert json.loads(every["themes"]) == pages.theme_counts(row["themes"] for row in known)
        assert every["n"] == sum(row["n"] for row in known)


# -- sources and data -----------------------------------------------------------------------------


def test_the_silent_source_stands_first_with_its_error(reader: TestClient) -> None:
    text = reader.get("/sumber").text
    names = re.findall(r'<th scope="row">([^<]+)', text)
    assert names[0] == "Radio J"
    assert len(names) == len(year.SOURCES)
    first = text.split("</tr>")[1]
    assert "rusak" in first
    assert "5 hari lalu" in first
    assert "tidak ada jawaban dalam 30 detik" in first
    assert "7 alamat tidak dibaca karena robots.txt" in " ".join(text.split())


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_a_download_holds_the_days_asked_for_under_the_threshold_and_is_entered(
    reader: TestClient, store: Store, tmp_path: Path, kind: str
) -> None:
    answer = reader.get(f"/data/unduh?level=desa&format={kind}&since=2026-03-30&until=2026-03-31")
    assert answer.headers["content-disposition"] == f'attachment; filename="desa_daily-2026-03-30-2026-03-31.{kind}"'
    file = tmp_path / f"table.{kind}"
    file.write_bytes(answer.content)
    reading = {
        "csv": pd.read_csv,
        "xlsx": pd.read_excel,
        "parquet": lambda f: ParquetFile(io.BytesIO(f.read_bytes())).to_pandas(),
    }
    table = reading[kind](file)
    assert set(table["day"]) == {"2026-03-30", "2026-03-31"}
    assert len(table) == 2 * 36 * 4
    few = table[(table["voice"] == "public") & (table["authors7"] < 3)]
    assert set(few["n7"]) == {0}
    last = store.rows("SELECT * FROM audit_log ORDER BY seq DESC LIMIT 1")[0]
    assert (last["who"], last["action"], json.loads(last["detail"])["format"]) == ("pembaca", "export", kind)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("level=desa&format=csv&since=2026-03-31&until=2026-03-01", "tidak berurutan"),
        ("level=desa&format=csv&since=besok&until=", "tidak berurutan"),
        ("level=../../etc/passwd&format=csv&since=2026-03-01&until=2026-03-02", "tidak berurutan"),
        ("level=desa&format=exe&since=2026-03-01&until=2026-03-02", "tidak berurutan"),
        ("level=desa&format=xlsx&since=2025-03-01&until=2026-03-01", "paling lama dalam hari: 62"),
    ],
)
def test_a_download_that_cannot_be_made_says_why(reader: TestClient, asked: str, words: str) -> None:
    answer = reader.get(f"/data/unduh?{asked}")
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/kabupaten", "/kecamatan/99.01.01", "/desa/99.01.01.2001", "/sumber", "/data", "/laporan/2026-03-31"]
)
def test_every_screen_speaks_both_languages_without_inline_script_or_style(reader: TestClient, path: str) -> None:
    pages_read = [reader.get(path).text, reader.get(path, headers={"Cookie": _with_english(reader)}).text]
    assert '<html lang="id">' in pages_read[0]
    assert '<html lang="en">' in pages_read[1]
    for text in pages_read:
        assert not re.search(r"<style|<[^>]+\sstyle=|<[^>]+\son\w+=|<script(?![^>]*\ssrc=)", text)
        assert not re.search(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//', text), (
            "nothing comes from elsewhere"
        )


def _with_english(client: TestClient) -> str:
    return f"sejuk={client.cookies['sejuk']}; bahasa=en"


# -- the daily brief ------------------------------------------------------------------------------


def test_the_brief_is_read_copied_and_its_reading_entered(reader: TestClient, store: Store) -> None:
    assert reader.get("/laporan").headers["location"] == "/laporan/2026-03-31"
    text = reader.get("/laporan/2026-03-31").text
    assert "Apa yang berubah, per kecamatan" in text
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="map' in text
    assert re.search(r'<textarea id="brief-text"[^>]* readonly[^>]*>[^<]{200,}', text)
    reader.get("/laporan/2026-03-31")
    last = store.rows("SELECT who, action, detail FROM audit_log ORDER BY seq DESC LIMIT 2")
    assert [(row["who"], row["action"]) for row in last] == [("pembaca", "read brief")] * 2, "remembered readings too"


def test_the_brief_as_pdf_is_entered_as_an_export(reader: TestClient, store: Store) -> None:
    answer = reader.get("/laporan/2026-03-31/pdf")
    assert answer.content[:5] == b"%PDF-"
    last = store.rows("SELECT action, detail FROM audit_log ORDER BY seq DESC LIMIT 1")[0]
    assert (last["action"], json.loads(last["detail"])["format"]) == ("export", "pdf")


def test_a_brief_of_a_day_without_tables_is_not_made_up(reader: TestClient) -> None:
    answer = reader.get("/laporan/2025-01-01")
    assert answer.status_code == 404
    assert "tidak dibangun" in answer.text
    assert reader.get("/laporan/kemarin").status_code == 400
    assert reader.get("/laporan/2025-01-01/pdf").status_code == 400
