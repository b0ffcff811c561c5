"""Loss and total gradient norm at points of a plane in weight space; weights are combined in place, never reloaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts
from stabbench.models.vocabulary import VocabularyCut
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective
from stabbench.training.evaluation import Evaluator
from stabbench.training.norms import gradient_norms

Point = tuple[float, float]
"""(α, β): θp + α·(θf − θp) + β·(θs − θp)."""

_ALIGNED = 16


@dataclass(frozen=True)
class PlaneInputs:
    """What a plane is made of: three models' tensors by Hugging Face name, and the examples.

    `corners` are θp, θf and θs; `texts` count the rows of the word table that these hold.
    """

    architecture: Architecture
    corners: tuple[Mapping[str, Tensor], Mapping[str, Tensor], Mapping[str, Tensor]]
    texts: TokenizedTexts
    segments: bool
    objective: Objective = field(default_factory=objectives.find)

    def cut(self) -> PlaneInputs:
        """The same with the word pieces in use alone, if it can be cut: the others change neither loss nor gradient."""
        family = families.of(self.architecture)
        if not family.capabilities.cuts_vocabulary:
            return self
        cut = VocabularyCut.of((self.texts,), family.fixed_ids(self.architecture))
        table = self.architecture.word_embeddings
        start, failed, successful = ({**corner, table: cut.cut(corner[table])} for corner in self.corners)
        return replace(self, corners=(start, failed, successful), texts=cut.renumber(self.texts))


class Plane:
    """Evaluates `stack` points at a time on a device; one on a CPU, where the compiled kernel computes."""

    def __init__(self, inputs: PlaneInputs, device: str = "cpu", stack: int = 1) -> None:
        shapes = {name: tensor.shape for name, tensor in inputs.corners[0].items()}
        self.stack, self.names = stack, list(shapes)
        self.corners = torch.stack([_flat(corner, self.names) for corner in inputs.corners]).to(device)
        self.flat = torch.empty(stack, self.corners.shape[1], dtype=self.corners.dtype, device=device)
        self.weights: dict[str, Tensor] = {}
        start = 0
        for name, shape in shapes.items():
            part = self.flat[:, start : start + shape.numel()].view(stack, *shape)
            self.weights[name] = part.detach().requires_grad_()
            start += _rounded(shape.numel())
        self.encoder = families.encoder_of(inputs.architecture)
        dtype, place = self.corners.dtype, torch.device(device)
        self.batches = Evaluator(inputs.texts, stack, dtype, place, segments=inputs.segments).batches
        self.examples, self.objective = len(inputs.texts), inputs.objective

    def at(self, points: Sequence[Point]) -> list[tuple[float, float]]:
        """(loss, total gradient norm) at each point: the mean loss over the examples, dropout off."""
        found: list[tuple[float, float]] = []
        for start in range(0, len(points), self.stack):
            part = list(points[start : start + self.stack])
            found += self._stacked(part + [part[-1]] * (self.stack - len(part)))[: len(part)]
        return found

    def _stacked(self, points: Sequence[Point]) -> list[tuple[float, float]]:
        with torch.no_grad():
            factors = torch.tensor([(1 - a - b, a, b) for a, b in points], dtype=torch.float64)
            torch.mm(factors.to(self.corners), self.corners, out=self.flat)
        weights = list(self.weights.values())
        losses = torch.zeros(self.stack, dtype=torch.float64, device=self.flat.device)
        gradients: list[Tensor] = []
        for batch in self.batches:
            logits = self.encoder.classify(self.weights, batch).double()
            part = self.objective.losses(logits, batch.labels).sum(dim=1) / self.examples
            losses += part.detach()
            new = torch.autograd.grad(part.sum(), weights)
            gradients = [*new] if not gradients else [total + more for total, more in zip(gradients, new, strict=True)]
        norms = gradient_norms(dict(zip(self.names, gradients, strict=True))).double().square().sum(dim=0).sqrt()
        return list(zip(losses.tolist(), norms.tolist(), strict=True))


def distances(inputs: PlaneInputs) -> dict[str, float | None]:
    """The lengths ‖θf − θp‖ and ‖θs − θp‖, and the cosine of the angle between them; None where one is 0."""
    base, *ends = (_flat(corner, list(inputs.corners[0])).double() for corner in inputs.corners)
    first, second = (end - base for end in ends)
    lengths = float(first.norm()), float(second.norm())
    cosine = float(first @ second) / math.prod(lengths) if all(lengths) else None
    return {"length_failed": lengths[0], "length_successful": lengths[1], "cosine": cosine}


def _flat(tensors: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """All tensors in one vector, each beginning at a multiple of 16 numbers."""
    parts = [tensors[name].detach().flatten() for name in names]
    return torch.cat([F.pad(part, (0, _rounded(len(part)) - len(part))) for part in parts])


def _rounded(count: int) -> int:
    return -(-count // _ALIGNED) * _ALIGNED
