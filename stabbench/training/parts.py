"""What is fixed in a training of S runs: made once, handed down to the steps, the evaluation and the strategies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stabbench.models import families
from stabbench.models.architecture import TensorFacts
from stabbench.models.batch import Batch, TokenizedTexts, make_batch
from stabbench.models.families.contract import Capabilities, Computation
from stabbench.models.vocabulary import VocabularyCut
from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.recipe import Recipe
from stabbench.training.adamw import AdamW
from stabbench.training.by_rule import ByRule
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.order import Order
from stabbench.training.precision import compute_type, product_type
from stabbench.training.schedule import Schedule


@dataclass(frozen=True)
class Parts:
    """Inputs, seeds and what follows from them alone."""

    inputs: TrainingInputs
    seeds: Seeds
    device: torch.device
    dtype: torch.dtype
    encoder: Computation
    capabilities: Capabilities
    """What the model's family can do."""
    facts: Mapping[str, TensorFacts]
    schedule: Schedule
    cut: VocabularyCut | None
    """The rows of the word table that are trained; None for all of them."""
    train_texts: TokenizedTexts
    dev_texts: TokenizedTexts
    """The inputs' own, counted by the rows that are trained."""
    order: Order
    dropout: Sequence[Draws]
    """Each run's `dropout` stream."""

    @classmethod
    def of(cls, inputs: TrainingInputs, seeds: Seeds, device: torch.device) -> Parts:
        """The parts of a training of one run for each of `seeds`, on a device."""
        recipe, architecture = inputs.recipe, inputs.architecture
        cut = inputs.vocabulary_cut()
        return cls(
            inputs=inputs,
            seeds=seeds,
            device=device,
            dtype=compute_type(recipe.precision),
            encoder=families.encoder_of(architecture, product_type(recipe.precision)),
            capabilities=families.of(architecture).capabilities,
            facts=architecture.facts(),
            schedule=Schedule.of(recipe, len(inputs.train)),
            cut=cut,
            train_texts=cut.renumber(inputs.train) if cut else inputs.train,
            dev_texts=cut.renumber(inputs.dev) if cut else inputs.dev,
            order=Order([Draws(seed["order"], "order") for seed in seeds], len(inputs.train), recipe.batch_size),
            dropout=[Draws(seed["dropout"], "dropout") for seed in seeds],
        )

    @property
    def recipe(self) -> Recipe:
        """The inputs'."""
        return self.inputs.recipe

    @property
    def word_table(self) -> str:
        """The name of the word embeddings."""
        return self.inputs.architecture.word_embeddings

    def batch(self, update: int) -> Batch:
        """What each run sees in an update, counted from 0."""
        chosen = list(self.order.chosen(update))
        segments = not self.recipe.legacy_segments
        return make_batch(self.train_texts, chosen, self.dtype, self.device, segments=segments)

    def decays(self, name: str) -> bool:
        """Whether weight decay applies to a tensor, also to one that a strategy has added."""
        return self.facts[name].decays if name in self.facts else not name.endswith(".bias")

    def initial_weights(self) -> dict[str, Tensor]:
        """Pretrained values and each run's own new tensors, `[S, …]`."""
        known, architecture = self.inputs.pretrained, self.inputs.architecture
        runs = [self._cut(initial_weights(known, architecture, seed["head"], self.dtype)) for seed in self.seeds]
        return {name: torch.stack([run[name] for run in runs]).to(self.device) for name in runs[0]}

    def pretrained(self) -> dict[str, Tensor]:
        """Pretrained values on the device, `[1, …]`."""
        moved = {name: tensor.to(self.device, self.dtype) for name, tensor in self.inputs.pretrained.items()}
        return {name: tensor.unsqueeze(0) for name, tensor in self._cut(moved).items()}

    def groups(self, optimizer: AdamW | ByRule, scale: Callable[[str], tuple[float, float]]) -> list[dict[str, Any]]:
        """Which tensors were trained alike, as record.json lists them: by effective peak rate, decay and ε.

        `scale` gives the factors of a tensor's rate and decay.
        """
        groups: dict[tuple[float, float], list[str]] = {}
        for name, decay in optimizer.decay.items():
            factors = scale(name)
            groups.setdefault((self.recipe.learning_rate * factors[0], decay * factors[1]), []).append(name)
        sizes = optimizer.sizes
        if self.cut:
            sizes[self.word_table] = self.inputs.pretrained[self.word_table].numel()
        return [
            {
                "learning_rate": rate,
                "weight_decay": decay,
                "epsilon": optimizer.epsilon,
                "tensors": names,
                "parameters": sum(sizes[name] for name in names),
            }
            for (rate, decay), names in groups.items()
        ]

    def _cut(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.cut:
            weights[self.word_table] = self.cut.cut(weights[self.word_table])
        return weights


def optimizer_of(parts: Parts, weights: Mapping[str, Tensor]) -> AdamW | ByRule:
    """The recipe's optimizer at work on the weights of all runs."""
    recipe, chosen = parts.recipe, parts.inputs.optimizer
    if chosen is None:
        return AdamW(weights, recipe, parts.decays)
    return ByRule(weights, chosen, recipe, parts.inputs.architecture, parts.decays)
