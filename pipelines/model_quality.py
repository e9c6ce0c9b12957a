"""A model's figures on labelled texts, and whether they hold the floors of data/floors.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.checklist import Change, Contrast, directions, invariance, read_contrasts, read_sentences, summary
from analysis.classifier import Classifier
from analysis.quality import macro_f1, measure
from analysis.records import Scores
from analysis.tension import tension
from analysis.training_data import Example, nusax, smsa, targets
from pipelines.config import PROJECT

LABELS = PROJECT / "data" / "labels"
NEWS = ("headline", "news", "article")
AT_MOST = ("calibration_error", "mean_change", "worst_change")  # of these a floor is the highest that is taken


@dataclass(frozen=True, slots=True)
class Floor:
    """One figure beside its floor; `part.name` as in data/floors.toml."""

    name: str
    found: float
    floor: float

    @property
    def held(self) -> bool:
        """Tell whether the figure is at least the floor; at most, for an error or a change."""
        return self.found <= self.floor if self.name.endswith(AT_MOST) else self.found >= self.floor


def score_examples(
    classifier: Classifier, examples: Sequence[Example], progress: Callable[[int], None] | None = None
) -> Scores:
    """Return the scores of labelled texts."""
    return classifier.score([e.text for e in examples], [e.title for e in examples], progress)


def figures(examples: Sequence[Example], scores: Scores) -> dict[str, float]:
    """Return measures of level, act and sentiment; what the texts are not labelled with is left out."""
    labels, found = targets(examples), tension(scores.levels)
    told = labels.level >= 0
    said = measure(labels.level[told], found[told]) if told.any() else {}
    for name, wanted, shares in (("act", labels.act, scores.acts), ("sentiment", labels.sentiment, scores.sentiment)):
        score = macro_f1(wanted[wanted >= 0], shares[wanted >= 0].argmax(axis=1))
        said |= {} if score is None else {f"{name}_macro_f1": round(score, 4)}
    return said


def behaviour(classifier: Classifier) -> tuple[list[Change], list[Contrast]]:
    """Return the invariance and direction tests of data/labels, scored."""

    def scored(texts: Sequence[str]) -> NDArray[np.float64]:
        return tension(classifier.score(texts).levels)

    changes = invariance(scored, read_sentences(LABELS / "invariance.jsonl"))
    return changes, directions(scored, read_contrasts(LABELS / "contrasts.jsonl"))


def sentiment_sets(classifier: Classifier, folder: Path) -> dict[str, float]:
    """Return macro-F1 on the public test splits of sentiment."""
    sets = {"smsa": smsa("test", folder)} | {name: nusax(name, "test", folder) for name in ("javanese", "sundanese")}
    return {
        name: figures(texts, score_examples(classifier, texts))["sentiment_macro_f1"] for name, texts in sets.items()
    }


def against_floors(
    examples: Sequence[Example],
    scores: Scores,
    tests: tuple[list[Change], list[Contrast]],
    moods: dict[str, float],
) -> list[Floor]:
    """Return each figure that data/floors.toml names for the classifier beside its floor.

    Args:
        examples, scores: the project's test split and what the model says of it.
        tests: `behaviour`.
        moods: `sentiment_sets`; empty where the sets are not at hand.
    """
    news = [i for i, example in enumerate(examples) if example.kind in NEWS]
    level, found = targets(examples).level, tension(scores.levels)
    parts = {
        "test": measure(level, found),
        "news": measure(level[news], found[news]) if news else {},
        "behaviour": summary(*tests),
        "sentiment": moods,
    }
    stored = tomllib.loads((PROJECT / "data" / "floors.toml").read_text())["classifier"]
    return [
        Floor(f"{part}.{name}", parts[part][name], floor)
        for part in parts
        for name, floor in stored.get(part, {}).items()
        if name in parts[part]
    ]
