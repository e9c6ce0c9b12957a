"""How an encoder is trained, and the state kept on disk so that it goes on where it was stopped."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from analysis.errors import ModelError


@dataclass(frozen=True, slots=True)
class Plan:
    """How an encoder is fine-tuned; a resumed run must share all of it.

    `rate` is the highest learning rate, reached after the `warmup` share of all steps; `window` is in tokens,
    `patience` in epochs without a better validation, `save_every` in steps.
    """

    base: str
    revision: str | None = None
    epochs: int = 5
    batch: int = 16
    rate: float = 3e-5
    warmup: float = 0.1
    decay: float = 0.01
    clip: float = 1.0
    window: int = 192
    patience: int = 2
    seed: int = 1
    save_every: int = 200
    validation_writer: str | None = None

    def rate_at(self, done: int, total: int) -> float:
        """Return the learning rate of a step: linear up, then linear down to 0.

        >>> plan = Plan("base", rate=1.0, warmup=0.2)
        >>> [plan.rate_at(step, 10) for step in (0, 1, 2, 9)]
        [0.5, 1.0, 1.0, 0.125]
        """
        rise = max(1, round(total * self.warmup))
        return self.rate * ((done + 1) / rise if done < rise else (total - done) / max(1, total - rise))


@dataclass(slots=True)
class Progress:
    """Where a training stands."""

    epoch: int = 0
    step: int = 0  # within the epoch
    done: int = 0  # in all
    best: float | None = None  # error of tension on the validation split, at best
    stale: int = 0  # epochs since
    history: list[dict[str, float]] = field(default_factory=list)


class Run(Protocol):
    """What of a training is kept."""

    network: Any
    optimizer: Any
    device: str
    progress: Progress
    fingerprint: str  # what two runs must share for one to go on where the other stopped


class Kept:
    """The state of a training on disk; each file is written whole under another name, then takes its place."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.facts = folder, folder / "state.json"

    def save(self, run: Run) -> None:
        """Write weights, optimiser and random state; the best weights too where they are these."""
        import torch

        now = run.progress
        tensors = {f"weight.{k}": v for k, v in run.network.state_dict().items()}
        for number, state in run.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{k}": v for k, v in state.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if run.device == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"step-{now.done}-{now.epoch}.safetensors"
        self._write(name, tensors)
        best = name.replace("step", "best") if now.history and now.stale == 0 and now.step == 0 else self._known("best")
        if best and best != self._known("best"):
            self._write(best, run.network.state_dict())
        part = self.facts.with_suffix(".part")
        part.write_text(json.dumps({"fingerprint": run.fingerprint, "file": name, "best": best} | {"now": asdict(now)}))
        os.replace(part, self.facts)
        for old in self.folder.glob("*.safetensors"):
            if old.name not in (name, best):
                old.unlink()

    def restore(self, run: Run) -> Progress | None:
        """Put a stored state back; None where there is none."""
        import torch

        if not self.facts.exists():
            return None
        stored = json.loads(self.facts.read_text())
        if stored["fingerprint"] != run.fingerprint:
            raise ModelError(
                f"{self.folder.parent} holds an unfinished training with other settings or labels: "
                f"give the same again, name another --out, or remove {self.folder}"
            )
        tensors = self._read(stored["file"], run.device)
        run.network.load_state_dict({k[7:]: v for k, v in tensors.items() if k.startswith("weight.")})
        state: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, number, name = key.split(".")
                state.setdefault(int(number), {})[name] = value
        run.optimizer.load_state_dict({"state": state, "param_groups": run.optimizer.state_dict()["param_groups"]})
        torch.set_rng_state(tensors["random.cpu"].cpu())
        if run.device == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"].cpu())
        return Progress(**stored["now"])

    def best(self, run: Run) -> None:
        """Load the best weights into the network."""
        if name := self._known("best"):
            run.network.load_state_dict(self._read(name, run.device))

    def _known(self, key: str) -> str | None:
        return json.loads(self.facts.read_text())[key] if self.facts.exists() else None

    def _read(self, name: str, device: str) -> dict[str, Any]:
        from safetensors.torch import load_file

        return {key: value.clone() for key, value in load_file(self.folder / name, device=device).items()}

    def _write(self, name: str, tensors: dict[str, Any]) -> None:
        from safetensors.torch import save_file

        part = self.folder / f"{name}.part"
        save_file({key: value.detach().contiguous().cpu().clone() for key, value in tensors.items()}, part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, self.folder / name)
