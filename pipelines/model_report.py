"""The page about a model's quality, as HTML and as Markdown, from the same sections."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from analysis.checklist import MEAN_AIM, RIGHT_AIM, WORST_AIM, Change, Contrast, by_kind, by_rule
from analysis.classifier import Classifier
from analysis.errors import ModelError
from analysis.quality import confusion, nearest, reliability
from analysis.records import LEVELS, Scores
from analysis.tension import tension
from analysis.training_data import Example, targets
from pipelines.model_quality import Floor, against_floors, behaviour, figures, score_examples, sentiment_sets
from pipelines.wording import number

QUOTED = "## Measured by `model evaluate`"
WORST = 15  # texts shown that were missed by most
SIDE, EDGE = 320, 36  # of the reliability curve, pixels


@dataclass(frozen=True, slots=True)
class Section:
    """A table under a title, with a line before it and maybe a picture."""

    title: str
    words: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    picture: str = ""  # SVG, in the HTML page alone


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured of one model."""

    classifier: Classifier
    examples: Sequence[Example]
    scores: Scores
    changes: list[Change]
    contrasts: list[Contrast]
    moods: dict[str, float]
    speed: float  # texts a second of processor time
    floors: list[Floor]


def evaluate(folder: Path, examples: Sequence[Example], nlp: Path | None, floors: bool = True) -> Report:
    """Measure a model on labelled texts.

    Args:
        nlp: folder of the public sentiment sets; None leaves them out.
        floors: the texts are the project's test split, to which the floors belong.

    Raises: ModelError, ConfigError.
    """
    classifier = Classifier.load(folder)
    classifier.score(["pemanasan"])
    start = time.process_time()
    scores = score_examples(classifier, examples)
    speed = len(examples) / max(time.process_time() - start, 1e-9)
    tests = behaviour(classifier)
    moods = sentiment_sets(classifier, nlp) if nlp else {}
    held = against_floors(examples, scores, tests, moods) if floors else []
    return Report(classifier, examples, scores, *tests, moods, speed, held)


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write evaluasi.html and evaluasi.md; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = sections(report)
    manifest = report.classifier.manifest
    head = f"Evaluasi model {manifest.name} ({report.classifier.model_id})"
    lines = [f"# {head}", ""]
    for part in parts:
        lines += [f"## {part.title}", part.words, "", *_table(part), ""]
    written = [folder / "evaluasi.md", folder / "evaluasi.html"]
    written[0].write_text("\n".join(lines), encoding="utf-8")
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True
    )
    page = pages.get_template("model.html.j2").render(head=head, parts=parts)
    written[1].write_text(page, encoding="utf-8")
    return written


def quote(report: Report, folder: Path) -> Path:
    """Write the figures into the model card of a folder, in place of those that an earlier evaluation wrote there.

    Returns: the card.
    Raises: ModelError where the folder has no card.
    """
    card = folder / "README.md"
    if not card.is_file():
        raise ModelError(f"{folder} has no model card (README.md) to write the figures into")
    parts = [_floors(report.floors)] if report.floors else [_by("jenis teks", "kind", report)]
    lines = [QUOTED, f"{len(report.examples)} texts, model {report.classifier.model_id}:", ""]
    for part in [*parts, _speed(report)]:
        lines += [*_table(part), ""]
    before, _, after = card.read_text(encoding="utf-8").partition(QUOTED)
    following = after.find("\n## ")
    rest = after[following:] if following >= 0 else ""
    card.write_text(before.rstrip() + "\n\n" + "\n".join(lines).rstrip() + "\n" + rest, encoding="utf-8")
    return card


def _table(part: Section) -> list[str]:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [row(part.columns), "|" + "---|" * len(part.columns), *(row(cells) for cells in part.rows)]


def sections(report: Report) -> list[Section]:
    """Return what the page says, in its order."""
    found = [_floors(report.floors)] if report.floors else []
    found += [_by("jenis teks", "kind", report), _by("bahasa", "lang", report), _confusion(report)]
    found += [_reliability(report), _invariance(report.changes), _directions(report.contrasts)]
    if report.moods:
        rows = [(name, number(value, 3)) for name, value in report.moods.items()]
        words = "Macro-F1 pada bagian uji set publik; NusaX diterjemahkan dari teks yang sebagian ada di SmSA."
        found.append(Section("Sentimen", words, ("set", "macro-F1"), rows))
    found += [_worst(report), _speed(report)]
    return found


def _floors(floors: Sequence[Floor]) -> Section:
    rows = [(f.name, number(f.found, 3), number(f.floor, 3), "ya" if f.held else "TIDAK") for f in floors]
    words = (
        "Angka yang dijaga oleh uji otomatis (data/floors.toml); untuk galat dan perubahan, ambang adalah batas atas."
    )
    return Section("Ambang mutu", words, ("ukuran", "angka", "ambang", "terpenuhi"), rows)


MEASURES = {
    "auc_2": "AUC ≥ 2",
    "auc_3": "AUC ≥ 3",
    "kappa": "kappa",
    "calibration_error": "galat kalibrasi",
    "act_macro_f1": "F1 tindakan",
    "sentiment_macro_f1": "F1 sentimen",
}


def _by(title: str, field: str, report: Report) -> Section:
    groups: dict[str, list[int]] = {"semua": list(range(len(report.examples)))}
    for i, example in enumerate(report.examples):
        groups.setdefault(getattr(example, field) or "-", []).append(i)
    rows = []
    for name, chosen in groups.items():
        said = figures([report.examples[i] for i in chosen], _rows(report.scores, chosen))
        rows.append((name, str(len(chosen)), *(number(said[m], 3) if m in said else "–" for m in MEASURES)))
    words = "AUC memisahkan tingkat ≥ 2 atau ≥ 3; kappa berbobot kuadrat; macro-F1 untuk tindakan dan sentimen."
    return Section(f"Menurut {title}", words, (title, "teks", *MEASURES.values()), rows)


def _rows(scores: Scores, rows: list[int]) -> Scores:
    return Scores(scores.levels[rows], scores.acts[rows], scores.themes[rows], scores.sentiment[rows], scores.model_id)


def _told(report: Report) -> tuple[Any, Any]:
    level, found = targets(report.examples).level, tension(report.scores.levels)
    return level[level >= 0], found[level >= 0]


def _confusion(report: Report) -> Section:
    level, found = _told(report)
    counts = confusion(level, nearest(found))
    rows = [(f"{i} {LEVELS[i]}", *map(str, row)) for i, row in enumerate(counts.tolist())]
    words = "Baris: menurut pelabel; kolom: tingkat terdekat menurut model."
    return Section("Tingkat tertukar", words, ("pelabel \\ model", *map(str, range(len(LEVELS)))), rows)


def _reliability(report: Report) -> Section:
    bins = reliability(*_told(report))
    rows = [(number(said, 2), number(true, 2), str(n)) for said, true, n in bins]
    words = (
        "Bila model jujur, teks yang diberi ketegangan t rata-rata berlabel tingkat 4t: titik terletak pada diagonal."
    )
    return Section("Kurva keandalan", words, ("ketegangan", "tingkat / 4", "teks"), rows, _curve(bins))


def _curve(bins: Sequence[tuple[float, float, int]]) -> str:
    """Draw the reliability curve; the size of a point is that of its bin."""
    largest = max((n for *_, n in bins), default=1)

    def at(x: float, y: float) -> tuple[float, float]:
        return round(EDGE + x * SIDE, 1), round(EDGE / 2 + (1 - y) * SIDE, 1)

    points = [(*at(said, true), round(2 + 7 * (n / largest) ** 0.5, 1), n) for said, true, n in bins]
    line = " ".join(f"{x},{y}" for x, y, *_ in points)
    (x0, y0), (x1, y1) = at(0, 0), at(1, 1)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="{r}"><title>{n} teks</title></circle>' for x, y, r, n in points)
    marks = "".join(
        f'<text x="{at(v, 0)[0]}" y="{y0 + 16}" text-anchor="middle">{number(v, 1)}</text>'
        f'<text x="{x0 - 8}" y="{at(0, v)[1] + 4}" text-anchor="end">{number(v, 1)}</text>'
        for v in (0.0, 0.5, 1.0)
    )
    return (
        f'<svg viewBox="0 0 {SIDE + 2 * EDGE} {SIDE + 2 * EDGE}" role="img" aria-label="Kurva keandalan">'
        f'<rect x="{x0}" y="{y1}" width="{SIDE}" height="{SIDE}" class="frame"/>'
        f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" class="ideal"/>'
        f'<polyline points="{line}" class="curve"/>{dots}{marks}'
        f'<text x="{x0 + SIDE / 2}" y="{y0 + 34}" text-anchor="middle">ketegangan menurut model</text></svg>'
    )


def _invariance(changes: Sequence[Change]) -> Section:
    rows = [(kind, str(n), number(mean, 3), number(worst, 3)) for kind, (mean, worst, n) in by_kind(changes).items()]
    most = max(changes, key=lambda change: change.apart)
    words = (
        f"Kata ditukar atau tulisan diganti; yang dituju: rata-rata ≤ {number(MEAN_AIM, 2)}, terburuk ≤ "
        f"{number(WORST_AIM, 2)}. Terburuk di sini: “{most.text}” → “{most.other}”."
    )
    return Section("Yang tidak boleh mengubah skor", words, ("yang ditukar", "pasang", "rata-rata", "terburuk"), rows)


def _directions(contrasts: Sequence[Contrast]) -> Section:
    rows = [(rule, str(n), f"{number(100 * share, 0)} %") for rule, (share, n) in by_rule(contrasts).items()]
    wrong = [f"“{c.higher}” tidak di atas “{c.lower}”" for c in contrasts if not c.right]
    words = f"Yang dituju: ≥ {number(100 * RIGHT_AIM, 0)} %. " + (f"Keliru: {'; '.join(wrong)}." if wrong else "")
    return Section("Arah yang benar", words, ("aturan", "pasang", "benar"), rows)


def _worst(report: Report) -> Section:
    level, found = targets(report.examples).level, tension(report.scores.levels)
    apart = np.where(level >= 0, np.abs(found - level / (len(LEVELS) - 1)), 0)
    rows = []
    for i in np.argsort(-apart, kind="stable")[:WORST].tolist():
        example = report.examples[i]
        text = f"{example.title}. {example.text}" if example.title else example.text
        shown = text if len(text) <= 240 else text[:240] + "…"
        rows.append((str(level[i]), number(4 * float(found[i]), 1), example.kind, example.rule, shown))
    words = f"{WORST} teks yang paling jauh meleset (skor dalam tingkat 0 sampai 4)."
    return Section("Kesalahan terbesar", words, ("label", "model", "jenis", "aturan", "teks"), rows)


def _speed(report: Report) -> Section:
    words = sum(len(f"{e.title} {e.text}".split()) for e in report.examples) / max(len(report.examples), 1)
    rows = [(number(report.speed, 0), number(words, 0))]
    note = "Pada mesin ini, semua teks dinilai sekali; perbandingan dengan cara lain: benchmarks/scoring.py."
    return Section("Kecepatan", note, ("teks per detik prosesor", "kata per teks"), rows)
