"""Where models lie, and the commands that make and check them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.errors import ModelError
from analysis.model_folder import Manifest, verify
from pipelines.config import PROJECT

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


def installed() -> list[dict[str, Any]]:
    """Return name, model_id, parts and measured facts of every shipped model, hashes checked."""
    found = [verify(folder) for folder in sorted(MODELS.iterdir()) if folder.is_dir()]
    return [{"name": m.name, "model_id": m.model_id, "parts": list(m.parts), "facts": m.facts} for m in found]
