"""A model folder: its manifest, and the hashes that are checked before anything in it is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.records import ACTS, LEVELS, SENTIMENTS, THEMES

MANIFEST = "sejuk.json"
HEADS = (len(LEVELS) - 1, len(ACTS), len(THEMES), len(SENTIMENTS))  # cumulative level, act, themes, sentiment
OUTPUTS = sum(HEADS)
PARTS = {"ngrams": "ngrams.npz", "encoder": "encoder.onnx"}
STANDARD = ("config.json", "tokenizer.json", "tokenizer_config.json")  # what AutoConfig and AutoTokenizer read
_REMEDY = "restore the folder, name another as `model` in sejuk.toml, or train with `run_monitor.py model train`"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model folder holds and how its parts' logits become probabilities.

    `blend` maps a part to its (18,) weights; logits = sum of weight * part + `bias`. `files` maps names to
    SHA-256. `window` is the number of tokens read at once.
    """

    name: str
    parts: tuple[str, ...]
    blend: dict[str, list[float]]
    bias: list[float]
    files: dict[str, str]
    window: int = 160
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        """Return 16 hex digits that change with weights, tokenizer or calibration."""
        stands = {"parts": self.parts, "blend": self.blend, "bias": self.bias, "window": self.window}
        text = json.dumps([stands, self.files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def weights(self, part: str) -> NDArray[np.float32]:
        """Return the (18,) weights of one part's logits."""
        return np.array(self.blend[part], np.float32)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with the hashes of the folder's files as they are now; return it."""
    names = [PARTS[part] for part in manifest.parts]
    names += [n for n in ("encoder.onnx.data", *STANDARD, "vocab.txt") if (folder / n).exists()]
    files = {name: file_hash(folder / name) for name in sorted(set(names))}
    full = Manifest(
        manifest.name, manifest.parts, manifest.blend, manifest.bias, files, manifest.window, manifest.facts
    )
    stored = {key: getattr(full, key) for key in ("name", "parts", "blend", "bias", "window", "files", "facts")}
    text = json.dumps(stored | {"model_id": full.model_id}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n")
    return full


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a model folder; its shape is checked, its files are not.

    Raises:
        ModelError: there is none, or it does not fit this program.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"no model in {folder} ({MANIFEST} is missing): {_REMEDY}")
    try:
        stored = json.loads(path.read_text())
        stored.pop("model_id", None)
        manifest = Manifest(**stored | {"parts": tuple(stored["parts"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} cannot be read ({error}): {_REMEDY}") from error
    unknown = [part for part in manifest.parts if part not in PARTS]
    sizes = {len(manifest.bias), *(len(manifest.blend.get(part, ())) for part in manifest.parts)}
    if unknown or not manifest.parts or sizes != {OUTPUTS}:
        raise ModelError(
            f"{path} does not fit: {OUTPUTS} outputs and parts of {', '.join(PARTS)} are wanted: {_REMEDY}"
        )
    return manifest


def verify(folder: Path) -> Manifest:
    """Return the manifest after checking that every file is there and unchanged.

    Raises:
        ModelError: a file is missing, changed, or not named in the manifest.
    """
    manifest = read_manifest(folder)
    for part in manifest.parts:
        if PARTS[part] not in manifest.files:
            raise ModelError(f"{folder / MANIFEST} names no hash for {PARTS[part]}: {_REMEDY}")
    for name, known in manifest.files.items():
        path = folder / name
        if path.parent != folder or not path.is_file():
            raise ModelError(f"{path} is missing: {_REMEDY}")
        if file_hash(path) != known:
            raise ModelError(f"{path} is not what {MANIFEST} says (changed or cut off): {_REMEDY}")
    return manifest
