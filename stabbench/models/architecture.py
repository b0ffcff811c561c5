"""What is known of a model that is trained: its sizes, its tensors, and what each of these is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from stabbench.errors import UserError

Origin = Literal["pretrained", "optional", "new"]
INITIAL_STD = 0.02
"""What the published configs of BERT, RoBERTa and ALBERT have for `initializer_range`."""


@dataclass(frozen=True)
class TensorFacts:
    """What a strategy may want to know of a tensor: its kind, its depth and whether weight decay applies to it.

    `kind`: `embedding`, `attention`, `feed_forward`, `layer_norm`, `pooler` or `classifier`. `depth`: 0 for the
    embeddings, 1 … L for the layers (a shared ALBERT layer has 1), L + 1 for pooler and classifier. `linear_weight`:
    a matrix of a linear layer of encoder, pooler or classifier. `part`: which matrix of its layer (`query`, `key`,
    `value`, `attention output`, `intermediate`, `output`, or the name of its place), "" for all but those.
    """

    kind: str
    depth: int
    decays: bool
    linear_weight: bool
    part: str = ""


@dataclass(frozen=True)
class ModelTensor:
    """A tensor by its Hugging Face name, and where its first values come from.

    `origin`: `pretrained`, `optional` (pretrained where the folder has it, else new) or `new` (drawn for every run).
    """

    name: str
    shape: tuple[int, ...]
    facts: TensorFacts
    origin: Origin = "pretrained"


@dataclass(frozen=True)
class DropoutPlaces:
    """Where values are dropped in training, beside the places that all have, and what the config says of them all.

    All have embeddings, attention probabilities, outputs of the feed-forward layers and what the output layer is given.
    """

    attention_output: bool = True
    """Attention's output, before it is added up."""
    head_input: bool = False
    """The first token's state, before the dense layer of the head."""
    own: tuple[float, float, float] | None = None
    """The model's own probabilities: of hidden states, attention and the head; None where one number is for all."""
    own_head_input: float | None = None
    """The model's own probability at the `head_input`, where it is not the head's."""


@dataclass(frozen=True)
class Architecture:
    """An encoder with a classifier of `labels` outputs, as its family reads it from a config."""

    family: str
    """Who knows how it is computed (`stabbench.models.families.of`)."""
    name: str
    """Its Hugging Face `model_type`."""
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    embedding_size: int
    vocabulary_size: int
    positions: int
    """Rows of its table of positions; 0 where it has none."""
    segments: int
    activation: str
    layer_norm_eps: float
    padding_id: int
    labels: int
    prefix: str
    """The first part of the encoder's tensor names."""
    word_embeddings: str
    """Name of the table of word embeddings."""
    pooler: str
    """Name of the last linear layer before the classifier, whose input is the first token's state; "" for none."""
    classifier: str
    """Name of the output layer, which is always new."""
    tensors: tuple[ModelTensor, ...] = field(hash=False)
    """All of them, in the order of the computation."""
    position_offset: int = 0
    """The position id of the first token (RoBERTa counts from padding_id + 1)."""
    shares_layers: bool = False
    """Whether all layers have the same weights (ALBERT)."""
    mapping: str = ""
    """Name of the linear layer from the embeddings' width to that of the layers; "" where there is none."""
    head_activation: str = "tanh"
    """Between the pooler and the classifier."""
    dropout_places: DropoutPlaces = DropoutPlaces()
    position_terms: int = 0
    """Products with relative positions in a layer's scores, beside that of queries and keys (DeBERTa)."""
    initial_std: float = INITIAL_STD
    """Of new matrices' values, where one number says it."""
    parts: tuple[tuple[str, str], ...] = ()
    """Parts of a layer and their tensors' names (without `.weight` and `.bias`), where `#` is the layer's number."""
    config: str = ""
    """config.json, or what of it is not said above, where the family needs that to compute the model."""

    def layer(self, index: int) -> dict[str, str]:
        """Names (without `.weight` and `.bias`) of a layer's tensors, by their part; UserError where none is known."""
        if not self.parts:
            raise UserError(f"the parts of a layer are not known by name of '{self.name}' models")
        return {part: name.replace("#", str(index)) for part, name in self.parts}

    def is_new(self, name: str) -> bool:
        """Whether a tensor is drawn for every run, never taken from a pretrained folder."""
        return self._origins[name] == "new"

    def may_lack(self, name: str) -> bool:
        """Whether a pretrained folder need not have a tensor."""
        return self._origins[name] != "pretrained"

    @cached_property
    def _origins(self) -> dict[str, str]:
        return {tensor.name: tensor.origin for tensor in self.tensors}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of the model by its Hugging Face name, in the order of the computation."""
        return {tensor.name: tensor.shape for tensor in self.tensors}

    def facts(self) -> dict[str, TensorFacts]:
        """Kind and depth of every tensor."""
        return {tensor.name: tensor.facts for tensor in self.tensors}
