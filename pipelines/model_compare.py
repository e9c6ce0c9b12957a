"""Two models on the same texts: what changed, by how much, and the floors of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.classifier import Classifier
from analysis.quality import nearest
from analysis.tension import tension
from analysis.training_data import Example, full_texts, targets
from pipelines.model_quality import Floor, against_floors, behaviour, figures, score_examples

STEPS = (0.05, 0.10, 0.20)  # changes of tension that are counted


@dataclass(frozen=True, slots=True)
class Changed:
    """One text under two models; `level` is its label."""

    text: str
    level: int | None
    before: float
    after: float

    @property
    def apart(self) -> float:
        """Return the change of tension."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """All texts, most changed first, with figures and floors of the two models."""

    models: tuple[str, str]  # their ids
    texts: list[Changed]
    levels: int  # texts whose nearest level changed
    figures: tuple[dict[str, float], dict[str, float]]
    floors: tuple[list[Floor], list[Floor]]

    def beyond(self, step: float) -> int:
        """Return how many texts changed by more than a step of tension."""
        return sum(abs(text.apart) > step for text in self.texts)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "models": list(self.models),
            "texts": [asdict(text) | {"change": round(text.apart, 4)} for text in self.texts],
            "levels_changed": self.levels,
            "beyond": {str(step): self.beyond(step) for step in STEPS},
            "figures": list(self.figures),
            "floors": [[asdict(floor) | {"held": floor.held} for floor in each] for each in self.floors],
        }


def compare(one: Path, other: Path, examples: Sequence[Example], with_floors: bool) -> Comparison:
    """Score the same texts with both models.

    Args: with_floors: the texts are the project's test split, to which the floors belong.

    Raises: ModelError.
    """
    both = [Classifier.load(folder) for folder in (one, other)]
    scores = [score_examples(classifier, examples) for classifier in both]
    before, after = (tension(each.levels) for each in scores)
    labels = targets(examples).level.tolist()
    texts = [
        Changed(text, None if level < 0 else level, round(float(b), 4), round(float(a), 4))
        for text, level, b, a in zip(full_texts(examples), labels, before, after, strict=True)
    ]
    held: list[list[Floor]] = [[], []]
    if with_floors:
        held = [
            against_floors(examples, said, behaviour(classifier), {})
            for classifier, said in zip(both, scores, strict=True)
        ]
    return Comparison(
        (both[0].model_id, both[1].model_id),
        sorted(texts, key=lambda text: -abs(text.apart)),
        int(np.sum(nearest(before) != nearest(after))),
        (figures(examples, scores[0]), figures(examples, scores[1])),
        (held[0], held[1]),
    )
