"""What transformers says of an encoder: its tensors, and by general rules what each of them is."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.models.architecture import SUPPORTED, Architecture, TensorFacts
from stabbench.models.generic.parts import named_parts

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class GenericArchitecture(Architecture):
    """An encoder that Hugging Face's own module computes, one run at a time.

    `config` is its config.json; `tensors` are names, shapes and facts in the module's order; `base` is the first part
    of the encoder's tensor names, `table`, `dense` and `output` name the word embeddings' tensor, the last linear layer
    before the classifier ("" where there is none) and the classifier.
    """

    config: str
    tensors: tuple[tuple[str, tuple[int, ...], TensorFacts], ...]
    base: str
    table: str
    dense: str
    output: str

    @property
    def native(self) -> bool:
        """Never: `Encoder` does not compute it."""
        return False

    @property
    def prefix(self) -> str:
        """The first part of the encoder's tensor names."""
        return self.base

    @property
    def word_embeddings(self) -> str:
        """Name of the table that `embed` reads."""
        return self.table

    @property
    def pooler(self) -> str:
        """Name of the last linear layer before the classifier; "" where there is none."""
        return self.dense

    @property
    def classifier(self) -> str:
        """Name of the output layer."""
        return self.output

    def is_new(self, name: str) -> bool:
        """The classifier is always new; what else is outside the encoder is so where the folder lacks it."""
        return name.rpartition(".")[0] == self.output

    def may_lack(self, name: str) -> bool:
        """Whether a pretrained folder need not have a tensor: a pooler, or what is outside the encoder."""
        return ".pooler" in name or not name.startswith(f"{self.base}.")

    def layer(self, index: int) -> dict[str, str]:
        """UserError: what a layer is made of is known of BERT, RoBERTa and ALBERT alone."""
        raise UserError(f"the parts of a layer are known by name of {', '.join(SUPPORTED)}, not of '{self.name}'")

    def spec_fields(self) -> dict[str, Any]:
        """What computes the model: transformers, by its minor version, since patch releases mend.

        So that after an upgrade old and new numbers never share a table.
        """
        version = importlib.metadata.version("transformers")
        return {"computed_by": f"transformers {'.'.join(version.split('.')[:2])}"}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of the model by its Hugging Face name."""
        return {name: shape for name, shape, _ in self.tensors}

    def facts(self) -> dict[str, TensorFacts]:
        """Kind and depth of every tensor."""
        return {name: facts for name, _, facts in self.tensors}


def generic_architecture(config: Mapping[str, Any], labels: int, where: str = "config.json") -> GenericArchitecture:
    """The architecture that a Hugging Face config describes; `where` names it in errors.

    Raises UserError, naming the model type, where it is no encoder or cannot be trained with every strategy.
    """
    return _made(json.dumps(config, sort_keys=True), labels, where)


@lru_cache(maxsize=8)
def _made(text: str, labels: int, where: str) -> GenericArchitecture:
    import torch

    from stabbench.models.generic.network import build, check_model_type, unsupported

    check_model_type(json.loads(text), where)
    with torch.device("meta"):
        model: Any = build(text, labels, where)
    config, name = model.config, str(model.config.model_type)
    base, layers = str(model.base_model_prefix), int(getattr(config, "num_hidden_layers", 0))
    lists = _layer_lists(model.base_model, layers) if hasattr(model, base) else []
    if not lists:
        raise unsupported(name, f"no list of its {layers} layers is found in it", where)
    output = _output_layer(model, base, labels)
    if output is None:
        raise unsupported(name, f"no linear layer of {labels} outputs follows its encoder", where)
    tensors = tuple(named_parts(_tensors(model, base, [f"{base}.{found}." for found in lists], layers, output)))
    if not any(facts.linear_weight and 0 < facts.depth <= layers for _, _, facts in tensors):
        raise unsupported(name, "its layers have no linear layers of torch's own", where)
    words = model.get_input_embeddings()
    head = [name for name, _, facts in tensors if facts.linear_weight and facts.kind == "pooler"]
    return GenericArchitecture(
        name=name,
        layers=layers,
        hidden_size=int(config.hidden_size),
        heads=int(getattr(config, "num_attention_heads", 1)),
        intermediate_size=max(shape[0] for _, shape, facts in tensors if facts.linear_weight),
        embedding_size=words.embedding_dim,
        vocabulary_size=words.num_embeddings,
        positions=int(getattr(config, "max_position_embeddings", None) or 0),
        segments=int(getattr(config, "type_vocab_size", None) or 0),
        activation=str(getattr(config, "hidden_act", "")),
        layer_norm_eps=float(getattr(config, "layer_norm_eps", None) or 1e-12),
        padding_id=int(getattr(config, "pad_token_id", None) or 0),
        labels=labels,
        config=text,
        tensors=tensors,
        base=base,
        table=next(f"{place}.weight" for place, module in model.named_modules() if module is words),
        dense=head[-1].removesuffix(".weight") if head else "",
        output=output,
    )


def _layer_lists(encoder: nn.Module, layers: int) -> list[str]:
    """The outermost lists of as many modules as the encoder has layers: one, or one a part of the layers."""
    from torch import nn

    found: list[str] = []
    for name, module in encoder.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and len(module) == layers and not inside:
            found.append(name)
    return found


def _output_layer(model: nn.Module, base: str, labels: int) -> str | None:
    """The last linear layer of `labels` outputs outside the encoder."""
    from torch import nn

    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == labels and not name.startswith(f"{base}.")
    ]
    return found[-1] if found else None


def _tensors(
    model: nn.Module, base: str, lists: list[str], layers: int, output: str
) -> Iterator[tuple[str, tuple[int, ...], TensorFacts]]:
    """Names, shapes and facts.

    Depth 0 are embedding tables and what the encoder has before its layers; L + 1 what it has after them and what is
    outside it. A norm is told by the name of its class, attention by the name of its place in the layer. The part is
    the place in the layer.
    """
    from torch import nn

    reached, path = False, ""
    for name, parameter in model.named_parameters():
        place, _, leaf = name.rpartition(".")
        module = model.get_submodule(place)
        within = next((part for part in lists if name.startswith(part)), None)
        reached = reached or within is not None
        if within is not None:
            number, _, path = name.removeprefix(within).partition(".")
            depth = int(number) + 1
            kind = "attention" if "attention" in within + path or "attn" in within + path else "feed_forward"
        elif isinstance(module, nn.Embedding) or (name.startswith(f"{base}.") and not reached):
            depth, kind = 0, "embedding"
        else:
            depth, kind = layers + 1, "classifier" if place == output else "pooler"
        norm = "norm" in type(module).__name__.lower()
        linear = isinstance(module, nn.Linear) and leaf == "weight"
        decays = not norm and not leaf.endswith("bias")
        part = path.rpartition(".")[0] if within is not None and decays else ""
        yield name, tuple(parameter.shape), TensorFacts("layer_norm" if norm else kind, depth, decays, linear, part)
