"""Open a BERT-like base, and write what was trained as a standard folder (extra `train`: torch).

The folder is what transformers writes: config.json, tokenizer.json, model.safetensors, README.md. The four heads are
the 18 labels of a sequence classifier, so `AutoModelForSequenceClassification` loads them and `AutoModel` the encoder.
"""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.errors import ModelError
from analysis.model_folder import HEADS, OUTPUTS, file_hash
from analysis.records import ACTS, LEVELS, SENTIMENTS, THEMES
from analysis.training_graph import PREFIX

NAMES = (
    *(f"level>={k} ({LEVELS[k]})" for k in range(1, len(LEVELS))),
    *(f"act {name}" for name in ACTS),
    *(f"theme {name}" for name in THEMES),
    *(f"sentiment {name}" for name in SENTIMENTS),
)
FACTS = "training.json"
WEIGHTS = "model.safetensors"
HASHED = ("config.json", "tokenizer.json", WEIGHTS)


def need_training_extra() -> None:
    """Raise ModelError, naming the remedy, where what training needs is not installed."""
    missing = [name for name in ("torch", "onnx", "sklearn") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(f"training needs {', '.join(missing)}: `pip install sejuk[train]` (or `make train`)")


def open_base(base: str, revision: str | None, seed: int) -> tuple[Any, Any, str | None]:
    """Return tokenizer, network with 18 outputs, and the base's commit where it came from a hub.

    Args:
        base: a folder, or a name on the hub of models.
        revision: commit, branch or tag of the hub's repository.
        seed: of the new heads' first weights, and of all chance after.

    Raises:
        ModelError: it cannot be had, is no BERT, or holds its weights as a pickle alone.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    folder = Path(base)
    if folder.is_dir() and not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no .safetensors (a .bin is a pickle: opening one can run its code): where you trust it, "
            "convert it with `AutoModel.from_pretrained(FOLDER).save_pretrained(NEW)` and give `--base NEW`"
        )
    quiet()
    torch.manual_seed(seed)
    options: dict[str, Any] = {"revision": revision} if revision else {}
    try:
        config = AutoConfig.from_pretrained(base, **options)
        if config.model_type not in PREFIX:
            raise ModelError(f"{base} is a {config.model_type}, not one of {', '.join(PREFIX)}: choose another --base")
        tokenizer = AutoTokenizer.from_pretrained(base, **options)
        network = AutoModelForSequenceClassification.from_pretrained(
            base,
            use_safetensors=True,
            num_labels=OUTPUTS,
            id2label=dict(enumerate(NAMES)),
            label2id={name: i for i, name in enumerate(NAMES)},
            ignore_mismatched_sizes=True,
            dtype="float32",
            **options,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"base {base!r} cannot be had: {error}\nGive `--base FOLDER` with config.json, a tokenizer and "
            "model.safetensors, fetched where the hub can be reached; of weights that are published as a pickle alone "
            "(pytorch_model.bin), name the commit of a converted copy (`--revision refs/pr/N`)"
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(f"{base} has no tokenizer that can be written as tokenizer.json: choose another --base")
    words, rows = len(tokenizer), int(config.vocab_size)
    if not len(tokenizer.all_special_tokens) < words <= rows:  # without its files transformers makes an empty one
        raise ModelError(
            f"{base} has a tokenizer of {words} words and an embedding of {rows} rows: they do not belong together, "
            "or vocab.txt and tokenizer.json are missing"
        )
    return tokenizer, network, _commit(base, options)


def _commit(base: str, options: Mapping[str, Any]) -> str | None:
    """Return the commit that the files of a hub's repository were taken from; None of a folder."""
    from transformers.utils.hub import cached_file, extract_commit_hash

    found: str | None = extract_commit_hash(cached_file(base, "config.json", **options), None)
    return found


def quiet() -> None:
    """Let transformers say nothing of new heads, which are meant to be new, and draw no bars of its own."""
    from transformers.utils import logging as said

    logging.getLogger("transformers").setLevel(logging.ERROR)
    silence: Any = said.disable_progress_bar
    silence()


def write_folder(folder: Path, network: Any, tokenizer: Any, facts: Mapping[str, Any]) -> None:
    """Write the standard folder with its model card; `facts` (training.json), with its hashes, are written last."""
    folder.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(_card(folder.name, facts))
    hashes = {"files": {name: file_hash(folder / name) for name in HASHED}}
    (folder / FACTS).write_text(json.dumps({**facts, **hashes}, indent=1, ensure_ascii=False) + "\n")


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what stands in training.json.

    Raises: ModelError where this is no trained folder, was changed, or its heads are not the ones of this program.
    """
    for name in (FACTS, *HASHED):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} holds no trained encoder ({name} is missing): `model train --base … --out …`")
    try:
        config, facts = (json.loads((folder / name).read_text()) for name in ("config.json", FACTS))
        labels = len(config["id2label"])
        changed = [name for name in HASHED if facts["files"][name] != file_hash(folder / name)]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}: config.json or {FACTS} cannot be read ({error!r})") from error
    if labels != OUTPUTS:
        raise ModelError(f"{folder} has {labels} labels in place of {OUTPUTS} (heads of {HEADS}): train it here")
    if changed:
        raise ModelError(f"{folder}: {', '.join(changed)} is not what {FACTS} says: restore it, or train again")
    return dict(facts)


def _card(name: str, facts: Mapping[str, Any]) -> str:
    plan, found = facts["plan"], facts["validation"]
    measured = "\n".join(f"| {key} | {value} |" for key, value in found.items())
    sets = (
        f"""{facts["sentiment_texts"]} texts of public sentiment sets (SmSA: Apache-2.0, Purwarianti & Crisdayanti 2019,
Wilie et al. 2020; NusaX: CC BY-SA 4.0, Winata et al. 2023)"""
        if facts["sentiment_texts"]
        else "no public sentiment set"
    )
    return f"""---
language: [id, jv, su]
base_model: {plan["base"]}
pipeline_tag: text-classification
---
# {name}: tension, act, themes and sentiment of Indonesian news and posts
One encoder with four heads as {OUTPUTS} labels: level reached (1 to 4, cumulative), act, themes, sentiment. Texts are
read as `analysis.normalise` writes them; `analysis.tension` turns the four levels into tension = expected level / 4.

Made by `run_monitor.py model train --base {plan["base"]}` (base at {facts["base_commit"] or "a local folder"}).

## Trained on
{facts["labels"]} labelled texts (writers {", ".join(facts["writers"])}; "koreksi" are analysts' corrections)
and {sets}.

## Validation ({facts["validation_texts"]} texts; training was stopped by them, so the figures are kind)
| | |
|---|---|
{measured}

## Use and limits
Meant to rank villages for a visit and a talk, read by a person who sees the sentences; never for judging a person.
No labelled texts from Lampung exist, each text was labelled by its own writer, and regional-language lines are not by
native speakers. `run_monitor.py model evaluate` measures it on a test split.
"""
