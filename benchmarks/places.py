"""How well the locator does: on splits apart, and on each writer's texts by weights that saw none of them.

    python -m benchmarks.places [--traps]

Shares in [0, 1] as `analysis.evaluation.PlaceQuality` tells them; tables for data/labels/README.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import astuple

from analysis.evaluation import PlaceLabel, place_quality, read_places
from analysis.gazetteer import Gazetteer
from analysis.locate import Locator
from analysis.matter import Weights
from analysis.records import Location
from analysis.training_places import fit, place_examples, writers
from pipelines.config import PROJECT

LABELS = PROJECT / "data" / "labels" / "places.jsonl"
APART = ("test", "fresh", "judge", "judge2", "several")


def located(labels: Sequence[PlaceLabel], locator: Locator) -> list[Location]:
    """Return where the locator places each text."""
    return [locator.locate(label.text, title=label.title) for label in labels]


def row(name: str, labels: Sequence[PlaceLabel], found: Sequence[Location]) -> str:
    """Return one line of a table of figures."""
    texts, *shares = astuple(place_quality(labels, found))
    return f"| {name} | {texts} | " + " | ".join(f"{share:.3f}" for share in shares) + " |"


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--traps", action="store_true", help="By trap too: where the splits go wrong, in numbers")
    traps = arguments.parse_args().traps
    gazetteer = Gazetteer.load(PROJECT / "data" / "regions" / "pesawaran")
    shipped = Locator(gazetteer)
    print(
        "| texts | n | desa precision | recall | exact | kecamatan F1 | about | false desa | twins | sure precision |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for split in APART:
        labels = read_places(LABELS, split)
        found = located(labels, shipped)
        print(row(split, labels, found))
        for trap in sorted({label.trap for label in labels}) if traps else ():
            pairs = [pair for pair in zip(labels, found, strict=True) if pair[0].trap == trap]
            wrong = sum(set(place.desa) != label.desa or place.kabupaten != label.about for label, place in pairs)
            print(f"    {trap}: {wrong} of {len(pairs)} wrong")
    dev = read_places(LABELS, "dev")
    wrote = writers(dev)
    examples = place_examples(dev, Locator(gazetteer, Weights(0, {})))
    judged: list[tuple[PlaceLabel, Location]] = []
    for writer in sorted(set(wrote)):
        locator = Locator(gazetteer, fit([example for example in examples if wrote[example.text] != writer]))
        labels = [label for label, by in zip(dev, wrote, strict=True) if by == writer]
        found = located(labels, locator)
        print(row(f"dev, writer {writer}", labels, found))
        judged += zip(labels, found, strict=True)
    print(row("dev, all", *zip(*judged, strict=True)))


if __name__ == "__main__":
    main()
