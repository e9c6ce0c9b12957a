"""Where models lie, and the commands that make and check them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import ConfigError, ModelError
from analysis.model_folder import Manifest, verify
from pipelines.config import PROJECT

if TYPE_CHECKING:
    from analysis.training_data import Example
    from analysis.training_state import Plan

STRAY = 0.02  # tension of a probe apart from what the exporting machine scored
MODELS = PROJECT / "data" / "models"


def train_preset(nlp: Path | None, folder: Path, on_step: Callable[[str], None]) -> Manifest:
    """Train the default from data/labels and the licensed sentiment sets; write it to `folder`.

    Raises: ModelError (scikit-learn is missing), ConfigError (labels or sets are missing).
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ModelError("training needs scikit-learn: `pip install scikit-learn`, or the extra `train`")
    from analysis.training_data import nlp_folder, project_labels, sentiment_training
    from analysis.training_preset import train_kecil

    return train_kecil(project_labels(), sentiment_training(nlp_folder(nlp)), folder, on_step)


def train_base(
    plan: Plan,
    labels: Sequence[Path],
    nlp: Path | None,
    folder: Path,
    on_step: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Fine-tune a BERT-like base; return its facts.

    Args:
        labels: files of labels; the project's own where empty.
        nlp: folder of the sentiment sets; where None and none lies at its usual place, training goes without.

    Raises: ModelError (torch is missing, the base cannot be had), ConfigError (labels or sets are missing).
    """
    from analysis.training_folder import need_training_extra

    need_training_extra()
    from analysis.training_encoder import train_encoder

    moods = _moods(nlp)
    if not moods:
        on_step(0, 1, "no sentiment sets (--nlp): the sentiment head learns from the labels alone")
    return train_encoder(plan, read_all(labels), moods, folder, on_step)


def export_model(
    folder: Path, labels: Sequence[Path], on_step: Callable[[str], None] = lambda _: None
) -> dict[str, Manifest]:
    """Write `folder`/fp32 and `folder`/int8 from a fine-tuned folder; return their manifests.

    Args: labels: the files it was trained from; their held-out part calibrates. The project's own where empty.

    Raises: ModelError, ConfigError.
    """
    from analysis.training_folder import need_training_extra, read_facts

    need_training_extra()
    from analysis.training_data import validation_split
    from analysis.training_export import export

    writer = read_facts(folder)["plan"]["validation_writer"]
    return export(folder, validation_split(read_all(labels), writer)[1], on_step)


def check(folder: Path) -> Manifest:
    """Check every file of a model folder against its hash, load it, and score its probes again.

    Raises: ModelError where a file was changed, or this machine scores otherwise than the one that exported it.
    """
    from analysis.classifier import Classifier

    classifier = Classifier.load(folder)
    if (apart := classifier.strays()) > STRAY:
        raise ModelError(
            f"{folder} scores otherwise here than where it was exported (by {apart:.3f}, {STRAY} is taken): "
            "this processor may round int8 otherwise; use the fp32 folder beside it"
        )
    return classifier.manifest


def read_all(files: Sequence[Path]) -> list[Example]:
    """Return the examples of these files, or the project's own where there are none."""
    from analysis.training_data import project_labels, read_labels

    return [example for file in files for example in read_labels(file)] if files else project_labels()


def _moods(nlp: Path | None) -> list[Example]:
    from analysis.training_data import nlp_folder, sentiment_training

    try:
        return sentiment_training(nlp_folder(nlp))
    except ConfigError:
        if nlp is not None:
            raise
        return []


def installed() -> list[dict[str, Any]]:
    """Return name, model_id, parts and measured facts of every shipped model, hashes checked."""
    found = [verify(folder) for folder in sorted(MODELS.iterdir()) if folder.is_dir()]
    return [{"name": m.name, "model_id": m.model_id, "parts": list(m.parts), "facts": m.facts} for m in found]
