"""Which matrix of its layer a tensor is, as the paper's figures name them, by its place in any encoder's layer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from stabbench.models.architecture import ModelTensor

_PROJECTIONS = {
    "query": re.compile(r"w?_?q(uery)?(_proj|_lin)?"),
    "key": re.compile(r"w?_?k(ey)?(_proj|_lin)?"),
    "value": re.compile(r"w?_?v(alue)?(_proj|_lin)?"),
    "query, key and value": re.compile(r"w?_?qkv(_proj|_lin)?|query_key_value|in_proj"),
}


def named_parts(tensors: Iterable[ModelTensor]) -> list[ModelTensor]:
    """The tensors with the parts of their facts, which are places in a layer (`attention.self.query_proj`), by name.

    Projections are told by the last word of their place, attention's output as what comes last beside them, the two
    matrices of a feed-forward layer by their order. Any other matrix keeps the name of its place.
    """
    found = list(tensors)
    names: dict[tuple[int, str, str], str] = {}
    layers: dict[tuple[int, str], list[str]] = {}
    for facts in (tensor.facts for tensor in found if tensor.facts.part):
        layers.setdefault((facts.depth, facts.kind), []).append(facts.part)
    for (depth, kind), places in layers.items():
        own = _attention(places) if kind == "attention" else _feed_forward(places)
        names |= {(depth, kind, place): name for place, name in own.items()}

    def named(tensor: ModelTensor) -> ModelTensor:
        facts = tensor.facts
        part = names.get((facts.depth, facts.kind, facts.part), facts.part)
        return replace(tensor, facts=replace(facts, part=part))

    return [named(tensor) for tensor in found]


def _attention(places: list[str]) -> dict[str, str]:
    named = {place: name for place in places if (name := _projection(place))}
    beside = {_module(place) for place in named}
    others = [place for place in places if place not in named and _module(place) in beside]
    return named | ({others[-1]: "attention output"} if others else {})


def _module(place: str) -> str:
    """The outermost module of a layer that a place is in."""
    return place.partition(".")[0] if "." in place else ""


def _projection(place: str) -> str:
    last = place.rpartition(".")[2].lower()
    return next((name for name, pattern in _PROJECTIONS.items() if pattern.fullmatch(last)), "")


def _feed_forward(places: list[str]) -> dict[str, str]:
    return dict(zip(places, ("intermediate", "output"), strict=True)) if len(places) == 2 else {}
