"""What a family of models answers: how its configs are read, where first values come from, what computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from stabbench.models.architecture import Architecture

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stabbench.models.encoder import AnyBatch, AnyDropout, Weights
    from stabbench.models.folder import ModelFolder
    from stabbench.randomness import Draws

Integers = npt.NDArray[np.int64]
PAPER: Mapping[str, Any] = {
    "learning_rate": 2e-5,
    "batch_size": 16,
    "warmup_ratio": 0.1,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-6,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "dropout": 0.1,
}
"""BERT's hyperparameters (paper, Table 3); `max_grad_norm` 0 means no clipping."""


@dataclass(frozen=True)
class Capabilities:
    """What can be done with a family's models beside training one run of them at a time, operation by operation."""

    stacks: bool = False
    """Several runs side by side."""
    kernel: bool = False
    """One run on a CPU by the compiled kernel (`models.kernel`)."""
    captures: bool = False
    """Updates of few shapes that never ask the host (`training.device_step`), by `models.encoder.Encoder`."""
    cuts_vocabulary: bool = False
    """Training on the word pieces in use alone (`models.vocabulary`)."""
    pretrains: bool = False
    """Masked-LM pretraining with the encoder's own states (`models.pretraining`)."""
    own_dropout: bool = False
    """A probability at each place as the config says (`dropout: model`), beside one number for all places."""


@dataclass(frozen=True)
class LinearLayer:
    """A product with a matrix of weights in a forward pass."""

    inputs: int
    outputs: int
    of_examples: bool = False
    """Whether it has a row an example, that of its first token, in place of a row a token."""


class Computation(Protocol):
    """What computes an architecture from weights `[S, …]` by Hugging Face name; it holds none itself."""

    @property
    def products(self) -> torch.dtype | None:
        """The type of the matrix products where it is not that of the weights."""

    def embed(self, weights: Weights, batch: AnyBatch) -> Tensor:
        """Word embeddings of the tokens, shape `(S, T, E)`: what adversarial strategies perturb."""

    def classify(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """Logits of the classifier, shape `(S, B, labels)`."""

    def hidden_states(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None = None,
        embeddings: Tensor | None = None,
        *,
        first_only: bool,
    ) -> Tensor:
        """The last layer's output: `(S, B, H)` for the first tokens, else `(S, T, H)` for all of them."""


class Family(ABC):
    """A family of models; its module imports neither torch nor another family before they are needed."""

    name: ClassVar[str]
    """By which its architectures name it: that of its entry point in `stabbench.families`."""
    capabilities: ClassVar[Capabilities]
    defaults: ClassVar[Mapping[str, Any]] = PAPER
    """The models' own hyperparameters; a strategy's recipe goes over them."""

    def takes(self, config: Mapping[str, Any]) -> bool:
        """Whether it computes a model of its type with such a config; if not, the family of all other types does."""
        return True

    @abstractmethod
    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        """What a config says, with `labels` outputs; UserError, which begins with `where`, for what cannot be done."""

    @abstractmethod
    def field(self, config: Mapping[str, Any], name: str) -> Any:
        """The value of `name` in a config, else what it is left to by default; None where there is none."""

    @abstractmethod
    def first_position(self, config: Mapping[str, Any]) -> int:
        """The position id of the first token of a text."""

    def places(self, architecture: Architecture, ids: Integers, offsets: Integers) -> Integers | None:
        """Each token's place in its text `(T,)`, or None where it is counted from 0 in every text."""
        return None

    def fixed_ids(self, architecture: Architecture) -> int:
        """Ids below this keep their numbers where the vocabulary is cut, since the computation knows some of them."""
        return 0

    def spec_fields(self, architecture: Architecture) -> dict[str, Any]:
        """What a spec says of the model beside its type and content, such as what it is computed by."""
        return {}

    @abstractmethod
    def check(self, folder: ModelFolder, architecture: Architecture) -> None:
        """UserError, before any training, where a folder's model cannot be trained or is not what its config says."""

    @abstractmethod
    def pretrained(self, folder: ModelFolder, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
        """A folder's tensors by Hugging Face name, without run axis; what is new or not there is left out."""

    @abstractmethod
    def drawn(self, architecture: Architecture, names: Collection[str], draws: Draws) -> dict[str, Tensor]:
        """First values of the tensors `names`, in float64 and without run axis, by a run's own random numbers."""

    @abstractmethod
    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        """What computes it, with matrix products of the type `products` where that is not the weights'."""

    @abstractmethod
    def classifier_fields(self, config: Mapping[str, Any], dropout: float | str) -> dict[str, Any]:
        """The fields of a kept classifier's config.json that say its class and its dropout."""

    def operations(self, architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
        """Multiply-adds × 2 of linear layers and attention in a forward pass (`training.operations`); no padding."""
        found = self.attention_operations(architecture, tokens, pairs)
        for layer in self.linear_layers(architecture):
            found += 2 * layer.inputs * layer.outputs * (examples if layer.of_examples else tokens)
        return found

    def linear_layers(self, architecture: Architecture) -> Iterator[LinearLayer]:
        """What a forward pass multiplies by matrices of weights: all of them for all tokens but those of the head."""
        shapes = architecture.shapes()
        for name, facts in architecture.facts().items():
            if facts.linear_weight:
                outputs, inputs = shapes[name]
                yield LinearLayer(inputs, outputs, of_examples=facts.depth > architecture.layers)

    def attention_operations(self, architecture: Architecture, tokens: float, pairs: float) -> float:
        """Multiply-adds × 2 of scores and weighted sums: every token of a text asks all of them."""
        return 4 * pairs * architecture.hidden_size * architecture.layers
