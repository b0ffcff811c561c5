"""What a plan says of an architecture's tensors."""

from __future__ import annotations

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
    facts = architecture.facts()
    roles = {name: Role(fact.kind, _layer(fact, architecture), fact.decays, fact.part) for name, fact in facts.items()}
    lines = TensorRoles(_entry(name, role, str(facts[name].depth - 1)) for name, role in roles.items())
    apart = {name: line_of(role) for name, role in roles.items() if lines.of(name) != role}
    return TensorRoles(lines | apart)


def _layer(fact: TensorFacts, architecture: Architecture) -> str:
    if fact.depth == 0:
        return EMBEDDINGS
    if fact.depth > architecture.layers:
        return CLASSIFIER if fact.kind == "classifier" else POOLER
    return SHARED if architecture.shares_layers else f"layer {fact.depth}"


def _entry(name: str, role: Role, number: str) -> tuple[str, str]:
    """Name and line, with `#` for the number of its layer where the name has that."""
    parts = name.split(".")
    if role.layer in (*OUTSIDE_LAYERS, SHARED) or number not in parts:
        return name, line_of(role)
    parts[parts.index(number)] = NUMBER
    return ".".join(parts), line_of(Role(role.kind, f"layer {NUMBER}", role.decays, role.part))
