"""Families that each break one check; as a family has to, it imports no torch before that is needed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stabbench.models.architecture import Architecture
from stabbench.models.families.bert import Bert
from stabbench.models.families.contract import Computation, Integers

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stabbench.models.folder import ModelFolder
    from stabbench.randomness import Draws

CALLS = itertools.count()


class IsNotTheSameTwice(Bert):
    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        return dataclasses.replace(super().architecture(config, labels, where), initial_std=next(CALLS) / 10)


class TakesAnyActivation(Bert):
    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        return super().architecture({**config, "hidden_act": "gelu"}, labels, where)


class LosesItsPooler(Bert):
    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        found = super().architecture(config, labels, where)
        kept = [tensor for tensor in found.tensors if not tensor.name.startswith(self.pooler)]
        return dataclasses.replace(found, tensors=tuple(kept))


class LetsBiasesDecay(Bert):
    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        found = super().architecture(config, labels, where)
        facts = [dataclasses.replace(tensor.facts, decays=True) for tensor in found.tensors]
        tensors = [dataclasses.replace(tensor, facts=fact) for tensor, fact in zip(found.tensors, facts, strict=True)]
        return dataclasses.replace(found, tensors=tuple(tensors))


class HasAnotherVocabulary(Bert):
    fields = {**Bert.fields, "vocab_size": 28996}  # noqa: RUF012


class SaysTheArchitectureAgain(Bert):
    def spec_fields(self, architecture: Architecture) -> dict[str, Any]:
        return {"architecture": architecture.name}


class ForgetsAnEmbedding(Bert):
    def pretrained(self, folder: ModelFolder, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
        taken = super().pretrained(folder, architecture, dtype)
        del taken[architecture.word_embeddings]
        return taken


class DrawsFromTorch(Bert):
    def drawn(self, architecture: Architecture, names: Collection[str], draws: Draws) -> dict[str, Tensor]:
        import torch

        shapes = architecture.shapes()
        return {name: torch.randn(shapes[name], dtype=torch.float64) for name in names}


class ChecksNothing(Bert):
    def check(self, folder: ModelFolder, architecture: Architecture) -> None: ...


class HasAnotherEpsilon(Bert):
    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        return super().encoder(dataclasses.replace(architecture, layer_norm_eps=1e-3), products)


class DoesNotCountPadding(Bert):
    def places(self, architecture: Architecture, ids: Integers, offsets: Integers) -> Integers | None:
        counted = np.concatenate([[0], np.cumsum(ids != architecture.padding_id)])
        places: Integers = np.maximum(0, counted[1:] - np.repeat(counted[offsets[:-1]], np.diff(offsets)) - 1)
        return places


class LosesAState(Bert):
    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        from stabbench.models.encoder import Encoder

        class Narrow(Encoder):
            def hidden_states(self, *given: Any, first_only: bool) -> Tensor:
                states = super().hidden_states(*given, first_only=first_only)
                return states if first_only else states[..., 1:]

        return Narrow(architecture, products)


class DropsNothing(Bert):
    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        from stabbench.models.encoder import Encoder

        class Whole(Encoder):
            def classify(self, weights: Any, batch: Any, dropout: Any = None, embeddings: Any = None) -> Tensor:
                return super().classify(weights, batch, None, embeddings)

        return Whole(architecture, products)


class StacksThoughItSaysNo(Bert):
    capabilities = dataclasses.replace(Bert.capabilities, stacks=False)


class SaysThatItCaptures(Bert):
    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        class Other:
            def __init__(self, ours: Computation) -> None:
                self.ours = ours

            def __getattr__(self, name: str) -> Any:
                return getattr(self.ours, name)

        found: Any = Other(super().encoder(architecture, products))
        return found  # type: ignore[no-any-return]


class CostsNothing(Bert):
    def operations(self, architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
        return 0.0


class KeepsAnotherClass(Bert):
    def classifier_fields(self, config: Mapping[str, Any], dropout: float | str) -> dict[str, Any]:
        return super().classifier_fields(config, dropout) | {"architectures": ["BertModel"]}
