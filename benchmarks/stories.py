"""Rewritten releases and denials: what is found on the labels, how long it takes, and where the weights come from.

python -m benchmarks.stories            # quality of each split, seconds for 1,000 documents against 30 days
python -m benchmarks.stories --fit      # the weights of story_match and origin, from the dev split
python -m benchmarks.stories --words    # write data/words/rarity.csv anew
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from analysis import origin, story_match
from analysis.evaluation_stories import StoryLabel, StoryQuality, read_rewrites, story_quality
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.records import Document, Voice
from analysis.stories import fingerprints
from analysis.story_traits import Rarity, Traits, count_words, read_traits
from crawlers.items import RawDocument
from crawlers.spool import SpoolWriter, spool_path
from pipelines.config import PROJECT, Settings, load_settings
from pipelines.grouping import RARITY, Grouping
from pipelines.process import clean, take_in
from pipelines.store import Store

LABELS = PROJECT / "data" / "labels"
OTHERS = 900  # texts that tell of something else, among which the versions are looked for
WEIGHTLESS = ("denial_apart",)  # set by hand


def others(labels: Sequence[StoryLabel], count: int = OTHERS, seed: int = 1) -> list[StoryLabel]:
    """Return texts of other label files, spread over the time of `labels`, each a story of its own."""
    rng = random.Random(seed)
    start, end = min(label.published for label in labels), max(label.published for label in labels)
    places = [row for row in _rows("places.jsonl") if row["split"] == "dev"]
    texts = [*places[:300], *rng.sample(_rows("tension_train.jsonl"), max(0, count - 300))][:count]
    return [
        StoryLabel("", f"other-{n}", f"other-{n % 10}", Voice.PRESS, Voice.PRESS, start + rng.random() * (end - start),
                   f"lain-{n % 7}", row.get("title") or "", row["text"], None)
        for n, row in enumerate(texts)
    ]  # fmt: skip


def stored(
    labels: Sequence[StoryLabel], home: Path, shuffled: int | None = None, run: str = "r"
) -> tuple[Settings, list[str]]:
    """Take labelled texts in as documents, in order of publication or shuffled; return the story of each.

    Args: shuffled: a seed. The texts then come in 40 files of any order, as from a crawl that was broken off often.
        run: names their files; another run adds to what a home holds.
    """
    settings = load_settings(environment={}, home=home, region=PROJECT / "data" / "regions" / "pesawaran")
    order = sorted(range(len(labels)), key=lambda n: (labels[n].published, n))
    if shuffled is not None:
        random.Random(shuffled).shuffle(order)
    size = len(order) if shuffled is None else max(1, len(order) // 40)
    fetched = max(label.published for label in labels) + timedelta(days=1)
    urls = [f"https://{label.outlet.replace('_', '-')}.invalid/{n}" for n, label in enumerate(labels)]
    for number, first in enumerate(range(0, len(order), size)):
        with SpoolWriter(spool_path(settings.spool, "semua", fetched.date(), f"{run}{number:03}")) as spool:
            for n in order[first : first + size]:
                label = labels[n]
                spool.write(RawDocument(f"suara-{label.voice}", urls[n], label.title, label.text, fetched,
                                        label.published, "meta"))  # fmt: skip
    voices = {f"suara-{voice}": voice for voice in Voice}
    with Store(settings.database) as store:
        take_in(settings, store, voices, "r", fetched)
        found = {row["url"]: row["story_id"] for row in store.rows("SELECT url, story_id FROM documents")}
    return settings, [found[url] for url in urls]


def quality(split: str, shuffled: int | None = None, press_only: bool = False, count: int = OTHERS) -> StoryQuality:
    """Return the quality on a split among other texts.

    Args: press_only: leave the official texts out, so that the origin must be told from the press texts alone.
    """
    labels = read_rewrites(LABELS / "rewrites.jsonl", split)
    labels = [label for label in labels if not press_only or label.voice is Voice.PRESS]
    every = [*labels, *others(labels, count)]
    with tempfile.TemporaryDirectory() as home:
        settings, stories = stored(every, Path(home), shuffled)
        with Store(settings.database, read_only=True) as store:
            voices = {row["story_id"]: row["voice"] for row in store.rows("SELECT story_id, voice FROM stories")}
    return story_quality(every, stories, voices)


# -- weights --------------------------------------------------------------------------------------


def fit() -> None:
    """Print the weights that the dev split asks for."""
    labels = read_rewrites(LABELS / "rewrites.jsonl", "dev")
    rows, told = _instances([*labels, *others(labels)])
    picked = [n for n, name in enumerate(story_match.WEIGHTS) if name not in WEIGHTLESS]
    scale = rows[:, picked].std(axis=0) + 1e-9
    model = LogisticRegression(max_iter=3000).fit(rows[:, picked] / scale, told)
    for n, weight in zip(picked, model.coef_[0] / scale, strict=True):
        print(f'    "{list(story_match.WEIGHTS)[n]}": {weight:.2f},')
    print(f"BIAS = {model.intercept_[0]:.2f}  # {len(told)} text and story, {int(told.sum())} of one story")
    press = [label for label in labels if label.voice is Voice.PRESS]
    parts = np.array([origin.parts(label.title, label.text) for label in press])
    official = np.array([label.origin is Voice.OFFICIAL for label in press])
    scale = parts.std(axis=0)
    model = LogisticRegression(max_iter=3000).fit(parts / scale, official)
    print("origin:", f"{model.intercept_[0]:.2f}", *(f"{weight:.2f}" for weight in model.coef_[0] / scale))


def _instances(labels: Sequence[StoryLabel]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return features of each text against the stories before it (n, 13), and whether it is of that one."""
    rarity = Rarity.load(RARITY)
    locator = Locator(Gazetteer.load(PROJECT / "data" / "regions" / "pesawaran"))
    rows, told = [], []
    known: dict[str, list[Traits]] = {}
    for label in sorted(labels, key=lambda label: label.published):
        location = locator.locate(label.text, title=label.title)
        mine = read_traits(label.title, label.text, label.published, location, rarity)
        for story, texts in known.items():
            near = [other for other in texts if story_match.near(mine, other)]
            if near and (story == label.story or story_match.candidate(mine, near, rarity)):
                rows.append(story_match.features(mine, near, rarity))
                told.append(story == label.story)
        known.setdefault(label.story, []).append(mine)
    return np.array(rows), np.array(told)


def write_words() -> None:
    """Count in how many texts of the project each stem stands; no text of a test split and no rewriting is counted."""
    rows = [*_rows("tension_train.jsonl"), *(row for row in _rows("places.jsonl") if row["split"] == "dev")]
    RARITY.parent.mkdir(exist_ok=True)
    with RARITY.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(
            count_words([f"{row.get('title') or ''}. {row['text']}" for row in rows])
        )


# -- speed ----------------------------------------------------------------------------------------


def speed(days: int = 30, a_day: int = 1000) -> tuple[float, float, float]:
    """Return CPU-seconds to load the tables (once a run), to group 1,000 new documents against `days`, and to locate
    them alone, which tells how busy the machine was.
    """
    rng = random.Random(3)
    sentences = [s for row in _rows("tension_train.jsonl") for s in re.split(r"(?<=[.!?])\s+", row["text"])]
    vocabulary = sorted({word for sentence in sentences for word in sentence.split()})

    def article(number: int, at: datetime) -> StoryLabel:
        """Write about 150 words; half of them are others than where they come from, so that few articles are alike."""
        words = [w for sentence in rng.sample(sentences, 16) for w in sentence.split()]
        text = " ".join(rng.choice(vocabulary) if rng.random() < 0.5 else word for word in words)
        return StoryLabel("", str(number), "", Voice.PRESS, Voice.PRESS, at, "x", text[:60], text, None)

    start = datetime(2026, 1, 1, tzinfo=UTC)
    old = [article(n, start + rng.random() * timedelta(days=days)) for n in range(days * a_day)]
    new = [article(n, start + timedelta(days=days - rng.random())) for n in range(len(old), len(old) + 1000)]
    with tempfile.TemporaryDirectory() as home:
        settings, _ = stored(old, Path(home))
        raws = [RawDocument("s", f"https://y.invalid/{label.story}", label.title, label.text, label.published,
                            label.published, "meta") for label in new]  # fmt: skip
        documents = [each for raw in raws if isinstance(each := clean(raw, {"s": Voice.PRESS}), Document)]
        documents.sort(key=lambda document: (document.published, document.id))
        prints = {d.id: p for d, p in zip(documents, fingerprints([d.text for d in documents]), strict=True)}
        with Store(settings.database) as store:
            begun = time.process_time()
            grouping = Grouping(store, settings.region)
            loaded = time.process_time()
            for part in (documents[:500], documents[500:]):
                mine, versions = {d.id: prints[d.id] for d in part}, grouping.versions(part)
                grouping.group(part, mine, versions, {})
                store.upsert("story_traits", [version.to_row() for version in versions.values()], "document_id")
            grouped = time.process_time()
            locator = Locator(Gazetteer.load(settings.region))
            ready = time.process_time()
            for document in documents:
                locator.locate(document.text, title=document.title)
            return loaded - begun, grouped - loaded, time.process_time() - ready


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELS / name).read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--split", choices=("dev", "test"), action="append", help="quality of this split only")
    given = parser.parse_args()
    if given.words:
        write_words()
    elif given.fit:
        fit()
    else:
        for split in given.split or ("dev", "test"):
            print(split, quality(split))
            print(split, "press texts alone", quality(split, press_only=True))
            print(split, "shuffled", quality(split, shuffled=5))
        if not given.split:
            print("CPU-seconds: load {:.2f}, group 1,000 documents {:.2f}, locate them alone {:.2f}".format(*speed()))


if __name__ == "__main__":
    main()
