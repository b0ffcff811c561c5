"""What a Hugging Face config says about an encoder, and how the tensors of BERT, RoBERTa and ALBERT are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stabbench.errors import UserError, unknown
from stabbench.files import read_json
from stabbench.models.config_fields import field_of

Integers = npt.NDArray[np.int64]
SUPPORTED = ("bert", "roberta", "albert")
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")

INITIAL_STD = 0.02
"""What the published configs of BERT, RoBERTa and ALBERT have for `initializer_range`."""

LAYER_TENSORS: dict[str, dict[str, str]] = {
    "bert": {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attention_output": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
        "output_norm": "output.LayerNorm",
    },
    "albert": {
        "query": "attention.query",
        "key": "attention.key",
        "value": "attention.value",
        "attention_output": "attention.dense",
        "attention_norm": "attention.LayerNorm",
        "intermediate": "ffn",
        "output": "ffn_output",
        "output_norm": "full_layer_layer_norm",
    },
}
LAYER_TENSORS["roberta"] = LAYER_TENSORS["bert"]


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
class Architecture:
    """Shape of an encoder with a classifier of `labels` outputs."""

    name: str
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    embedding_size: int
    vocabulary_size: int
    positions: int
    segments: int
    activation: str
    layer_norm_eps: float
    padding_id: int
    labels: int
    initial_std: float = field(default=INITIAL_STD, kw_only=True)
    """Of new matrices' values."""

    @property
    def native(self) -> bool:
        """Whether `Encoder` computes it, any number of runs at once; else Hugging Face's own module, one at a time."""
        return True

    @property
    def prefix(self) -> str:
        """The first part of the encoder's tensor names."""
        return self.name

    @property
    def position_offset(self) -> int:
        """The position id of the first token (RoBERTa counts from padding_id + 1)."""
        return self.padding_id + 1 if self.name == "roberta" else 0

    @property
    def shares_layers(self) -> bool:
        """Whether all layers have the same weights (ALBERT)."""
        return self.name == "albert"

    def layer(self, index: int) -> dict[str, str]:
        """Names (without `.weight` and `.bias`) of a layer's tensors, by their part."""
        inner = "encoder.albert_layer_groups.0.albert_layers.0" if self.shares_layers else f"encoder.layer.{index}"
        return {part: f"{self.prefix}.{inner}.{name}" for part, name in LAYER_TENSORS[self.name].items()}

    @property
    def pooler(self) -> str:
        """Name of the dense layer over the first token."""
        return {"bert": "bert.pooler.dense", "roberta": "classifier.dense", "albert": "albert.pooler"}[self.name]

    @property
    def classifier(self) -> str:
        """Name of the output layer, which is always new."""
        return "classifier.out_proj" if self.name == "roberta" else "classifier"

    @property
    def word_embeddings(self) -> str:
        """Name of the table of word embeddings."""
        return f"{self.prefix}.embeddings.word_embeddings.weight"

    def places(self, ids: Integers, offsets: Integers) -> Integers | None:
        """Each token's place in its text `(T,)`, or None where it is counted from 0 in every text.

        RoBERTa counts no token whose id is the config's padding id, and puts it at the padding id's own position: −1
        here, counted from `position_offset`. Its tokenizer may pad with another id, or a text may spell that token.
        """
        if self.name != "roberta" or not (ids == self.padding_id).any():
            return None
        counted = np.concatenate([[0], np.cumsum(ids != self.padding_id)])
        places = counted[1:] - np.repeat(counted[offsets[:-1]], np.diff(offsets)) - 1
        return np.where(ids == self.padding_id, -1, places)

    def is_new(self, name: str) -> bool:
        """Whether a tensor is drawn for every run, never taken from a pretrained folder."""
        new = {self.classifier} | ({self.pooler} if self.name == "roberta" else set())
        return name.rsplit(".", 1)[0] in new

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of the model by its Hugging Face name, in the order of the computation."""
        hidden, embedding = self.hidden_size, self.embedding_size
        prefix = f"{self.prefix}.embeddings"
        shapes: dict[str, tuple[int, ...]] = {
            f"{prefix}.word_embeddings.weight": (self.vocabulary_size, embedding),
            f"{prefix}.position_embeddings.weight": (self.positions, embedding),
            f"{prefix}.token_type_embeddings.weight": (self.segments, embedding),
            f"{prefix}.LayerNorm.weight": (embedding,),
            f"{prefix}.LayerNorm.bias": (embedding,),
        }
        if self.shares_layers:
            shapes |= _linear(f"{self.prefix}.encoder.embedding_hidden_mapping_in", hidden, embedding)
        for index in range(1 if self.shares_layers else self.layers):
            names = self.layer(index)
            for part in ("query", "key", "value", "attention_output"):
                shapes |= _linear(names[part], hidden, hidden)
            shapes |= _norm(names["attention_norm"], hidden)
            shapes |= _linear(names["intermediate"], self.intermediate_size, hidden)
            shapes |= _linear(names["output"], hidden, self.intermediate_size)
            shapes |= _norm(names["output_norm"], hidden)
        shapes |= _linear(self.pooler, hidden, hidden)
        return shapes | _linear(self.classifier, self.labels, hidden)

    def spec_fields(self) -> dict[str, Any]:
        """What a spec says of the model beside its type and content: the spread of new matrices where it is unusual."""
        return {} if self.initial_std == INITIAL_STD else {"initial_std": self.initial_std}

    def facts(self) -> dict[str, TensorFacts]:
        """Kind and depth of every tensor."""
        return {name: self._facts_of(name, len(shape)) for name, shape in self.shapes().items()}

    def _facts_of(self, name: str, dimensions: int) -> TensorFacts:
        depth, kind, part = 0, "embedding", ""
        if name.startswith(self.classifier + "."):
            depth, kind = self.layers + 1, "classifier"
        elif name.startswith(self.pooler + "."):
            depth, kind = self.layers + 1, "pooler"
        elif ".encoder." in name:
            shared = self.shares_layers
            depth = 1 if shared else int(name.split(".encoder.layer.")[1].split(".")[0]) + 1
            attention = ".attention." in name
            kind = "attention" if attention else "feed_forward"
            part = next((key for key, place in self.layer(depth - 1).items() if name == f"{place}.weight"), "")
            if "embedding_hidden_mapping_in" in name:
                depth, kind = 0, "embedding"
        is_norm = "LayerNorm" in name or "layer_norm" in name
        decays = not is_norm and not name.endswith(".bias")
        linear = dimensions == 2 and ".embeddings." not in name
        part = part.replace("_", " ") if linear else ""
        return TensorFacts("layer_norm" if is_norm else kind, depth, decays, linear, part)


def _linear(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def read_architecture(folder: Path, labels: int) -> Architecture:
    """The architecture of a Hugging Face folder, with `labels` outputs; see `architecture_of`."""
    return architecture_of(read_json(folder / "config.json"), labels, str(folder))


def architecture_of(config: Mapping[str, Any], labels: int, where: str = "config.json") -> Architecture:
    """The architecture that a Hugging Face config describes; `where` names it in errors.

    Which path a model takes is decided here: BERT, RoBERTa and ALBERT are computed by `Encoder`, any other encoder by
    Hugging Face's own module. Raises UserError for what neither can do.
    """
    name = str(config.get("model_type"))
    if name not in SUPPORTED:
        from stabbench.models.generic.architecture import generic_architecture

        return generic_architecture(config, labels, where)
    activation = config.get("hidden_act", "gelu_new" if name == "albert" else "gelu")
    if activation not in ACTIVATIONS:
        raise unknown(f"hidden_act in {where}", str(activation), ACTIVATIONS)
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise UserError(f"{where}: found position_embedding_type {positions!r}, supported is 'absolute'")
    if name == "albert" and (config.get("num_hidden_groups", 1) != 1 or config.get("inner_group_num", 1) != 1):
        raise UserError(f"{where}: found more than one group of ALBERT layers, supported is one shared layer")
    hidden = int(config["hidden_size"])
    return Architecture(
        name=name,
        layers=int(config["num_hidden_layers"]),
        hidden_size=hidden,
        heads=int(config["num_attention_heads"]),
        intermediate_size=int(config["intermediate_size"]),
        embedding_size=int(config["embedding_size"]) if name == "albert" else hidden,
        vocabulary_size=int(field_of(config, "vocab_size")),
        positions=int(field_of(config, "max_position_embeddings")),
        segments=int(field_of(config, "type_vocab_size")),
        activation=str(activation),
        layer_norm_eps=float(config.get("layer_norm_eps", 1e-12)),
        padding_id=int(field_of(config, "pad_token_id")),
        labels=labels,
        initial_std=float(config.get("initializer_range", INITIAL_STD) or INITIAL_STD),
    )
