"""Fine-tune a BERT-like encoder with four heads; goes on where it was stopped (extra `train`: torch).

Weights, optimiser and random state are kept every `save_every` steps under `FOLDER/.training`, as safetensors. On a
CPU a run that was killed and started again ends with the weights of one that was not (same number of threads); on a
GPU sums are not always taken in one order, so there the two agree to rounding (about 1e-3 in a logit under bf16).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ConfigError, ModelError
from analysis.model_folder import HEADS, OUTPUTS
from analysis.normalise import normalise
from analysis.quality import macro_f1, measure
from analysis.tension import expected_tension
from analysis.training_data import Example, Targets, full_texts, targets, validation_split
from analysis.training_folder import FACTS, open_base, write_folder
from analysis.training_state import Kept, Plan, Progress

STATE = ".training"
_POOL = 32  # batches sorted by length together: little padding, yet other neighbours each epoch


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids and targets of n texts."""

    ids: list[list[int]]
    labels: Targets
    padding: int

    def batch(self, rows: Sequence[int], torch: Any, device: str) -> tuple[dict[str, Any], list[Any]]:
        """Return padded inputs and the targets of some rows, on the device."""
        longest = max(len(self.ids[i]) for i in rows)
        tokens = np.full((len(rows), longest), self.padding, np.int64)
        mask = np.zeros_like(tokens)
        for row, i in enumerate(rows):
            tokens[row, : len(self.ids[i])] = self.ids[i]
            mask[row, : len(self.ids[i])] = 1
        wanted = [getattr(self.labels, name)[rows] for name in ("level", "act", "themes", "sentiment")]
        inputs = {"input_ids": tokens, "attention_mask": mask}
        return (
            {name: torch.from_numpy(value).to(device) for name, value in inputs.items()},
            [torch.from_numpy(value).to(device) for value in wanted],
        )


def encode(examples: Sequence[Example], tokenizer: Any, window: int) -> Encoded:
    """Return the tokens of normalised texts, cut to the window, with their targets."""
    texts = [normalise(text) for text in full_texts(examples)]
    ids = tokenizer(texts, truncation=True, max_length=window)["input_ids"] if texts else []
    return Encoded([list(row) for row in ids], targets(examples), int(tokenizer.pad_token_id))


def batches(lengths: Sequence[int], size: int, seed: Sequence[int]) -> list[list[int]]:
    """Return all rows once, shuffled, in batches of like length; the same for the same seed."""
    random = np.random.default_rng(list(seed))
    order = random.permutation(len(lengths))
    found: list[list[int]] = []
    for start in range(0, len(order), size * _POOL):
        pool = sorted(order[start : start + size * _POOL].tolist(), key=lambda i: lengths[i])
        found += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [found[i] for i in random.permutation(len(found))]


def loss(logits: Any, wanted: Sequence[Any], torch: Any) -> Any:
    """Return the summed loss of the four heads a text; a label that is missing adds nothing.

    Args:
        logits: (n, 18) float.
        wanted: level (n,), act (n,), themes (n, 8), sentiment (n,), -1 where missing.
    """
    functional = torch.nn.functional
    level, act, theme, mood = logits.float().split(list(HEADS), dim=1)
    steps = torch.arange(1, HEADS[0] + 1, device=logits.device)
    reached = (wanted[0][:, None] >= steps).float()
    ordinal = functional.binary_cross_entropy_with_logits(level, reached, reduction="none")
    total = (ordinal * (wanted[0] >= 0)[:, None]).sum()
    total = total + functional.cross_entropy(act, wanted[1], ignore_index=-1, reduction="sum")
    named = functional.binary_cross_entropy_with_logits(theme, wanted[2].clamp(min=0).float(), reduction="none")
    total = total + (named * (wanted[2] >= 0)).sum()
    total = total + functional.cross_entropy(mood, wanted[3], ignore_index=-1, reduction="sum")
    return total / len(logits)


class Training:
    """One fine-tuning, from its state on disk to the best weights. Use `run`."""

    def __init__(self, plan: Plan, network: Any, tokenizer: Any, train: Sequence[Example], check: Sequence[Example]):
        import torch

        self.torch, self.plan, self.network = torch, plan, network
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.bf16 = self.device == "cuda" and torch.cuda.is_bf16_supported()
        network.to(self.device)
        self.train = encode(train, tokenizer, plan.window)
        self.check = encode(check, tokenizer, plan.window)
        whole = [p for p in network.parameters() if p.ndim >= 2]
        flat = [p for p in network.parameters() if p.ndim < 2]
        groups = [{"params": whole, "weight_decay": plan.decay}, {"params": flat, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.rate)
        self.progress = Progress()
        self.total = plan.epochs * -(-len(train) // plan.batch)
        self.fingerprint = _fingerprint(plan, [*full_texts(train), *full_texts(check)], self.train, self.check)

    def run(self, folder: Path, on_step: Callable[[int, int, str], None] = lambda done, total, said: None) -> Progress:
        """Train to the end or until validation stops getting better; the network then holds the best weights.

        Args:
            folder: where the state is kept, under `.training`; what lies there is gone on with.
            on_step: called with steps done, steps in all, and a line where there is something to say.

        Raises: ModelError where the state there belongs to another plan or other texts, or the loss is no number.
        """
        kept = Kept(folder / STATE)
        self.progress = kept.restore(self) or self.progress
        if self.progress.done:
            on_step(self.progress.done, self.total, f"goes on at step {self.progress.done} of {self.total}")
        while self.progress.epoch < self.plan.epochs and self.progress.stale < self.plan.patience:
            self._epoch(kept, on_step)
            error = self._judge()
            said = f"epoch {self.progress.epoch} of {self.plan.epochs}: error of tension {error:.4f}"
            on_step(self.progress.done, self.total, said)
            kept.save(self)
        kept.best(self)
        return self.progress

    def _epoch(self, kept: Kept, on_step: Callable[[int, int, str], None]) -> None:
        """Train one epoch, or what is left of it."""
        now = self.progress
        lengths = [len(row) for row in self.train.ids]
        self.network.train()
        for rows in batches(lengths, self.plan.batch, (self.plan.seed, now.epoch))[now.step :]:
            self._step(rows)
            now.step, now.done = now.step + 1, now.done + 1
            on_step(now.done, self.total, "")
            if now.done % self.plan.save_every == 0:
                kept.save(self)
        now.epoch, now.step = now.epoch + 1, 0

    def _step(self, rows: Sequence[int]) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(self.progress.done, self.total)
        inputs, wanted = self.train.batch(rows, self.torch, self.device)
        with self.torch.autocast(self.device, dtype=self.torch.bfloat16, enabled=self.bf16):
            logits = self.network(**inputs).logits
        value = loss(logits, wanted, self.torch)
        if not bool(self.torch.isfinite(value)):
            raise ModelError(f"the loss is {float(value)} at step {self.progress.done}: give a lower --rate")
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        self.torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.optimizer.step()

    def _judge(self) -> float:
        """Measure the validation split after an epoch; keep the weights where they are the best so far."""
        now = self.progress
        level, found = self.check.labels.level, self.predict(self.check)
        told = level >= 0
        said = expected_tension(found[told, : HEADS[0]])
        error = float(np.sqrt(np.mean((said - level[told] / HEADS[0]) ** 2)))
        now.history.append({"epoch": now.epoch, "tension_error": round(error, 5)})
        better = now.best is None or error < now.best
        now.best, now.stale = (error, 0) if better else (now.best, now.stale + 1)
        return error

    def predict(self, encoded: Encoded) -> NDArray[np.float32]:
        """Return the (n, 18) logits of encoded texts."""
        out = np.empty((len(encoded.ids), OUTPUTS), np.float32)
        self.network.eval()
        with self.torch.inference_mode():
            for rows in _by_length(encoded.ids, 2 * self.plan.batch):
                inputs, _ = encoded.batch(rows, self.torch, self.device)
                out[rows] = self.network(**inputs).logits.float().cpu().numpy()
        return out


def _by_length(ids: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    yield from (order[i : i + size] for i in range(0, len(order), size))


def _fingerprint(plan: Plan, texts: Sequence[str], *sets: Encoded) -> str:
    """Return what two runs must share for one to go on where the other stopped."""
    digest = hashlib.sha256(json.dumps(asdict(plan), sort_keys=True).encode())
    for text in texts:
        digest.update(text.encode("utf-8", "replace") + b"\0")
    for each in sets:
        for name in ("level", "act", "themes", "sentiment"):
            digest.update(getattr(each.labels, name).tobytes())
    return digest.hexdigest()


def train_encoder(
    plan: Plan,
    labels: Sequence[Example],
    moods: Sequence[Example],
    folder: Path,
    on_step: Callable[[int, int, str], None] = lambda done, total, said: None,
) -> dict[str, Any]:
    """Fine-tune `plan.base`, write the standard folder, and return its facts (training.json).

    Args:
        labels: the project's labels and analysts' corrections; a part is held out (`validation_split`).
        moods: public sentiment sets, all trained on; may be empty.
        folder: where the result and, until it is whole, the state of the training lie.

    Raises: ModelError, ConfigError.
    """
    if (folder / FACTS).exists():
        raise ModelError(f"{folder} holds a trained encoder already: name another --out, or remove it")
    train, check = validation_split(labels, plan.validation_writer)
    if all(example.level is None for example in check):
        raise ConfigError("labels", f"none of the {len(check)} held-out texts has a level: training is judged by them")
    tokenizer, network, commit = open_base(plan.base, plan.revision, plan.seed)
    plan = replace(plan, window=min(plan.window, network.config.max_position_embeddings - 2))
    run = Training(plan, network, tokenizer, [*train, *moods], check)
    progress = run.run(folder, on_step)
    facts = {
        "plan": asdict(plan),
        "base_commit": commit,
        "labels": len(labels),
        "writers": sorted({example.writer for example in labels}),
        "sentiment_texts": len(moods),
        "validation_texts": len(check),
        "validation": judged(run.predict(run.check), run.check.labels),
        "epochs": progress.history,
        "device": run.device,
    }
    write_folder(folder, network.cpu(), tokenizer, facts)
    shutil.rmtree(folder / STATE)
    return facts


def judged(logits: NDArray[np.float32], labels: Targets) -> dict[str, float]:
    """Return how well (n, 18) logits agree with the labels there are: tension, act and sentiment."""
    told = labels.level >= 0
    level, act, _, mood = np.split(logits, np.cumsum(HEADS)[:-1], axis=1)
    found = measure(labels.level[told], expected_tension(level[told])) if told.any() else {}
    for name, wanted, said in (("act", labels.act, act), ("sentiment", labels.sentiment, mood)):
        score = macro_f1(wanted[wanted >= 0], said[wanted >= 0].argmax(axis=1))
        found |= {} if score is None else {f"{name}_macro_f1": round(score, 4)}
    return found
