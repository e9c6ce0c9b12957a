"""Labelled texts: the project's own, analysts' corrections, and the licensed sentiment sets (read by path)."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ConfigError
from analysis.records import ACTS, LEVELS, SENTIMENTS, THEMES

NOT_FOR_TRAINING = ("split", "place", "document_id")  # fields that a file of labels may carry beside an Example's
KINDS = ("headline", "news", "article", "post", "comment", "release")
LANGUAGES = ("id", "jv", "su", "mix-jv", "mix-su", "mix-lpg", "slang")
LABELS = Path(__file__).parent.parent / "data" / "labels"
FOLDS = 6  # groups of writers that are held out in turn
_FIELDS = 8
_NUSAX = ("javanese", "sundanese")  # Indonesian overlaps SmSA train, so it is neither used nor reported
_POLARITY = dict(zip(("negative", "neutral", "positive"), SENTIMENTS, strict=True))


def folds(writers: Iterable[str]) -> list[list[str]]:
    """Return groups of writers to hold out in turn: one by one, or where there are many in FOLDS groups.

    >>> folds("abcabc")
    [['a'], ['b'], ['c']]
    """
    names = sorted(set(writers))
    return [group for start in range(FOLDS) if (group := names[start::FOLDS])]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text; a label that is missing is None (themes: None, not empty)."""

    text: str
    title: str = ""
    level: int | None = None
    act: str | None = None
    themes: tuple[str, ...] | None = None
    sentiment: str | None = None
    kind: str = ""
    lang: str = "id"
    rule: str = "-"
    writer: str = ""


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of n examples as arrays; -1 stands where a label is missing."""

    level: NDArray[np.int64]  # (n,)
    act: NDArray[np.int64]  # (n,)
    themes: NDArray[np.int64]  # (n, 8)
    sentiment: NDArray[np.int64]  # (n,)


def targets(examples: Sequence[Example]) -> Targets:
    """Return the label arrays of examples.

    >>> targets([Example("a", level=3, themes=("sara",)), Example("b", sentiment="positif")]).level.tolist()
    [3, -1]
    """

    def code(names: Sequence[str], value: str | None) -> int:
        return -1 if value is None else names.index(value)

    themes = [[-1] * len(THEMES) if e.themes is None else [int(t in e.themes) for t in THEMES] for e in examples]
    return Targets(
        np.array([-1 if e.level is None else e.level for e in examples], np.int64),
        np.array([code(ACTS, e.act) for e in examples], np.int64),
        np.array(themes, np.int64).reshape(-1, len(THEMES)),
        np.array([code(SENTIMENTS, e.sentiment) for e in examples], np.int64),
    )


def parse_line(line: str, writer: str = "") -> Example:
    """Return the example of one line `level|act|themes|sentiment|kind|lang|rule|text`.

    In an article `##` parts title and body.

    Raises:
        ValueError: the line names the field that is wrong.

    >>> parse_line("2|none|agraria|netral|headline|id|-|Dua desa berebut batas hutan").level
    2
    """
    parts = line.rstrip("\n").split("|")
    if len(parts) != _FIELDS:
        raise ValueError(f"{len(parts)} fields in place of {_FIELDS}")
    level, act, themes, sentiment, kind, lang, rule, text = (part.strip() for part in parts)
    chosen = tuple(theme.strip() for theme in themes.split(",") if theme.strip())
    for field, value, allowed in (
        ("level", level, tuple(str(i) for i in range(len(LEVELS)))),
        ("act", act, ACTS),
        ("sentiment", sentiment, SENTIMENTS),
        ("kind", kind, KINDS),
        ("lang", lang, LANGUAGES),
    ):
        if value not in allowed:
            raise ValueError(f"{field} {value!r} is not one of {', '.join(allowed)}")
    if not text or any(theme not in THEMES for theme in chosen):
        raise ValueError(f"themes {themes!r} or an empty text")
    title, mark, body = text.partition(" ## ")
    if not mark:
        title, body = "", text
    return Example(body, title, int(level), act, chosen, sentiment, kind, lang, rule, writer)


def write_labels(path: Path, examples: Iterable[Example]) -> int:
    """Write examples as JSON lines; return how many."""
    lines = [json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples]
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def read_labels(path: Path) -> list[Example]:
    """Return the examples of a JSON-lines file (`write_labels`, or `labels export`).

    Raises:
        ConfigError: the file is missing or a line is malformed.
    """
    if not path.exists():
        raise ConfigError("labels", f"{path} does not exist")
    found = []
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # not at U+2028, as splitlines would
    except UnicodeDecodeError as error:
        raise ConfigError("labels", f"{path.name} is not UTF-8 text ({error})") from error
    for number, line in enumerate(lines if lines != [""] else [], 1):
        try:
            found.append(_example(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ConfigError("labels", f"{path.name}, line {number}: {error}") from error
    return found


def _example(row: object) -> Example:
    """Return the example of one JSON object.

    Raises: ValueError, TypeError naming what is wrong.
    """
    if not isinstance(row, dict):
        raise TypeError("no JSON object")
    said = {key: value for key, value in row.items() if key not in NOT_FOR_TRAINING}
    themes = said.pop("themes", None)
    for field, allowed in (("level", range(len(LEVELS))), ("act", ACTS), ("sentiment", SENTIMENTS)):
        value = said.get(field)
        if value is not None and (value not in allowed or isinstance(value, bool | float)):
            raise ValueError(f"{field} {value!r} is not one of {', '.join(map(str, allowed))}")
    if themes is not None and (not isinstance(themes, list) or not all(theme in THEMES for theme in themes)):
        raise ValueError(f"themes {themes!r} is no list out of {', '.join(THEMES)}")
    for field in ("text", "title", "kind", "lang", "rule", "writer"):
        if not isinstance(said.get(field, ""), str):
            raise TypeError(f"{field} {said[field]!r} is no text")
    return Example(**said, themes=None if themes is None else tuple(themes))


def project_labels(split: str = "train", folder: Path = LABELS) -> list[Example]:
    """Return the project's own labels of one split: train, test or hard (also never trained on)."""
    return read_labels(folder / f"tension_{split}.jsonl")


def nlp_folder(path: Path | None = None) -> Path:
    """Return the folder of the licensed sets: the path given, SEJUK_NLP, or ../shared/nlp.

    Raises:
        ConfigError: it is not there.
    """
    default = Path(__file__).parent.parent.parent / "shared" / "nlp"
    folder = path or Path(os.environ.get("SEJUK_NLP", default))
    if not (folder / "smsa").is_dir():
        raise ConfigError("nlp", f"{folder} holds no smsa/: give --nlp or set SEJUK_NLP (IndoNLU SmSA and NusaX)")
    return folder


def smsa(split: str, folder: Path) -> list[Example]:
    """Return one split (train, valid, test) of SmSA, Indonesian sentiment."""
    rows = (line.rsplit("\t", 1) for line in (folder / "smsa" / f"{split}_preprocess.tsv").read_text().splitlines())
    return [Example(text, sentiment=_POLARITY[label], writer="smsa") for text, label in rows]


def nusax(language: str, split: str, folder: Path) -> list[Example]:
    """Return one split (train, valid, test) of NusaX in javanese or sundanese."""
    with (folder / "nusax" / language / f"{split}.csv").open() as lines:
        code = {"javanese": "jv", "sundanese": "su"}[language]
        return [
            Example(r["text"], sentiment=_POLARITY[r["label"]], lang=code, writer=f"nusax-{code}")
            for r in csv.DictReader(lines)
        ]


def sentiment_training(folder: Path) -> list[Example]:
    """Return every sentiment text that may be trained on: SmSA train and NusaX train in two languages."""
    return smsa("train", folder) + [e for language in _NUSAX for e in nusax(language, "train", folder)]


def assemble(sources: Iterable[Path], path: Path) -> tuple[int, list[str]]:
    """Write the label lines of several writers as one JSON-lines file.

    Returns:
        How many were written, and one message for each line left out (malformed or already there).
    """
    kept: dict[str, Example] = {}
    left_out = []
    for source in sources:
        for number, line in enumerate(source.read_text().splitlines(), 1):
            try:
                example = parse_line(line, source.stem.rsplit("_", 1)[-1])
            except ValueError as error:
                left_out.append(f"{source.name}, line {number}: {error}")
                continue
            key = " ".join(f"{example.title} {example.text}".casefold().split())
            if key in kept:
                left_out.append(f"{source.name}, line {number}: already there")
            else:
                kept[key] = example
    return write_labels(path, kept.values()), left_out


def validation_split(examples: Sequence[Example], writer: str | None = None) -> tuple[list[Example], list[Example]]:
    """Return the examples to train on and those held out to stop by and to calibrate on.

    A text's own hash decides, so it stays on its side whatever is added, and wherever the split is drawn again.

    Args: writer: hold out this writer's texts; None holds out a tenth of all.

    Raises: ConfigError where either side is empty.
    """

    def held_out(example: Example) -> bool:
        if writer is not None:
            return example.writer == writer
        text = " ".join(f"{example.title} {example.text}".casefold().split())
        return hashlib.blake2b(text.encode("utf-8", "replace")).digest()[0] % 10 == 0

    train, validation = [e for e in examples if not held_out(e)], [e for e in examples if held_out(e)]
    if not train or not validation:
        who = f"writer {writer!r}" if writer is not None else "a tenth"
        raise ConfigError("labels", f"{len(examples)} texts cannot be split by {who}: one side would be empty")
    return train, validation


def full_texts(examples: Iterable[Example]) -> Iterator[str]:
    """Yield title and text of each example as one string."""
    for example in examples:
        yield f"{example.title}. {example.text}" if example.title else example.text
