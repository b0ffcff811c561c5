"""Everything that changes during a training, so that it can be saved in the middle and go on bit for bit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from stabbench.errors import UserError
from stabbench.files import write_json, writing
from stabbench.models.weights import save_tensors
from stabbench.scratch import scratch_file

FORMAT = 2
"""Of a saved state: raised with every change of what is kept or of what it means. Others are not gone on with."""


@dataclass
class Evaluation:
    """Scores of the dev set after `step` updates, one entry a run; no value where the run had diverged."""

    step: int
    losses: list[float | None]
    scores: list[dict[str, float]]


@dataclass
class TrainingState:
    """Weights, moments and the strategies' tensors `[S, …]`, and the measurements so far.

    `moments` is what the optimizer keeps of each weight that has been trained, by names of its own. `losses`, `norms`
    and `clipped_norms` hold one row of `S` values an update; `gradient_norms` one `(tensors, S)` table for each
    measured step.
    """

    weights: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]
    strategy: dict[str, Tensor]
    step: int = 0
    losses: list[Tensor] = field(default_factory=list)
    norms: list[Tensor] = field(default_factory=list)
    clipped_norms: list[Tensor] = field(default_factory=list)
    gradient_norms: list[Tensor] = field(default_factory=list)
    gradient_norm_steps: list[int] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    """Forward passes of each update; `tokens` counts those of all of them."""
    missed: dict[str, int] = field(default_factory=dict)
    """Updates that each tensor has sat out, frozen."""
    reported: dict[str, Tensor] = field(default_factory=dict)
    """Weights `[S, …]` of an earlier evaluation, of runs that may report them (`selection`)."""

    def save(self, folder: Path) -> None:
        """Write the state to `folder`: tensors as safetensors, the rest as JSON; the JSON file completes it.

        Raises UserError where the disk is full or says no: what was saved before is still there then.
        """
        tensors = {f"weights/{name}": tensor for name, tensor in self.weights.items()}
        tensors |= {f"moments/{of}/{name}": kept for name, own in self.moments.items() for of, kept in own.items()}
        tensors |= {f"strategy/{name}": tensor for name, tensor in self.strategy.items()}
        tensors |= {f"reported/{name}": tensor for name, tensor in self.reported.items()}
        for name in ("losses", "norms", "clipped_norms", "gradient_norms"):
            rows = getattr(self, name)
            if rows:
                tensors[f"measured/{name}"] = torch.stack(rows)
        tensors_file = folder / f"state-{self.step}.safetensors"
        with writing(tensors_file), scratch_file(tensors_file) as temporary:
            save_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
            temporary.replace(tensors_file)
        try:
            write_json(folder / "state.json", self._facts())
        except UserError:
            tensors_file.unlink()
            raise
        for stale in folder.glob("state-*.safetensors"):
            if stale != tensors_file:
                stale.unlink()

    def _facts(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "step": self.step,
            "order": list(self.weights),
            "trained": list(self.moments),
            "gradient_norm_steps": self.gradient_norm_steps,
            "tokens": self.tokens,
            "passes": self.passes,
            "missed": self.missed,
            "evaluations": [vars(evaluation) for evaluation in self.evaluations],
        }

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> TrainingState | None:
        """The state that `save` wrote, or None where there is none, it is not whole or another version's."""
        try:
            facts = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                return None
            loaded = load_file(folder / f"state-{facts['step']}.safetensors", device=str(device))
        except Exception:  # a checkpoint is a convenience: one that cannot be read means starting over
            return None

        tensors = {name: tensor.clone() for name, tensor in loaded.items()}  # aligned, as matrix products want it

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

        measured = part("measured/")
        weights = part("weights/")
        moments: dict[str, dict[str, Tensor]] = {name: {} for name in facts["trained"]}
        for place, tensor in part("moments/").items():
            of, _, name = place.partition("/")
            moments[name][of] = tensor
        return cls(
            weights={name: weights[name] for name in facts["order"]},
            moments=moments,
            strategy=part("strategy/"),
            step=int(facts["step"]),
            gradient_norm_steps=facts["gradient_norm_steps"],
            tokens=facts["tokens"],
            passes=facts["passes"],
            missed=facts["missed"],
            reported=part("reported/"),
            evaluations=[Evaluation(**evaluation) for evaluation in facts["evaluations"]],
            **{name: list(table.unbind(0)) for name, table in measured.items()},
        )
