"""What BERT and those computed as it is have in common: `models.encoder.Encoder`, many runs at once, unpadded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from stabbench.errors import UserError, unknown
from stabbench.models.architecture import (
    INITIAL_STD,
    Architecture,
    DropoutPlaces,
    ModelTensor,
    Origin,
    TensorFacts,
)
from stabbench.models.families.contract import Capabilities, Computation, LinearLayer
from stabbench.models.families.own import OwnFamily

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stabbench.randomness import Draws

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
FIELDS: Mapping[str, Any] = {
    "vocab_size": 30522,
    "type_vocab_size": 2,
    "pad_token_id": 0,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "layer_norm_eps": 1e-12,
}
"""BERT's defaults of its config, so that transformers need not be imported for them."""
BERT_PARTS: Mapping[str, str] = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
"""BERT's fields of a probability: of hidden states, of attention, of the head (as hidden states where it is null)."""
_KINDS = {"intermediate": "feed_forward", "output": "feed_forward"}


class UnpaddedFamily(OwnFamily):
    """A family by the names of its tensors and the few places in which it is not BERT."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        stacks=True, kernel=True, captures=True, cuts_vocabulary=True, pretrains=True
    )
    class_name: ClassVar[str]
    """The first part of the names of transformers' classes."""
    prefix: ClassVar[str]
    """The first part of the encoder's tensor names."""
    fields: ClassVar[Mapping[str, Any]] = FIELDS
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What BERT's fields are called in its configs, where that is something else."""
    layer: ClassVar[str] = "encoder.layer.#"
    """Where a layer is, below the encoder's name."""
    parts: ClassVar[Mapping[str, str]] = BERT_PARTS
    pooler: ClassVar[str]
    classifier: ClassVar[str] = "classifier"
    pooler_origin: ClassVar[Origin] = "optional"
    shares_layers: ClassVar[bool] = False
    mapping: ClassVar[str] = ""
    """The layer from embeddings of another width to the layers, below the encoder's name."""
    head_activation: ClassVar[str] = "tanh"
    dropout_places: ClassVar[DropoutPlaces] = DropoutPlaces()
    dropout_fields: ClassVar[tuple[str, ...]] = (*DROPOUTS, "classifier_dropout_prob")
    """Every field of a config that is a probability of dropout, of other heads too."""

    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        """Sizes and tensors; UserError for what `Encoder` does not compute: activations, positions, causal masks."""
        self._refuse(config, where)
        hidden, embedding = int(self.field(config, "hidden_size")), self.embedding_size(config)
        positions, segments = self._rows(config)
        found = Architecture(
            family=self.name,
            name=self.name,
            layers=int(self.field(config, "num_hidden_layers")),
            hidden_size=hidden,
            heads=int(self.field(config, "num_attention_heads")),
            intermediate_size=int(self.field(config, "intermediate_size")),
            embedding_size=embedding,
            vocabulary_size=int(self.field(config, "vocab_size")),
            positions=positions,
            segments=segments,
            activation=str(self.field(config, "hidden_act")),
            layer_norm_eps=float(self.field(config, "layer_norm_eps")),
            padding_id=int(self.field(config, "pad_token_id")),
            labels=labels,
            prefix=self.prefix,
            word_embeddings=f"{self.prefix}.embeddings.word_embeddings.weight",
            pooler=self.pooler,
            classifier=self.classifier,
            tensors=(),
            position_offset=self.first_position(config),
            shares_layers=self.shares_layers,
            mapping=self._mapping(hidden, embedding),
            head_activation=self.head_activation,
            dropout_places=self._dropout_places(config),
            initial_std=float(config.get("initializer_range", INITIAL_STD) or INITIAL_STD),
            parts=tuple((part, f"{self.prefix}.{self.layer}.{name}") for part, name in self._parts(config).items()),
            config=self._details(config),
        )
        return replace(found, tensors=tuple(self._tensors(found)))

    def _refuse(self, config: Mapping[str, Any], where: str) -> None:
        activation = self.field(config, "hidden_act")
        if activation not in ACTIVATIONS:
            (name, *_) = self.aliases.get("hidden_act", ("hidden_act",))
            raise unknown(f"{name} in {where}", str(activation), ACTIVATIONS)
        positions = config.get("position_embedding_type", "absolute")
        if positions != "absolute":
            raise UserError(f"{where}: found position_embedding_type {positions!r}, supported is 'absolute'")
        if config.get("is_decoder"):
            raise UserError(f"{where}: '{self.name}' models cannot be fine-tuned here: it is a decoder (is_decoder)")
        hidden, heads = int(self.field(config, "hidden_size")), int(self.field(config, "num_attention_heads"))
        if heads < 1 or hidden % heads:
            raise UserError(
                f"{where}: found {heads} attention heads for states of {hidden}, expected a divisor of that"
            )

    def _mapping(self, hidden: int, embedding: int) -> str:
        return f"{self.prefix}.{self.mapping}" if self.mapping and (self.shares_layers or hidden != embedding) else ""

    def _dropout_places(self, config: Mapping[str, Any]) -> DropoutPlaces:
        if not self.capabilities.own_dropout:
            return self.dropout_places
        hidden, attention, head = (self.field(config, name) for name in DROPOUTS)
        own = float(hidden), float(attention), float(hidden if head is None else head)
        return replace(self.dropout_places, own=own)

    def _rows(self, config: Mapping[str, Any]) -> tuple[int, int]:
        """Rows of the tables of positions and of segments; 0 where there is no such table."""
        return int(self.field(config, "max_position_embeddings")), int(self.field(config, "type_vocab_size") or 0)

    def _parts(self, config: Mapping[str, Any]) -> Mapping[str, str]:
        """Parts of a layer, and where they are in it."""
        return self.parts

    def _details(self, config: Mapping[str, Any]) -> str:
        """What the computation needs of the config beside sizes; BERT's nothing."""
        return ""

    def _relative_tensors(self, sizes: Architecture) -> Iterator[ModelTensor]:
        """Those of relative positions, after the layers; BERT has none."""
        yield from ()

    def embedding_size(self, config: Mapping[str, Any]) -> int:
        """The width of the word embeddings."""
        return int(self.field(config, "hidden_size"))

    def _tensors(self, sizes: Architecture) -> Iterator[ModelTensor]:
        hidden, inner, narrow = sizes.hidden_size, sizes.intermediate_size, sizes.embedding_size
        embeddings = f"{self.prefix}.embeddings"
        tables = {"word": sizes.vocabulary_size, "position": sizes.positions, "token_type": sizes.segments}
        for name, rows in tables.items():
            if rows:
                yield table(f"{embeddings}.{name}_embeddings.weight", rows, narrow)
        yield from norm(f"{embeddings}.LayerNorm", narrow, 0)
        if sizes.mapping:
            yield from _linear(sizes.mapping, (hidden, narrow), "embedding", 0)
        shapes = {"intermediate": (inner, hidden), "output": (hidden, inner)}
        for number in range(1 if self.shares_layers else sizes.layers):
            for part, name in sizes.layer(number).items():
                if part.endswith("_norm"):
                    yield from norm(name, hidden, number + 1)
                else:
                    kind = _KINDS.get(part, "attention")
                    shape = shapes.get(part, (hidden, hidden))
                    yield from _linear(name, shape, kind, number + 1, part=part.replace("_", " "))
        yield from self._relative_tensors(sizes)
        head = sizes.layers + 1
        yield from _linear(self.pooler, (hidden, hidden), "pooler", head, origin=self.pooler_origin)
        yield from _linear(self.classifier, (sizes.labels, hidden), "classifier", head, origin="new")

    def field(self, config: Mapping[str, Any], name: str) -> Any:
        """The config's own value, else the default that is known here."""
        given = (config.get(key) for key in self.aliases.get(name, (name,)))
        return next((value for value in given if value is not None), self.fields.get(name))

    def drawn_matrix(self, architecture: Architecture, tensor: ModelTensor, draws: Draws) -> Tensor:
        """N(0, σ²) with the config's `initializer_range` for σ."""
        import torch

        return torch.from_numpy(draws.normal(tensor.name, tensor.shape) * architecture.initial_std)

    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        """Ours, and the kernel beneath it."""
        from stabbench.models import encoder

        return encoder.Encoder(architecture, products)

    def classifier_fields(self, config: Mapping[str, Any], dropout: float | str) -> dict[str, Any]:
        """The class, and its dropout where that is a number."""
        places = {} if isinstance(dropout, str) else dict.fromkeys(self.dropout_fields, dropout)
        return {"architectures": [f"{self.class_name}ForSequenceClassification"], **places}

    def linear_layers(self, architecture: Architecture) -> Iterator[LinearLayer]:
        """As the kernel computes them: the last layer asks for the first token of each example only."""
        hidden, inner = architecture.hidden_size, architecture.intermediate_size
        if architecture.mapping:
            yield LinearLayer(architecture.embedding_size, hidden)
        for number in range(1, architecture.layers + 1):
            last = number == architecture.layers
            yield from [LinearLayer(hidden, hidden, last)] * 4
            yield from (LinearLayer(hidden, inner, last), LinearLayer(inner, hidden, last))
        yield from (LinearLayer(hidden, hidden, True), LinearLayer(hidden, architecture.labels, True))

    def attention_operations(self, architecture: Architecture, tokens: float, pairs: float) -> float:
        """The last layer's attention works on its inputs, without keys and values."""
        hidden = architecture.hidden_size
        return 4 * pairs * hidden * (architecture.layers - 1) + 4 * tokens * architecture.heads * hidden


def table(name: str, rows: int, width: int) -> ModelTensor:
    """A table of embeddings."""
    return ModelTensor(name, (rows, width), TensorFacts("embedding", 0, decays=True, linear_weight=False))


def _linear(
    name: str, shape: tuple[int, int], kind: str, depth: int, *, part: str = "", origin: Origin = "pretrained"
) -> Iterator[ModelTensor]:
    weight = TensorFacts(kind, depth, decays=True, linear_weight=True, part=part)
    yield ModelTensor(f"{name}.weight", shape, weight, origin)
    yield ModelTensor(f"{name}.bias", shape[:1], TensorFacts(kind, depth, decays=False, linear_weight=False), origin)


def norm(name: str, size: int, depth: int) -> Iterator[ModelTensor]:
    """Scale and shift of a LayerNorm."""
    for leaf in ("weight", "bias"):
        facts = TensorFacts("layer_norm", depth, decays=False, linear_weight=False)
        yield ModelTensor(f"{name}.{leaf}", (size,), facts)
