"""What a plan says of an architecture's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from stabbench.models.architecture import Architecture, TensorFacts
from stabbench.tensor_roles import (
    CLASSIFIER,
    EMBEDDINGS,
    NUMBER,
    OUTSIDE_LAYERS,
    POOLER,
    SHARED,
    Role,
    TensorRoles,
    line_of,
)


@lru_cache(maxsize=32)
def roles_of(architecture: Architecture) -> TensorRoles:
    """The role of every tensor, those of all layers in one line where they have the same."""
    return roles_of_facts(architecture.facts(), architecture.layers, shared=architecture.shares_layers)


def roles_of_facts(facts: Mapping[str, TensorFacts], layers: int, *, shared: bool = False) -> TensorRoles:
    """The same from the facts of each tensor of a model with so many layers, which may be `shared` ones."""
    roles = {
        name: Role(fact.kind, _layer(fact, layers, shared=shared), fact.decays, fact.part)
        for name, fact in facts.items()
    }
    lines = TensorRoles(_entry(name, role, str(facts[name].depth - 1)) for name, role in roles.items())
    apart = {name: line_of(role) for name, role in roles.items() if lines.of(name) != role}
    return TensorRoles(lines | apart)


def _layer(fact: TensorFacts, layers: int, *, shared: bool) -> str:
    if fact.depth == 0:
        return EMBEDDINGS
    if fact.depth > layers:
        return CLASSIFIER if fact.kind == "classifier" else POOLER
    return SHARED if shared else f"layer {fact.depth}"


def _entry(name: str, role: Role, number: str) -> tuple[str, str]:
    """Name and line, with `#` for the number of its layer where the name has that."""
    parts = name.split(".")
    if role.layer in (*OUTSIDE_LAYERS, SHARED) or number not in parts:
        return name, line_of(role)
    parts[parts.index(number)] = NUMBER
    return ".".join(parts), line_of(Role(role.kind, f"layer {NUMBER}", role.decays, role.part))
