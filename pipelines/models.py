"""Where models lie, and the commands that make, check and choose them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import tomllib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import ConfigError, ModelError
from analysis.model_folder import MANIFEST, Manifest, verify
from pipelines.audit import record
from pipelines.config import PROJECT, Settings
from pipelines.lock import one_run
from pipelines.store import Store

if TYPE_CHECKING:
    from analysis.training_data import Example
    from analysis.training_state import Plan

STRAY = 0.02  # tension of a probe apart from what the exporting machine scored
MODELS = PROJECT / "data" / "models"


def train_preset(
    nlp: Path | None, folder: Path, on_step: Callable[[str], None], corrected: Sequence[Example] = ()
) -> Manifest:
    """Train the default from data/labels, analysts' corrections and the sentiment sets; write it to `folder`.

    Raises: ModelError (scikit-learn is missing), ConfigError (labels or sets are missing).
    """
    _need_sklearn()
    from analysis.training_data import nlp_folder, project_labels, sentiment_training
    from analysis.training_preset import train_kecil

    return train_kecil([*project_labels(), *corrected], sentiment_training(nlp_folder(nlp)), folder, on_step)


def train_place_weights(
    region: Path, labels: Path | None, out: Path | None, on_step: Callable[[str], None]
) -> dict[str, Any]:
    """Learn the weights of places from labelled texts (split dev), write them and return what was measured.

    Raises: ModelError (scikit-learn is missing), MonitorError (labels cannot be read, or are of one writer).
    """
    _need_sklearn()
    from analysis.evaluation import read_places
    from analysis.gazetteer import Gazetteer
    from analysis.locate import Locator
    from analysis.matter import FILE, Weights
    from analysis.training_places import save, train_places

    texts = read_places(labels or PROJECT / "data" / "labels" / "places.jsonl", "dev")
    weights, facts = train_places(texts, Locator(Gazetteer.load(region), Weights(0, {})), on_step)
    save(weights, facts, out or FILE)
    return facts


def _need_sklearn() -> None:
    if importlib.util.find_spec("sklearn") is None:
        raise ModelError("training needs scikit-learn: `pip install scikit-learn`, or the extra `train`")


def train_base(
    plan: Plan,
    labels: Sequence[Path],
    nlp: Path | None,
    folder: Path,
    on_step: Callable[[int, int, str], None],
    corrected: Sequence[Example] = (),
) -> dict[str, Any]:
    """Fine-tune a BERT-like base; return its facts.

    Args:
        labels: files of labels; the project's own where empty.
        nlp: folder of the sentiment sets; where None and none lies at its usual place, training goes without.
        corrected: analysts' corrections, trained on too (`corrections`).

    Raises: ModelError (torch is missing, the base cannot be had), ConfigError (labels or sets are missing).
    """
    from analysis.training_folder import need_training_extra

    need_training_extra()
    from analysis.training_encoder import train_encoder

    moods = _moods(nlp)
    if not moods:
        on_step(0, 1, "no sentiment sets (--nlp): the sentiment head learns from the labels alone")
    return train_encoder(plan, [*read_all(labels), *corrected], moods, folder, on_step)


def export_model(
    folder: Path,
    labels: Sequence[Path],
    on_step: Callable[[str], None] = lambda _: None,
    corrected: Sequence[Example] = (),
) -> dict[str, Manifest]:
    """Write `folder`/fp32 and `folder`/int8 from a fine-tuned folder; return their manifests.

    Args:
        labels: the files it was trained from; their held-out part calibrates. The project's own where empty.
        corrected: the corrections it was trained from.

    Raises: ModelError, ConfigError.
    """
    from analysis.training_folder import need_training_extra, read_facts

    need_training_extra()
    from analysis.training_data import validation_split
    from analysis.training_export import export

    writer = read_facts(folder)["plan"]["validation_writer"]
    return export(folder, validation_split([*read_all(labels), *corrected], writer)[1], on_step)


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


def corrections(settings: Settings) -> list[Example]:
    """Return the labels that were imported into this home; none where there is no database."""
    from pipelines.labels import imported

    if not settings.database.exists():
        return []
    with Store(settings.database, read_only=True) as store:
        return imported(store)


def read_all(files: Sequence[Path], split: str = "train") -> list[Example]:
    """Return the examples of these files, or of the project's own split where there are none.

    Raises: ConfigError where they cannot be read or hold no text.
    """
    from analysis.training_data import project_labels, read_labels

    if not files:
        return project_labels(split)
    found = [example for file in files for example in read_labels(file)]
    if not found:
        raise ConfigError("labels", f"{', '.join(file.name for file in files)}: no text in it")
    return found


def _moods(nlp: Path | None) -> list[Example]:
    from analysis.training_data import nlp_folder, sentiment_training

    try:
        return sentiment_training(nlp_folder(nlp))
    except ConfigError:
        if nlp is not None:
            raise
        return []


def installed(home: Path | None = None, in_use: Path | None = None) -> list[dict[str, Any]]:
    """Return name, folder, model_id, parts and facts of the shipped models and of those under `home`/models.

    A folder that is broken says so in `error` in place of them. `in_use` marks the model of the settings.
    """
    roots = [MODELS] + ([home / "models"] if home else [])
    folders = {path.parent.absolute() for root in roots for path in root.glob(f"**/{MANIFEST}")}
    return [_told(folder, in_use) for folder in sorted(folders | ({in_use.absolute()} if in_use else set()))]


def _told(folder: Path, in_use: Path | None) -> dict[str, Any]:
    said: dict[str, Any] = {"folder": str(folder), "in_use": in_use is not None and folder == in_use.absolute()}
    try:
        manifest = verify(folder)
    except ModelError as error:
        return said | {"name": folder.name, "error": str(error)}
    parts = {"model_id": manifest.model_id, "parts": list(manifest.parts), "facts": manifest.facts}
    return {"name": manifest.name} | said | parts


def use(settings: Settings, file: Path | None, folder: Path, now: datetime) -> Manifest:
    """Check a model, write it as `model` into sejuk.toml, and enter the change in the audit log.

    The next run scores every stored story anew with it; earlier tables keep the model they were made with.

    Args: file: the settings file; None takes ./sejuk.toml, which is made where there is none.

    Raises: ModelError, ConfigError, AlreadyRunning, StorageError.
    """
    manifest = check(folder)
    if "SEJUK_MODEL" in os.environ:
        raise ConfigError("model", "SEJUK_MODEL in the environment overrides sejuk.toml: change or unset it")
    file = file or Path("sejuk.toml")
    text = with_model(file.read_text(encoding="utf-8") if file.exists() else "", folder.absolute())
    with one_run(settings.home, "model use"), Store(settings.database) as store:
        part = file.with_name(f"{file.name}.part")
        part.write_text(text, encoding="utf-8")
        if file.exists():
            part.chmod(file.stat().st_mode)
        part.replace(file)
        said = {"from": str(settings.model), "to": str(folder.absolute()), "model_id": manifest.model_id}
        record(store, "model chosen", said, now)
    return manifest


def with_model(toml: str, folder: Path) -> str:
    """Return a settings file with `model` set, everything else as it stands.

    Raises: ConfigError where the file cannot be changed with certainty.

    >>> with_model('model = "a"\\n[crawl]\\ncontact = "x"\\n', Path("/b"))
    'model = "/b"\\n[crawl]\\ncontact = "x"\\n'
    """
    line = f"model = {json.dumps(str(folder), ensure_ascii=False)}"
    top, *tables = re.split(r"(?m)^(?=\s*\[)", toml, maxsplit=1)
    changed, times = re.subn(r"(?m)^[ \t]*model[ \t]*=.*$", lambda _: line, top)
    text = (changed if times else f"{line}\n{top}") + "".join(tables)
    try:
        if tomllib.loads(text) != tomllib.loads(toml) | {"model": str(folder)}:
            raise ConfigError("model", f"sejuk.toml cannot be changed safely: write {line} into it yourself")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("model", f"sejuk.toml cannot be read ({error}): nothing was changed") from error
    return text
