"""Articles of 250 words per CPU-second: the locator, its name matching alone, and other matchers side by side.

    python -m benchmarks.locating [--articles 2000]

Every contender gets the same articles and the same names (Pesawaran, the rest of Lampung), in turn, three rounds; the
best round of each counts, in processor time. flashtext and spaCy are measured where they are installed
(`pip install flashtext spacy`): neither is a dependency. Articles are label texts of the project strung together,
with place names in half of them; a quarter names the region. Then the locator once more where every second article
begins with a text that was written to name it: the outlets of one kabupaten, where all the weighing is asked for.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import resource
import time
from collections.abc import Callable, Sequence

from analysis.evaluation import read_places
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.mentions import Names, read
from pipelines.config import PROJECT

REGION = PROJECT / "data" / "regions" / "pesawaran"
WORDS = 250
ROUNDS = 3


def articles(count: int, seed: int = 1) -> list[str]:
    """Return `count` articles of about 250 words; every second one names places of the region."""
    draw = random.Random(seed)
    lines = (PROJECT / "data" / "labels" / "tension_train.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    names = re.compile("|".join(re.escape(d.name) for d in Gazetteer.load(REGION).desa.values()), re.IGNORECASE)
    silent = [text for text in texts if not names.search(text)]
    return [_article(draw, texts if number % 2 else silent) for number in range(count)]


def own_articles(count: int, seed: int = 1) -> list[str]:
    """Return as many articles, of which every second one begins with a labelled text on the region's places."""
    draw = random.Random(seed)
    places = [label.text for label in read_places(PROJECT / "data" / "labels" / "places.jsonl", "dev")]
    told = (f"{draw.choice(places)}\n{text}" if n % 2 else text for n, text in enumerate(articles(count, seed)))
    return [" ".join(text.split(" ")[: WORDS + 10]) for text in told]


def _article(draw: random.Random, texts: Sequence[str]) -> str:
    chosen: list[str] = []
    while sum(text.count(" ") + 1 for text in chosen) < WORDS:
        chosen.append(draw.choice(texts))
    return "\n".join(chosen)


def contenders(gazetteer: Gazetteer) -> dict[str, Callable[[str], object]]:
    """Return what is timed, by name."""
    names = list(gazetteer.senses)
    locator, matcher = Locator(gazetteer), Names(gazetteer)
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")\b")
    found: dict[str, Callable[[str], object]] = {
        "locator, whole": locator.locate,
        "locator, names alone": lambda text: matcher.find(read("text", text)),
        "regular-expression alternation": lambda text: pattern.findall(text.lower()),
    }
    if importlib.util.find_spec("flashtext"):
        from flashtext import KeywordProcessor

        keywords = KeywordProcessor()
        keywords.add_keywords_from_list(names)
        found["flashtext"] = keywords.extract_keywords
    if importlib.util.find_spec("spacy"):
        import spacy
        from spacy.matcher import PhraseMatcher

        nlp = spacy.blank("id")
        phrases = PhraseMatcher(nlp.vocab, attr="LOWER")
        phrases.add("place", [nlp.make_doc(name) for name in names])
        found["spaCy PhraseMatcher"] = lambda text: phrases(nlp.make_doc(text))
    return found


def main() -> None:
    """Print articles a second of each contender, and the locator's memory."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--articles", type=int, default=2000)
    sample = articles(arguments.parse_args().articles)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    gazetteer = Gazetteer.load(REGION)
    Locator(gazetteer)
    loaded = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"gazetteer and automaton: {loaded:.3f} s, +{(memory - before) / 1024:.0f} MB, {memory / 1024:.0f} MB in all")
    best: dict[str, float] = {}
    every = contenders(gazetteer)
    for _ in range(ROUNDS):
        for name, judge in every.items():
            share = sample if "expression" not in name else sample[: max(len(sample) // 20, 1)]  # two orders slower
            best[name] = max(best.get(name, 0.0), rate_of(judge, share))
    for name, rate in sorted(best.items(), key=lambda item: -item[1]):
        print(f"{name:32} {rate:8.0f} articles/s  {rate / best['locator, whole']:6.2f}")
    own, locate = own_articles(len(sample)), every["locator, whole"]
    rate = max(rate_of(locate, own) for _ in range(ROUNDS))
    print(f"{'locator, half name the region':32} {rate:8.0f} articles/s  {rate / best['locator, whole']:6.2f}")


def rate_of(judge: Callable[[str], object], sample: Sequence[str]) -> float:
    """Return texts a second of processor time."""
    start = time.process_time()
    for text in sample:
        judge(text)
    return len(sample) / (time.process_time() - start)


if __name__ == "__main__":
    main()
