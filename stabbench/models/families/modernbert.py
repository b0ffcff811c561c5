"""ModernBERT (Warner et al., 2024): rotary positions, windows of attention, gated feed-forward layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError, unknown
from stabbench.models.architecture import INITIAL_STD, Architecture, ModelTensor, Origin, TensorFacts
from stabbench.models.families.contract import PAPER, Capabilities, Computation, LinearLayer
from stabbench.models.families.own import OwnFamily
from stabbench.models.modernbert_config import details_of, read_config
from stabbench.recipe import OWN_DROPOUT

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stabbench.randomness import Draws

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
FIELDS: Mapping[str, Any] = {
    "vocab_size": 50368,
    "max_position_embeddings": 8192,
    "pad_token_id": 50283,
    "hidden_activation": "gelu",
    "intermediate_size": 1152,
    "norm_eps": 1e-5,
    "initializer_range": INITIAL_STD,
}
"""The defaults of its config, so that transformers need not be imported for them."""
DROPOUTS = ("embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout")
LAYER: Mapping[str, str] = {
    "attention_norm": "attn_norm",
    "query_key_value": "attn.Wqkv",
    "attention_output": "attn.Wo",
    "feed_forward_norm": "mlp_norm",
    "intermediate": "mlp.Wi",
    "output": "mlp.Wo",
}
"""Parts of a layer; the first layer has no `attention_norm`."""
PARTS = {"query_key_value": "query, key and value", "attention_output": "attention output"}
"""What tables call them, where that is not their name."""


class ModernBert(OwnFamily):
    """ModernBERT, unpadded and side by side; its head is the pretrained one where the folder has it."""

    name = "modernbert"
    capabilities = Capabilities(stacks=True, kernel=True, cuts_vocabulary=True, own_dropout=True)
    defaults = {**PAPER, "dropout": OWN_DROPOUT}

    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        """Sizes and tensors; UserError for scaled rotations, other activations and sizes that do not fit."""
        details = read_config(config, where)
        activation = str(self.field(config, "hidden_activation"))
        for field, asked in (("hidden_activation", activation), ("classifier_activation", details.head_activation)):
            if asked not in ACTIVATIONS:
                raise unknown(f"{field} in {where}", asked, ACTIVATIONS)
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        size = hidden // heads
        if hidden != size * heads or size % 2 or config.get("head_dim") not in (None, size):
            raise UserError(
                f"{where}: found hidden_size {hidden}, num_attention_heads {heads} and head_dim "
                f"{config.get('head_dim')}, expected heads that share the hidden size and have an even size"
            )
        found = Architecture(
            family=self.name,
            name=self.name,
            layers=int(config["num_hidden_layers"]),
            hidden_size=hidden,
            heads=heads,
            intermediate_size=int(self.field(config, "intermediate_size")),
            embedding_size=hidden,
            vocabulary_size=int(self.field(config, "vocab_size")),
            positions=int(self.field(config, "max_position_embeddings")),
            segments=0,
            activation=activation,
            layer_norm_eps=float(self.field(config, "norm_eps")),
            padding_id=int(self.field(config, "pad_token_id")),
            labels=labels,
            prefix="model",
            word_embeddings="model.embeddings.tok_embeddings.weight",
            pooler="head.dense",
            classifier="classifier",
            tensors=(),
            initial_std=float(self.field(config, "initializer_range")),
            parts=tuple((part, f"model.layers.#.{name}") for part, name in LAYER.items()),
            config=details.as_json(),
        )
        return replace(found, tensors=tuple(_tensors(found, config)))

    def field(self, config: Mapping[str, Any], name: str) -> Any:
        """The config's own value, else the default that is known here."""
        return FIELDS.get(name) if config.get(name) is None else config[name]

    def drawn_matrix(self, architecture: Architecture, tensor: ModelTensor, draws: Draws) -> Tensor:
        """Normal, cut on both sides, with a deviation by its place."""
        import torch

        cutoff = torch.tensor([-1.0, 1.0], dtype=torch.float64) * details_of(architecture).initial_cutoff
        low, high = torch.special.ndtr(cutoff).tolist()
        shares = torch.from_numpy(draws.uniform(tensor.name, tensor.shape)) * (high - low) + low
        found: Tensor = torch.special.ndtri(shares) * _deviation(architecture, tensor)
        return found

    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        """Ours, and the kernel beneath it."""
        from stabbench.models.modernbert import ModernBertEncoder

        return ModernBertEncoder(architecture, products)

    def classifier_fields(self, config: Mapping[str, Any], dropout: float | str) -> dict[str, Any]:
        """The class, and its dropout where that is a number."""
        places = {} if isinstance(dropout, str) else dict.fromkeys(DROPOUTS, dropout)
        return {"architectures": ["ModernBertForSequenceClassification"], **places}

    def linear_layers(self, architecture: Architecture) -> Iterator[LinearLayer]:
        """As they are computed here: `cls` asks the last layer for the first token of each example only."""
        hidden, inner = architecture.hidden_size, architecture.intermediate_size
        for number in range(1, architecture.layers + 1):
            first = number == architecture.layers and _asks_for_first(architecture)
            yield from (LinearLayer(hidden, hidden, first), LinearLayer(hidden, 2 * hidden))
            yield LinearLayer(hidden, hidden, first)
            yield from (LinearLayer(hidden, 2 * inner, first), LinearLayer(inner, hidden, first))
        yield from (LinearLayer(hidden, hidden, True), LinearLayer(hidden, architecture.labels, True))

    def attention_operations(self, architecture: Architecture, tokens: float, pairs: float) -> float:
        """Windows are cut out of whole texts; where one token asks, it asks all of its text."""
        first = _asks_for_first(architecture)
        return 4 * architecture.hidden_size * (pairs * (architecture.layers - first) + tokens * first)


def _asks_for_first(architecture: Architecture) -> bool:
    """Whether the head is given the first token's state alone."""
    return details_of(architecture).pooling == "cls"


def _deviation(architecture: Architecture, tensor: ModelTensor) -> float:
    """Of a new matrix before it is cut."""
    if tensor.facts.kind == "classifier":
        return float(architecture.hidden_size**-0.5)
    adds_up = tensor.facts.part in ("attention output", "output") or tensor.facts.kind == "pooler"
    return architecture.initial_std / ((2 * architecture.layers) ** 0.5 if adds_up else 1.0)


def _tensors(sizes: Architecture, config: Mapping[str, Any]) -> Iterator[ModelTensor]:
    hidden, inner, head = sizes.hidden_size, sizes.intermediate_size, sizes.layers + 1
    norm_bias, attention_bias, mlp_bias, head_bias = (
        bool(config.get(f"{part}_bias", False)) for part in ("norm", "attention", "mlp", "classifier")
    )
    table = TensorFacts("embedding", 0, decays=True, linear_weight=False)
    yield ModelTensor(sizes.word_embeddings, (sizes.vocabulary_size, hidden), table)
    yield from _norm(f"{sizes.prefix}.embeddings.norm", hidden, 0, bias=norm_bias)
    shapes = {
        "query_key_value": (3 * hidden, hidden),
        "attention_output": (hidden, hidden),
        "intermediate": (2 * inner, hidden),
        "output": (hidden, inner),
    }
    for number in range(sizes.layers):
        for part, name in sizes.layer(number).items():
            attends, told = part in ("query_key_value", "attention_output"), PARTS.get(part, part)
            if part in shapes:
                kind, bias = ("attention", attention_bias) if attends else ("feed_forward", mlp_bias)
                yield from _linear(name, shapes[part], kind, number + 1, bias=bias, part=told)
            elif number or part != "attention_norm":
                yield from _norm(name, hidden, number + 1, bias=norm_bias)
    yield from _norm(f"{sizes.prefix}.final_norm", hidden, head, bias=norm_bias)
    yield from _linear(sizes.pooler, (hidden, hidden), "pooler", head, bias=head_bias, origin="optional")
    yield from _norm("head.norm", hidden, head, bias=norm_bias, origin="optional")
    yield from _linear(sizes.classifier, (sizes.labels, hidden), "classifier", head, bias=True, origin="new")


def _linear(
    name: str,
    shape: tuple[int, int],
    kind: str,
    depth: int,
    *,
    bias: bool,
    part: str = "",
    origin: Origin = "pretrained",
) -> Iterator[ModelTensor]:
    weight = TensorFacts(kind, depth, decays=True, linear_weight=True, part=part)
    yield ModelTensor(f"{name}.weight", shape, weight, origin)
    if bias:
        facts = TensorFacts(kind, depth, decays=False, linear_weight=False)
        yield ModelTensor(f"{name}.bias", shape[:1], facts, origin)


def _norm(name: str, size: int, depth: int, *, bias: bool, origin: Origin = "pretrained") -> Iterator[ModelTensor]:
    facts = TensorFacts("layer_norm", depth, decays=False, linear_weight=False)
    for leaf in ("weight", "bias") if bias else ("weight",):
        yield ModelTensor(f"{name}.{leaf}", (size,), facts, origin)
