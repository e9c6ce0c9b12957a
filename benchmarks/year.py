"""A synthetic year of a region: stories, sources, visits and alerts, for looking at the page and timing it.

    python -m benchmarks.year FOLDER [--region contoh]

Everything is invented: sentences from a vocabulary, counts and tension from the simulator, some desa that rise at the
end. `make demo-year` serves it for an invented region.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from analysis.gazetteer import Gazetteer
from analysis.records import THEMES
from analysis.visits import triggers
from benchmarks.pipeline import WORDS
from benchmarks.simulate import World, simulate
from pipelines import ledger, users, visits
from pipelines.config import Settings, load_settings
from pipelines.store import Row, Store, utc_now
from pipelines.tables import build_tables

NOW = datetime(2026, 3, 31, 5, 0, tzinfo=UTC)
MODEL = "sintetis"
SOURCES = {
    "harian-a": "press", "harian-b": "press", "harian-c": "press", "portal-d": "press", "portal-e": "press",
    "humas-f": "official", "humas-g": "official", "warga-h": "public", "warga-i": "public", "radio-j": "press",
}  # fmt: skip
SILENT = "radio-j"  # has not answered for five days
RISING = 3  # desa that rise in the last ten days


def fill(settings: Settings, now: datetime = NOW, days: int = 365, stories_a_day: int = 45) -> None:
    """Fill the home of `settings` with a year up to `now`, tables built."""
    rng = random.Random(7)
    gazetteer = Gazetteer.load(settings.region)
    desa = sorted(gazetteer.desa)
    rng.shuffle(desa)
    today = now.astimezone(settings.timezone).date()
    rows = list(_stories(rng, desa, today, days, stories_a_day, gazetteer))
    with Store(settings.database) as store:
        _declare(store, rng, today, days, now)
        with store.transaction():
            for table, key in (
                ("stories", "story_id"), ("documents", "document_id"), ("locations", "story_id"),
                ("places", ("story_id", "code")), ("scores", ("story_id", "model_id")),
            ):  # fmt: skip
                store.upsert(table, [row[table] for row in rows], key)
        store.begin_run("r", "once", now)
        store.end_run("r", "ok", {"tables": build_tables(settings, store, MODEL, "r", now)}, now)
        _act(store, rng, desa, today, now)


def _stories(
    rng: random.Random, desa: list[str], today: date, days: int, a_day: int, gazetteer: Gazetteer
) -> Iterator[dict[str, Row]]:
    """Yield what the simulator draws (counts, copies, late arrivals, a weekly cycle), and desa that rise at the end."""
    kecamatan = len({place.kecamatan_code for place in gazetteer.desa.values()})
    start = today - timedelta(days=days - 1)
    drawn = simulate(
        7, World(desa=len(desa), kecamatan=kecamatan, days=days, stories=a_day, start=start, passing_sd=0.12)
    ).stories
    codes = dict(zip(sorted(drawn["desa_code"].unique()), desa, strict=False))
    number = itertools.count(1)
    for row in drawn.itertuples():
        code, day = codes[str(row.desa_code)], date.fromisoformat(str(row.day))
        name, delay = gazetteer.desa[code].name, (row.first_seen.date() - day).days
        yield _story(rng, next(number), day, code, name, float(row.tension), min(delay, (today - day).days), row.copies)
    for back, code in itertools.product(range(10), desa[8 : 8 + RISING]):
        for _ in range(2):
            level = rng.choices(range(5), (5, 10, 35, 40, 10))[0]
            tension = min(1.0, max(0.0, level / 4 + rng.gauss(0, 0.06)))
            day = today - timedelta(days=back)
            yield _story(rng, next(number), day, code, gazetteer.desa[code].name, tension, 0, 1)


def _story(
    rng: random.Random, number: int, day: date, code: str, name: str, tension: float, delay: int, copies: int
) -> dict[str, Row]:
    key = f"{number:016x}"
    source = rng.choice(list(SOURCES))
    level = round(4 * tension)
    at = f"{day}T{rng.randrange(0, 5):02d}:{rng.randrange(60):02d}:00+00:00"
    seen = f"{day + timedelta(days=delay)}{at[10:]}"
    sentences = [f"Warga Desa {name} {' '.join(rng.choices(WORDS, k=9))}.", f"{' '.join(rng.choices(WORDS, k=11))}."]
    text = " ".join(sentences)
    first, second = (0, len(sentences[0])), (len(sentences[0]) + 1, len(text))
    public = SOURCES[source] == "public"
    mention = {
        "span": name, "start": 11, "end": 11 + len(name), "field": "text", "code": code, "role": "event",
        "rule": "no other place has this name", "candidates": [],
    }  # fmt: skip
    return {
        "stories": {
            "story_id": key, "origin_id": key, "voice": SOURCES[source], "published": at, "day": day.isoformat(),
            "first_seen": seen, "copies": copies, "sources": 1, "authors": int(public), "content_hash": key,
        },
        "documents": {
            "document_id": key, "story_id": key, "source_id": source, "voice": SOURCES[source],
            "url": f"https://{source}.invalid/{number}", "title": "" if public else f"{name}: {sentences[1][:50]}",
            "text": text, "content_hash": key, "lang": "id", "published": at, "day": day.isoformat(),
            "date_known": 1, "fetched_at": seen, "first_seen": seen,
            "author_hash": f"k:{rng.randrange(300)}" if public else None,
        },
        "locations": {
            "story_id": key, "content_hash": key, "gazetteer_id": "g", "level": "desa", "kabupaten": 1,
            "confidence": 0.9, "reason": f"{name.lower()}: no other place has this name",
            "mentions": json.dumps([mention]), "run_id": "r",
        },
        "places": {"story_id": key, "code": code, "level": "desa", "implied": 0},
        "scores": {
            "story_id": key, "model_id": MODEL, "content_hash": key, "tension": tension, "level": level,
            "levels": "[]", "sentiment": "[0.3,0.5,0.2]", "act": "none",
            "themes": json.dumps(rng.choices(THEMES, (3, 5, 4, 2, 1, 2, 2, 1))),
            "evidence": json.dumps([[*first, round(tension, 3)], [*second, round(tension / 2, 3)]]), "run_id": "r",
        },
    }  # fmt: skip


def _declare(store: Store, rng: random.Random, today: date, days: int, now: datetime) -> None:
    sources = [
        {"source_id": name, "name": name.replace("-", " ").title(), "kind": "feed", "voice": voice,
         "address": f"https://{name}.invalid/feed", "basis": "rekaan", "enabled": 1, "verified": 1}
        for name, voice in SOURCES.items()
    ]  # fmt: skip
    fetches = []
    for back in range(days):
        day = today - timedelta(days=back)
        started = min(datetime(day.year, day.month, day.day, 4, tzinfo=UTC), now - timedelta(minutes=5))
        for name in SOURCES:
            ok = not (name == SILENT and back < 5) and rng.random() > 0.01
            fetches.append(
                {"run_id": f"{day:%Y%m%d}", "source_id": name, "day": day.isoformat(),
                 "started": started.isoformat(), "finished": (started + timedelta(minutes=1)).isoformat(),
                 "ok": int(ok), "requests": 5, "items": rng.randint(2, 9) if ok else 0, "unchanged": 0, "known": 3,
                 "robots_denied": int(name == "portal-e"), "bytes": 40_000, "rejected": '{"too_short": 1}',
                 "status": '{"200": 5}', "errors": "[]" if ok else '["tidak ada jawaban dalam 30 detik"]',
                 "last_published": (started - timedelta(hours=1)).isoformat() if ok else None}
            )  # fmt: skip
    store.save_fetches(sources, fetches)


def _act(store: Store, rng: random.Random, desa: list[str], today: date, now: datetime) -> None:
    """Record visits that follow tension, half of the time, and take the alerts through different states."""
    table = store.frame("SELECT day, desa_code, tension FROM desa_daily WHERE voice = 'all'")
    table["day"] = [date.fromisoformat(day) for day in table["day"]]
    made = [
        visits.Visit(hot.desa_code, min(hot.day + timedelta(days=rng.randint(1, 2)), today), rng.choice(visits.KINDS))
        for hot in triggers(table, visits.TRIGGER).itertuples()
        if rng.random() < 0.5
    ]
    made.append(visits.Visit(desa[8], today - timedelta(days=2), "forum warga", ("agraria",), "warga didengar"))
    visits.save_visits(store, made, "sintetis", now)
    for alert in ledger.alerts(store)[:2]:
        ledger.take(store, alert["alert_id"], "Sari", now)
        ledger.confirm(store, alert["alert_id"], "Joko", now)


def main() -> None:
    """Fill a folder with a year that ends now, and make a user who may look at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--region", default="pesawaran", help="name under data/regions [default: pesawaran]")
    given = parser.parse_args()
    settings = load_settings(environment={}, home=given.folder.absolute(), region=given.region)
    if settings.database.exists():
        parser.error(f"{settings.database} exists already; remove it, or name another folder")
    fill(settings, utc_now())
    with Store(settings.database) as store:
        password = users.for_demonstration(store, utc_now())
    print(f"a synthetic year lies in {given.folder}; sign in as {users.DEMONSTRATION}, one-time password {password}")


if __name__ == "__main__":
    main()
