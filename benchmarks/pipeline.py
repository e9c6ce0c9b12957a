"""Documents per second of each stage and of the chain, peak memory, growth; daily tables at scale.

    python -m benchmarks.pipeline [--documents 10000] [--growth] [--tables]

Documents are generated: words drawn from the running text of the labels, as common and as rare as there, in realistic
lengths (news median about 220 words, posts 18), 30 % near copies, 4 of 10 naming a desa of the region.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from analysis.classifier import Classifier
from analysis.gazetteer import Gazetteer
from analysis.records import Voice
from crawlers.items import RawDocument
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.process import locate_new, score_new, take_in
from pipelines.store import Store
from pipelines.tables import build_tables

NOW = datetime(2026, 3, 31, 5, 0, tzinfo=UTC)
WORDS = (
    "warga desa jalan rusak sawah panen rapat kepala dusun pemuda polisi bantuan beras air irigasi sekolah guru pasar "
    "harga cabai kopi hujan banjir jembatan kebun lahan batas patok sengketa protes massa kantor camat bupati dana "
    "pemilu suara laporan musyawarah damai mediasi bentrok lempar blokade spanduk dirusak tuding ancam usir rukun "
    "gotong royong lomba voli doa masjid gereja pura nelayan solar perahu truk ternak listrik posyandu bidan"
).split()


@cache
def running_words() -> list[str]:
    """Return the words of the training labels, one after the other."""
    lines = (PROJECT / "data" / "labels" / "tension_train.jsonl").read_text(encoding="utf-8").splitlines()
    return [word for line in lines for word in json.loads(line)["text"].split()]


def documents(count: int, settings: Settings, seed: int = 1, hours: int = 30 * 24) -> Iterator[RawDocument]:
    """Yield generated documents of the last hours, 30 % of them near copies of an earlier one."""
    rng = random.Random(seed)
    gazetteer = Gazetteer.load(settings.region)
    desa = list(gazetteer.desa.values())
    recent: list[tuple[str, str]] = []
    for number in range(count):
        if recent and rng.random() < 0.3:
            title, text = rng.choice(recent)
            words = text.split()
            for _ in range(max(1, len(words) // 40)):
                words[rng.randrange(len(words))] = rng.choice(running_words())
            text = " ".join(words)
        else:
            title, text = _fresh(rng, desa, gazetteer)
            recent = [*recent[-499:], (title, text)]
        published = NOW - timedelta(minutes=rng.randrange(hours * 60))
        yield RawDocument("bench", f"https://bench.invalid/{number}", title, text, NOW, published, "feed")


def _fresh(rng: random.Random, desa: list, gazetteer: Gazetteer) -> tuple[str, str]:
    length = int(np.clip(rng.lognormvariate(5.4, 0.5), 30, 1500)) if rng.random() < 0.6 else rng.randint(5, 40)
    words = [rng.choice(running_words()) for _ in range(length)]
    if rng.random() < 0.4:
        place = rng.choice(desa)
        words.insert(
            min(3, len(words)), f"Desa {place.name}, Kecamatan {gazetteer.kecamatan[place.kecamatan_code].name},"
        )
    text = " ".join(w.capitalize() if i % 14 == 0 else w + ("." if i % 14 == 13 else "") for i, w in enumerate(words))
    return " ".join(words[:8]).title(), text


def spool(settings: Settings, count: int, hours: int = 30 * 24) -> None:
    """Write the documents as one spool file, a gzip member each."""
    folder = settings.spool / "bench"
    folder.mkdir(parents=True)
    with (folder / "2026-03-31-bench.jsonl.gz").open("wb") as handle:
        for document in documents(count, settings, hours=hours):
            handle.write(gzip.compress(document.to_json().encode() + b"\n", compresslevel=1))


def chain(count: int) -> dict[str, float]:
    """Run the chain on `count` documents; return seconds by stage."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(environment={}), home=Path(folder))
        spool(settings, count)
        seconds: dict[str, float] = {}
        classifier = Classifier.load(settings.model)
        with Store(settings.database) as store:
            for stage, action in stages(settings, store, classifier).items():
                start = time.perf_counter()
                action()
                seconds[stage] = time.perf_counter() - start
    return seconds


def stages(settings: Settings, store: Store, classifier: Classifier) -> dict[str, Callable[[], object]]:
    """Return the stages of the chain, in their order."""

    def tables() -> object:
        return build_tables(settings, store, classifier.model_id, "r", NOW)

    return {
        "clean and group": lambda: take_in(settings, store, {"bench": Voice.PRESS}, "r", NOW),
        "locate": lambda: locate_new(settings.region, store, "r"),
        "classify": lambda: score_new(classifier, store, "r"),
        "tables (31 days)": tables,
        "tables again": tables,
    }


def tables(stories: int, days: int) -> None:
    """Build `days` days of tables from `stories` stored scores, then rebuild one day."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(load_settings(environment={}), home=Path(folder))
        with Store(settings.database) as store:
            fill(settings, store, stories, days)
            start = time.perf_counter()
            result = build_tables(settings, store, "m", "r", NOW)
            print(f"tables: {days} days from {stories} stories: {time.perf_counter() - start:.1f} s, {result}")
            settings.database.stat()


def fill(settings: Settings, store: Store, count: int, days: int) -> None:
    """Store `count` scored, located stories spread over `days` days."""
    rng = random.Random(3)
    desa = list(Gazetteer.load(settings.region).desa)
    stories, locations, places, scores = [], [], [], []
    for number in range(count):
        name = f"{number:016x}"
        day = (NOW - timedelta(days=rng.randrange(days))).date().isoformat()
        level = rng.choices(range(5), (60, 20, 12, 6, 2))[0]
        stories.append(
            {"story_id": name, "origin_id": name, "voice": rng.choice(["press", "official", "public"]),
             "published": f"{day}T03:00:00+00:00", "day": day, "first_seen": f"{day}T04:00:00+00:00",
             "copies": rng.randint(1, 4), "sources": 1, "authors": 1, "content_hash": name}
        )  # fmt: skip
        locations.append(
            {"story_id": name, "content_hash": name, "gazetteer_id": "g", "level": "desa", "kabupaten": 1,
             "confidence": 0.9, "reason": "", "mentions": "[]", "run_id": "r"}
        )  # fmt: skip
        places.append({"story_id": name, "code": rng.choice(desa), "level": "desa", "implied": 0})
        scores.append(
            {"story_id": name, "model_id": "m", "content_hash": name, "tension": level / 4, "level": level,
             "levels": "[]", "sentiment": "[0.3,0.5,0.2]", "act": "none", "themes": '["lain"]', "evidence": "[]",
             "run_id": "r"}
        )  # fmt: skip
    with store.transaction():
        store.upsert("stories", stories, "story_id")
        store.upsert("locations", locations, "story_id")
        store.upsert("places", places, ("story_id", "code"))
        store.upsert("scores", scores, ("story_id", "model_id"))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--growth", action="store_true", help="1,000 to 100,000 documents")
    parser.add_argument("--tables", action="store_true", help="400 days from 100,000 scores; one day of 1,100")
    arguments = parser.parse_args()
    if arguments.tables:
        tables(1_100, 1)
        tables(100_000, 400)
    elif arguments.growth:
        per_document = {}
        for count in (1_000, 10_000, 100_000):
            seconds = chain(count)
            per_document[count] = sum(v for k, v in seconds.items() if "tables" not in k) / count
            print(json.dumps({"documents": count, "ms_a_document": round(per_document[count] * 1000, 3)} | seconds))
        print(f"growth 1,000 -> 100,000: {per_document[100_000] / per_document[1_000]:.2f} x linear")
    else:
        seconds = chain(arguments.documents)
        for stage, spent in seconds.items():
            print(f"{stage:20} {spent:8.2f} s {arguments.documents / spent:10.0f} documents/s")
        total = sum(spent for stage, spent in seconds.items() if stage != "tables again")
        print(f"{'chain':20} {total:8.2f} s {arguments.documents / total:10.0f} documents/s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; project {PROJECT.name}")


if __name__ == "__main__":
    main()
