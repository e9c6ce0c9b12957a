"""What should be read of a long article: all, its beginning, its most contentious sentences, or both?

    python -m benchmarks.long_articles

No labelled article is long, so articles are put together: a text of level 3 or 4 among calm ones (level 0, no hard
case), against calm ones alone; it stands early in half of them, in the middle or late in the others. Each writer's
texts are judged by heads that saw none of them, calibrated as the shipped model is; no test text is used. Printed: AUC,
mean tension of articles that hold a grave text, mean tension of those that hold none; a writer with fewer than
20 grave texts of news is left out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.classifier import DEFAULT, LONG, Classifier
from analysis.model_folder import HEADS
from analysis.normalise import normalise
from analysis.quality import auc
from analysis.tension import expected_tension
from analysis.training_data import Example, project_labels
from analysis.training_linear import train_linear
from analysis.training_preset import ASKED

LENGTHS = (150, 300, 600)
ENOUGH = 20
KINDS = ("news", "article", "release")


def articles(texts: Sequence[Example], words: int, draw: random.Random) -> tuple[list[str], list[str]]:
    """Return articles with a grave text in them, and as many without."""
    calm = [e.text for e in texts if e.level == 0 and e.rule == "-" and e.kind in KINDS]
    grave = [e.text for e in texts if (e.level or 0) >= 3 and e.kind in KINDS]

    def around(core: str) -> str:
        rest: list[str] = []
        while sum(len(text.split()) for text in rest) < words:
            rest.append(draw.choice(calm))
        at = draw.choice((1, 1, len(rest) // 2, len(rest) - 1))
        return " ".join([*rest[:at], core, *rest[at:]])

    return [around(text) for text in grave], [around(draw.choice(calm)) for _ in grave]


def judged(model: Classifier, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return the tension of each way of reading."""
    read = [model.read("", text) for text in texts]
    ways = {
        "whole": [(normalise(text), None) for text in texts],
        "beginning": [(normalise(" ".join(text.split()[:LONG])), None) for text in texts],
        "chosen sentences": [(chosen, None) for chosen, _ in read],
        "chosen and whole": read,
    }
    return {name: expected_tension(model._blend(way)[:, : HEADS[0]]) for name, way in ways.items()}


def main() -> None:
    """Print each way of reading by length, over all writers."""
    labels, shipped = project_labels(), Classifier.load(DEFAULT)
    found: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for writer in sorted({e.writer for e in labels}):
        heads = train_linear([e for e in labels if e.writer != writer], columns=ASKED)
        model = Classifier(shipped.manifest, heads, None)
        own = [e for e in labels if e.writer == writer]
        for words in LENGTHS:
            grave, calm = articles(own, words, random.Random(words))
            if len(grave) < ENOUGH:
                break
            truth = np.arange(len(grave) * 2) < len(grave)
            for name, said in judged(model, [*grave, *calm]).items():
                figures = (auc(truth, said) or 0.0, float(said[truth].mean()), float(said[~truth].mean()))
                found.setdefault((words, name), []).append(figures)
    for (words, name), rows in found.items():
        area, tense, quiet = np.mean(rows, axis=0)
        print(f"{words:4} words  {name:18} AUC {area:.3f}  grave {tense:.2f}  calm {quiet:.2f}")


if __name__ == "__main__":
    main()
