"""What an analyst is told of a source in each of its states, and when; how often it is then visited."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analysis.source_health import SourceState
from crawlers.sources import Source
from pipelines import ledger
from pipelines.brief import read_brief
from pipelines.brief_forms import unknown
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.source_days import _mostly_repeated, keep_days
from pipelines.source_health import due, judged, look, source_health
from pipelines.store import Store
from pipelines.tables import build_tables
from pipelines.terminal import show_status

ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 3, 31, 5, 0, tzinfo=UTC)  # a Tuesday, 12:00
BY_DAY = range(7, 21)  # hours in which an outlet publishes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={}, home=tmp_path, region=PROJECT / "data" / "regions" / "contoh")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database) as opened:
        yield opened


def visit(at: datetime, items: int = 0, errors: tuple[str, ...] = (), **other: object) -> dict[str, object]:
    return {
        "run_id": f"{at:%Y%m%d%H%M}", "day": at.astimezone(ZONE).date().isoformat(), "started": at.isoformat(),
        "finished": (at + timedelta(minutes=1)).isoformat(), "ok": int(not errors), "requests": 3, "items": items,
        "unchanged": 0, "known": 0, "robots_denied": 0, "bytes": 0, "rejected": "{}", "status": "{}",
        "errors": json.dumps(errors), "last_published": None,
    } | other  # fmt: skip


def usual(
    until: datetime, a_day: Mapping[int, float] | float, weeks: int = 8, seed: int = 1
) -> list[dict[str, object]]:
    """Return hourly visits of an outlet that gives so many items on each weekday (0 is Monday), by day."""
    rng = np.random.default_rng(seed)
    at, rows = until - timedelta(weeks=weeks), []
    while at <= until:
        local = at.astimezone(ZONE)
        rate = a_day if isinstance(a_day, float) else a_day.get(local.weekday(), 0.0)
        rows.append(visit(at, int(rng.poisson(rate / len(BY_DAY))) if local.hour in BY_DAY else 0))
        at += timedelta(hours=1)
    return rows


def silent(start: datetime, end: datetime, **other: object) -> list[dict[str, object]]:
    hours = int((end - start) / timedelta(hours=1))
    return [visit(start + timedelta(hours=h + 1), **other) for h in range(hours)]  # type: ignore[arg-type]


def declare(store: Store, name: str, rows: list[dict[str, object]], enabled: int = 1) -> None:
    source = {"source_id": name, "name": name.title(), "kind": "feed", "voice": "press", "verified": 1,
              "address": f"https://{name}.invalid/feed", "basis": "uji", "enabled": enabled}  # fmt: skip
    store.save_fetches([source], [row | {"source_id": name} for row in rows])


def state(store: Store, now: datetime, name: str = "kabar") -> dict[str, object]:
    look(store, now, ZONE)
    return next(row for row in source_health(store, now, ZONE) if row["source_id"] == name)


def begun(now: datetime, hours: float) -> datetime:
    return now - timedelta(hours=hours)


def test_a_source_that_gives_what_it_usually_gives_is_healthy(store: Store) -> None:
    declare(store, "kabar", usual(NOW, 12.0))
    row = state(store, NOW)
    assert (row["state"], row["since"], row["drift"]) == ("healthy", None, [])
    assert row["a_day"] == pytest.approx(12, abs=1.5)


def test_busy_source_is_late_before_it_is_silent_and_silent_within_a_day(store: Store) -> None:
    start = begun(NOW, 30)
    declare(store, "kabar", usual(start, 12.0) + silent(start, NOW))
    said = [state(store, start + timedelta(hours=h))["state"] for h in range(25)]
    assert said[0] == "healthy"
    assert said[24] == "silent"
    assert "late" in said
    assert said == sorted(said, key=["healthy", "late", "silent"].index)


def test_a_free_weekend_and_a_weekly_bulletin_are_no_silence(store: Store) -> None:
    monday = datetime(2026, 3, 30, 0, 0, tzinfo=UTC)  # 07:00, before the week's first item
    declare(store, "dinas", usual(monday, dict.fromkeys(range(5), 8.0)))
    declare(store, "buletin", usual(monday, {4: 6.0}))
    assert state(store, monday, "dinas")["state"] == "healthy"
    assert state(store, monday, "buletin")["state"] == "healthy"
    wednesday = monday + timedelta(days=2, hours=12)
    declare(store, "dinas", silent(monday, wednesday))
    assert state(store, wednesday, "dinas")["state"] == "silent"


def test_false_silences_are_rare_over_a_year_of_sources(store: Store) -> None:
    false = 0
    for seed, rate in enumerate((1.0, 3.0, 8.0, 20.0, 60.0)):
        declare(store, f"s{seed}", usual(NOW, rate, weeks=16, seed=seed))
    keep_days(store, NOW - timedelta(weeks=8), ZONE)
    for day in range(56):
        for hour in (0, 6, 12, 18):
            now = NOW - timedelta(days=56 - day, hours=-hour)
            keep_days(store, now, ZONE)
            false += sum(each.health.state is SourceState.SILENT for each in judged(store, now, ZONE))
    assert false <= 2  # of 1,120 looks at 5 sources in 8 weeks


def test_a_source_that_fails_is_broken_after_half_a_day_and_one_failure_is_nothing(store: Store) -> None:
    start = begun(NOW, 20)
    failing = silent(start, NOW, errors=("https://kabar.invalid/feed answers 500",))
    declare(store, "kabar", usual(start, 12.0) + failing)
    assert state(store, start + timedelta(hours=2))["state"] == "healthy"
    row = state(store, start + timedelta(hours=14))
    assert (row["state"], row["errors"]) == ("broken", ["https://kabar.invalid/feed answers 500"])
    assert datetime.fromisoformat(str(row["since"])) == start + timedelta(minutes=1)


@pytest.mark.parametrize(
    "refusal",
    [
        {"errors": ("https://kabar.invalid/feed answers 403",)},
        {"errors": ("https://kabar.invalid/feed: robots.txt forbids it",)},
        {"errors": ("left alone until 2026-03-31T05:00+00:00, as its host asked",)},
        {"rejected": '{"status_403": 4}'},  # the list is given, its articles are not
    ],
)
def test_a_source_that_refuses_us_is_blocked(store: Store, refusal: dict[str, object]) -> None:
    start = begun(NOW, 3)
    declare(store, "kabar", usual(start, 12.0) + silent(start, NOW, **refusal))
    assert state(store, NOW)["state"] == "blocked"


def test_a_source_whose_pages_hold_no_text_is_broken_though_it_answers(store: Store) -> None:
    start = begun(NOW, 26)
    declare(store, "kabar", usual(start, 12.0) + silent(start, NOW, rejected='{"too_short": 1}'))
    row = state(store, NOW)
    assert row["state"] == "broken"
    assert row["drift"][0]["kind"] == "empty"  # type: ignore[index]


def test_new_off_and_unvisited_sources_are_told_apart(store: Store) -> None:
    declare(store, "baru", [])
    declare(store, "mati", usual(NOW, 12.0), enabled=0)
    declare(store, "lupa", usual(begun(NOW, 30), 12.0))
    assert [state(store, NOW, name)["state"] for name in ("baru", "mati", "lupa")] == ["new", "off", "silent"]


def documents(store: Store, text: str, number: int, at: datetime, dated: int = 1) -> None:
    key = f"{number:016x}"
    day = at.astimezone(ZONE).date().isoformat()
    with store.transaction():
        store.upsert("stories", [{
            "story_id": key, "origin_id": key, "voice": "press", "published": at.isoformat(), "day": day,
            "first_seen": at.isoformat(), "copies": 1, "sources": 1, "authors": 0, "content_hash": key,
        }], "story_id")  # fmt: skip
        store.upsert("documents", [{
            "document_id": key, "story_id": key, "source_id": "kabar", "voice": "press", "title": "", "text": text,
            "url": f"https://kabar.invalid/{number}", "content_hash": key, "lang": "id", "published": at.isoformat(),
            "day": day, "date_known": dated, "fetched_at": at.isoformat(), "first_seen": at.isoformat(),
        }], "document_id")  # fmt: skip


def test_texts_that_got_worse_are_told_with_their_shares(settings: Settings, store: Store) -> None:
    start = begun(NOW, 48)
    declare(store, "kabar", usual(NOW, 12.0))
    keep_days(store, start, ZONE)
    for number in range(24):
        text = f"Berlangganan kabar kami dan ikuti saluran resmi setiap hari. Warga nomor {number} rapat pagi."
        documents(store, text, number, start + timedelta(hours=1 + number), dated=0)
    row = state(store, NOW)
    assert {d["kind"] for d in row["drift"]} == {"undated", "boilerplate"}  # type: ignore[attr-defined]
    assert row["state"] == "healthy"
    build_tables(settings, store, "m", "r", NOW)
    told = ledger.alerts(store)
    assert [(alert["kind"], alert["code"]) for alert in told] == [("extraction", "kabar")]
    assert "makin sulit dibaca" in told[0]["words"]
    assert "berita tanpa tanggal" in told[0]["words"]


def test_boilerplate_is_what_stands_in_three_texts() -> None:
    frame = "Ikuti saluran kami untuk kabar terbaru setiap hari."
    assert _mostly_repeated([frame, frame, frame + " Warga Desa Sukamaju rapat soal irigasi."]) == [
        True, True, True,
    ]  # fmt: skip
    assert _mostly_repeated([frame, frame, ""]) == [False, False, False]


def test_the_analyst_is_told_within_a_day_once_and_again_after_a_recovery(settings: Settings, store: Store) -> None:
    start = begun(NOW, 24)
    declare(store, "kabar", usual(start, 12.0) + silent(start, NOW))
    for hours in (12, 20, 24):
        build_tables(settings, store, "m", "r", start + timedelta(hours=hours))
    first = ledger.alerts(store)
    assert [(alert["kind"], alert["tier"], alert["code"]) for alert in first] == [("source", "kuning", "kabar")]
    assert "diam sejak 30-03-2026" in first[0]["words"]
    heard = NOW + timedelta(hours=4)
    declare(store, "kabar", silent(NOW, heard) + usual(heard + timedelta(hours=30), 40.0, weeks=0))
    again = [visit(heard + timedelta(hours=h), items=1) for h in range(1, 10)]
    quiet_from = heard + timedelta(hours=9)
    declare(store, "kabar", again + silent(quiet_from, quiet_from + timedelta(hours=26)))
    build_tables(settings, store, "m", "r", quiet_from + timedelta(hours=26))
    assert len(ledger.alerts(store)) == 2


def test_each_day_is_kept_with_what_was_usual_and_how_it_was_judged(store: Store) -> None:
    declare(store, "kabar", usual(NOW, 12.0))
    look(store, NOW, ZONE)
    rows = store.rows("SELECT * FROM source_daily ORDER BY day")
    assert len(rows) == 57
    assert (rows[-1]["day"], rows[-1]["state"], rows[0]["state"]) == ("2026-03-31", "healthy", None)
    assert rows[-1]["usual"] == pytest.approx(12, abs=4)
    assert sum(row["documents"] for row in rows) == sum(r["items"] for r in store.rows("SELECT items FROM fetches"))


def test_busy_sources_are_visited_oftener_and_unheard_ones_more_rarely(settings: Settings, store: Store) -> None:
    start = begun(NOW, 72)
    declare(store, "sibuk", usual(NOW, 60.0))
    declare(store, "biasa", usual(NOW, 6.0))
    declare(store, "rusak", usual(start, 12.0) + silent(start, NOW, errors=("x answers 500",)))
    declare(store, "lambat", [row | {"requests": 60} for row in usual(NOW, 60.0)])
    look(store, NOW, ZONE)

    def source(name: str, delay: float = 2.0) -> Source:
        return Source(name, name, "feed", f"https://{name}.invalid", "press", "uji", enabled=True, delay=delay)

    sources = [source("sibuk"), source("biasa"), source("rusak"), source("lambat", 10.0), source("baru")]

    def turn(minutes: int) -> set[str]:
        return set(due(settings, store, sources, NOW + timedelta(minutes=minutes)))

    assert turn(10) == {"baru"}
    assert turn(30) == {"baru", "sibuk"}  # 60 a day: every 24 minutes
    assert turn(60) == {"baru", "sibuk", "biasa"}
    assert turn(100) == {"baru", "sibuk", "biasa", "lambat"}  # its visits take ten minutes: a tenth of the time
    assert turn(360) == {"baru", "sibuk", "biasa", "lambat", "rusak"}


def test_status_names_the_state_and_what_is_wrong(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    start = begun(NOW, 20)
    declare(store, "kabar", usual(start, 12.0) + silent(start, NOW, errors=("feed answers 403",)))
    look(store, NOW, ZONE)
    show_status(store, source_health(store, NOW, ZONE))
    said = capsys.readouterr().out
    assert "blocked" in said
    assert "403" in said


def test_the_brief_names_what_is_not_heard_and_for_how_long(settings: Settings, store: Store) -> None:
    start = begun(NOW, 20)
    declare(store, "kabar", usual(start, 12.0) + silent(start, NOW, errors=("feed answers 403",)))
    declare(store, "suara", usual(begun(NOW, 72), 12.0) + silent(begun(NOW, 72), NOW))
    documents(store, "Warga Desa Karangsejuk rapat.", 1, begun(NOW, 2))
    with store.transaction():
        location = {"story_id": f"{1:016x}", "content_hash": f"{1:016x}", "gazetteer_id": "g", "level": "kabupaten",
                    "kabupaten": 1, "confidence": 1.0, "reason": "", "mentions": "[]", "run_id": "r"}  # fmt: skip
        store.upsert("locations", [location], "story_id")
    build_tables(settings, store, "m", "r", NOW)
    said = " ".join(unknown(read_brief(settings, store, None, NOW)))
    assert "Kabar (menolak dibaca sejak 20 jam)" in said
    assert "Suara (diam sejak 3 hari)" in said
