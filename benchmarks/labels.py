"""How varied and how balanced the labels are, and how far two labellers agree: tables for data/labels/README.md.

    python -m benchmarks.labels

Shares are of distinct runs of four words (case and punctuation aside). Nothing here reads more than data/labels.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from analysis.records import ACTS, LEVELS
from analysis.training_data import LABELS, Example, full_texts, project_labels

RUN = 4  # words
WINDOW = 50  # words of a moving type-token ratio. Source: Covington and McFall 2010
_WORD = re.compile(r"\w+(?:-\w+)*")


def words(example: Example) -> list[str]:
    """Return the words of title and text.

    >>> words(Example("Damai, kok!"))
    ['damai', 'kok']
    """
    return _WORD.findall(next(full_texts([example])).casefold())


def runs(example: Example) -> set[tuple[str, ...]]:
    """Return the distinct runs of four words of one text."""
    found = words(example)
    return {tuple(found[i : i + RUN]) for i in range(len(found) - RUN + 1)}


def within(examples: Sequence[Example]) -> float:
    """Return the share of distinct runs that stand in more than one of these texts."""
    counts = Counter(run for example in examples for run in runs(example))
    return sum(n > 1 for n in counts.values()) / max(len(counts), 1)


def shared(examples: Sequence[Example], others: Iterable[Example]) -> float:
    """Return the share of these texts' distinct runs that stand in any of the others."""
    own = {run for example in examples for run in runs(example)}
    return len(own & {run for example in others for run in runs(example)}) / max(len(own), 1)


def nearest_share(examples: Sequence[Example], others: Sequence[Example]) -> list[float]:
    """Return, for each text, the largest share of its words that one other text holds (Jaccard of word sets)."""
    holders: dict[str, list[int]] = defaultdict(list)
    sets = [set(words(other)) for other in others]
    for i, found in enumerate(sets):
        for word in found:
            holders[word].append(i)
    nearest = []
    for example in examples:
        own = set(words(example))
        common = np.zeros(len(others))
        for word in own:
            common[holders.get(word, [])] += 1
        union = np.array([len(own) + len(found) for found in sets]) - common
        nearest.append(float((common / np.maximum(union, 1)).max()))
    return nearest


def moving_ratio(examples: Sequence[Example]) -> float:
    """Return the mean share of distinct words in every window of 50 words, the texts laid end to end."""
    line = [word for example in examples for word in words(example)]
    shares = [len(set(line[i : i + WINDOW])) / WINDOW for i in range(0, len(line) - WINDOW, 7)]
    return float(np.mean(shares)) if shares else 1.0


def variety(train: Sequence[Example], apart: dict[str, Sequence[Example]]) -> None:
    """Print one line a writer, and how near the splits kept apart stand to the training texts."""
    print("| writer | texts | words | distinct words | moving ratio | runs repeated within | runs of other writers |")
    print("|---|---|---|---|---|---|---|")
    for writer in sorted({e.writer for e in train}):
        own, rest = [e for e in train if e.writer == writer], [e for e in train if e.writer != writer]
        _variety_row(writer, own, shared(own, rest))
    for name, texts in apart.items():
        _variety_row(name, texts, shared(texts, train))
    for name, texts in apart.items():
        near = np.array(nearest_share(texts, train))
        print(f"\n{name}: words in common with the nearest training text: median {np.median(near):.2f}, ", end="")
        print(f"99th percentile {np.quantile(near, 0.99):.2f}, largest {near.max():.2f}.")


def _variety_row(name: str, own: Sequence[Example], others: float) -> None:
    found = [word for example in own for word in words(example)]
    row = (f"{len(own):,}", f"{len(found):,}", f"{len(set(found)):,}", f"{moving_ratio(own):.2f}")
    print(f"| {name} | {' | '.join(row)} | {within(own):.1%} | {others:.1%} |")


def balance(splits: dict[str, Sequence[Example]]) -> None:
    """Print how many texts each value of each label has, by split."""
    for field in ("level", "act", "themes", "sentiment", "kind", "lang", "rule"):
        print(f"\n| {field} | {' | '.join(splits)} |\n|---|{'---|' * len(splits)}")
        counts = {name: Counter(_values(examples, field)) for name, examples in splits.items()}
        names = sorted(set().union(*counts.values()), key=lambda v: (not v.isdigit(), int(v) if v.isdigit() else 0, v))
        for value in names:
            print(f"| {value} | {' | '.join(str(counts[split][value]) for split in splits)} |")


def _values(examples: Sequence[Example], field: str) -> Iterable[str]:
    for example in examples:
        value = getattr(example, field)
        yield from value if isinstance(value, tuple) else [str(value)]


def agreement(split: str, first: Sequence[Example]) -> None:
    """Print how far the second labelling of a split, blind to the first, agrees with it."""
    from sklearn.metrics import cohen_kappa_score

    second = [json.loads(line) for line in (LABELS / f"tension_{split}_second.jsonl").read_text().splitlines()]
    print(f"\n| {split}: {len(second)} texts labelled twice | same | kappa |\n|---|---|---|")
    for field, order, weights in (("level", range(len(LEVELS)), "quadratic"), ("act", ACTS, None)):
        one = [order.index(getattr(first[row["line"] - 1], field)) for row in second]
        two = [order.index(row[field]) for row in second]
        kappa = cohen_kappa_score(one, two, labels=range(len(order)), weights=weights)
        print(f"| {field} | {np.mean(np.equal(one, two)):.1%} | {kappa:.3f}{' (quadratic)' if weights else ''} |")
    apart = [abs(row["level"] - (first[row["line"] - 1].level or 0)) for row in second]
    print(f"\nLevels apart by one: {apart.count(1)}, by two or more: {sum(a > 1 for a in apart)}.")


if __name__ == "__main__":
    TRAIN, APART = project_labels("train"), {split: project_labels(split) for split in ("test", "hard")}
    variety(TRAIN, APART)
    balance({"train": TRAIN, **APART})
    for split, texts in APART.items():
        agreement(split, texts)
