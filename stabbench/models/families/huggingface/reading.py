"""What transformers says of an encoder: its tensors, and by general rules what each of them is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from stabbench.models.architecture import Architecture, ModelTensor, Origin, TensorFacts
from stabbench.models.families.huggingface.network import build, check_model_type, offset_of, unsupported
from stabbench.models.layer_parts import attention_parts, feed_forward_parts


def read(config: Mapping[str, Any], labels: int, where: str = "config.json") -> Architecture:
    """The architecture that a Hugging Face config describes; `where` names it in errors.

    Raises UserError, naming the model type, where it is no encoder or cannot be trained with every strategy.
    """
    return _made(json.dumps(config, sort_keys=True), labels, where)


@lru_cache(maxsize=8)
def _made(text: str, labels: int, where: str) -> Architecture:
    check_model_type(json.loads(text), where)
    with torch.device("meta"):
        model: Any = build(text, labels, where)
    config, name = model.config, str(model.config.model_type)
    base, layers = str(model.base_model_prefix), int(getattr(config, "num_hidden_layers", 0))
    lists = layer_lists(model.base_model, layers) if hasattr(model, base) else []
    if not lists:
        raise unsupported(name, f"no list of its {layers} layers is found in it", where)
    output = output_layer(model, base, labels)
    if output is None:
        raise unsupported(name, f"no linear layer of {labels} outputs follows its encoder", where)
    tensors = tuple(named_parts(module_tensors(model, base, [f"{base}.{found}." for found in lists], layers, output)))
    linear = [tensor for tensor in tensors if tensor.facts.linear_weight]
    if not any(0 < tensor.facts.depth <= layers for tensor in linear):
        raise unsupported(name, "its layers have no linear layers of torch's own", where)
    words = model.get_input_embeddings()
    head = [tensor.name for tensor in linear if tensor.facts.kind == "pooler"]
    return Architecture(
        family="huggingface",
        name=name,
        layers=layers,
        hidden_size=int(config.hidden_size),
        heads=int(getattr(config, "num_attention_heads", 1)),
        intermediate_size=max(tensor.shape[0] for tensor in linear),
        embedding_size=words.embedding_dim,
        vocabulary_size=words.num_embeddings,
        positions=int(getattr(config, "max_position_embeddings", None) or 0),
        segments=int(getattr(config, "type_vocab_size", None) or 0),
        activation=str(getattr(config, "hidden_act", "")),
        layer_norm_eps=float(getattr(config, "layer_norm_eps", None) or 1e-12),
        padding_id=int(getattr(config, "pad_token_id", None) or 0),
        labels=labels,
        prefix=base,
        word_embeddings=next(f"{place}.weight" for place, module in model.named_modules() if module is words),
        pooler=head[-1].removesuffix(".weight") if head else "",
        classifier=output,
        tensors=tensors,
        position_offset=offset_of(model),
        config=text,
    )


def layer_lists(encoder: nn.Module, layers: int) -> list[str]:
    """The outermost lists of as many modules as the encoder has layers: one, or one a part of the layers."""
    found: list[str] = []
    for name, module in encoder.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and len(module) == layers and not inside:
            found.append(name)
    return found


def output_layer(model: nn.Module, base: str, labels: int) -> str | None:
    """The last linear layer of `labels` outputs outside the encoder."""
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == labels and not name.startswith(f"{base}.")
    ]
    return found[-1] if found else None


def module_tensors(model: nn.Module, base: str, lists: list[str], layers: int, output: str) -> Iterator[ModelTensor]:
    """The tensors in the module's order.

    Depth 0 are embedding tables and what the encoder has before its layers; L + 1 what it has after them and what is
    outside it. A norm is told by the name of its class, attention by the name of its place in the layer. The part is
    the place in the layer. The classifier is always new; what else is outside the encoder, or a pooler, is so where the
    folder lacks it.
    """
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
        facts = TensorFacts("layer_norm" if norm else kind, depth, decays, linear, part)
        lacking = ".pooler" in name or not name.startswith(f"{base}.")
        origin: Origin = "new" if place == output else "optional" if lacking else "pretrained"
        yield ModelTensor(name, tuple(parameter.shape), facts, origin)


def named_parts(tensors: Iterable[ModelTensor]) -> list[ModelTensor]:
    """The tensors with the parts of their facts, which are places in a layer (`attention.self.query_proj`), by name.

    Projections are told by the last word of their place, attention's output as what comes last beside them, the two
    matrices of a feed-forward layer by their order. Any other matrix keeps the name of its place.
    """
    found = list(tensors)
    layers: dict[tuple[int, str], list[str]] = {}
    for facts in (tensor.facts for tensor in found if tensor.facts.part):
        layers.setdefault((facts.depth, facts.kind), []).append(facts.part)
    names = {
        layer: attention_parts(places) if layer[1] == "attention" else feed_forward_parts(places)
        for layer, places in layers.items()
    }

    def named(facts: TensorFacts) -> TensorFacts:
        return replace(facts, part=names.get((facts.depth, facts.kind), {}).get(facts.part, facts.part))

    return [replace(tensor, facts=named(tensor.facts)) for tensor in found]
