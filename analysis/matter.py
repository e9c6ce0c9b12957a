"""Where the matter of a text lies: each place it tells of is weighed by what is said around it.

A logistic model over the features of `surroundings`; its weights (data/place_weights.json) are learnt from the labelled
places by `training_places`. What a name means is not decided here but by the rules of `resolve`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from analysis.errors import ModelError
from analysis.surroundings import Told

FILE = Path(__file__).parent.parent / "data" / "place_weights.json"
ABOUT = 0.5  # chance from which a text is of the region
SURE = 0.6  # chance of one place from which it is of the region whatever is said around the others
STEP = 0.001  # log-odds
PINNED = 0.55  # chance from which it lies in a desa or kecamatan; lower ones pin more than 2 % of texts from elsewhere


@dataclass(frozen=True, slots=True)
class Weighed:
    """The chances in [0, 1] that a text's matter lies in the region, and in each place of it, by code."""

    about: float
    places: Mapping[str, float]

    @property
    def is_about(self) -> bool:
        """Whether the matter lies in the region: by all its names together, or surely in one of its places."""
        return self.about >= ABOUT or max(self.places.values(), default=0.0) >= SURE

    def pins(self, code: str) -> bool:
        """Tell whether the matter lies in a desa or kecamatan."""
        return self.is_about and self.places[code] >= PINNED

    def of(self, code: str) -> float:
        """Return the chance of a place; names of the region itself stand for the whole."""
        return self.places.get(code, self.about)


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight of each feature, in whole steps of log-odds: a sum is then the same in whatever order a set yields."""

    bias: int
    weights: dict[str, int]
    known: frozenset[str] = field(init=False, repr=False, compare=False)  # the features, quicker to meet with a set

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset(self.weights))

    @classmethod
    def load(cls, file: Path = FILE) -> Weights:
        """Read weights.

        Raises: ModelError where the file is missing or is not what `training_places` writes.
        """
        try:
            row = json.loads(file.read_text(encoding="utf-8"))
            return cls(int(row["bias"]), {str(name): int(value) for name, value in row["weights"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{file}: no weights of places ({error!r}); `model places` learns them") from error

    def steps(self, said: Set[str]) -> int:
        """Return what features add to the log-odds that the matter lies in a place, in STEP."""
        return sum(map(self.weights.__getitem__, self.known & said))

    def reasons(self, place: Told, count: int = 6) -> list[tuple[str, float]]:
        """Return the features of a place that weigh most, the heaviest first, each with its log-odds."""
        held = {feature: self.weights[feature] * STEP for feature in self.known & (place.said | place.gist)}
        return sorted(held.items(), key=lambda item: (-abs(item[1]), item[0]))[:count]

    def weigh(self, places: Sequence[Told]) -> Weighed:
        """Weigh the places a text tells of; `places_told` gives them, the region last."""
        whole = self.bias + self.steps(places[0].gist)
        *chances, about = (0.5 + 0.5 * math.tanh((whole + self.steps(place.said)) * STEP / 2) for place in places)
        return Weighed(about, {place.code: chance for place, chance in zip(places[:-1], chances, strict=True)})
