"""What each tensor of a model is, as a plan file keeps it: a line a tensor, those of all layers as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LAYER = "#"
"""Stands for a layer's number in a tensor's name, for its depth in a line."""
DECAYS, SPARED = "decays", "spared"


@dataclass(frozen=True)
class Role:
    """What training knows of a tensor.

    `kind`: `embedding`, `attention`, `feed_forward`, `layer_norm`, `pooler` or `classifier`. `depth`: 0 for the
    embeddings, 1 … L for the layers, L + 1 for what follows them. `part`: which matrix of its layer it is (`query`,
    `attention output` …), "" for all but matrices of layers.
    """

    kind: str
    depth: int
    decays: bool
    part: str = ""


@dataclass(frozen=True)
class TensorRoles:
    """The roles of a model's tensors by Hugging Face name; none where a plan does not say them."""

    layers: int = 0
    roles: Mapping[str, Role] = field(default_factory=dict)

    def of(self, tensor: str) -> Role | None:
        """The role of a tensor; None for one that the model does not have, as those that strategies add."""
        return self.roles.get(tensor)

    def to_json(self) -> dict[str, Any]:
        """`{"layers": L, "names": {name: line}}`, where a name with `#` stands for those of all layers."""
        lines = dict(_entry(name, role) for name, role in self.roles.items())
        read = type(self).from_json({"layers": self.layers, "names": lines}).roles
        apart = {name: _line(role, str(role.depth)) for name, role in self.roles.items() if read.get(name) != role}
        return {"layers": self.layers, "names": lines | apart}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TensorRoles:
        """The roles that `to_json` wrote; a line for all layers also names tensors that one of them may lack."""
        layers, lines = int(data.get("layers", 0)), data.get("names", {})
        roles = {}
        for name, line in sorted(lines.items(), key=lambda item: LAYER not in item[0]):  # single ones go over patterns
            kind, depth, decays, part = line.split(", ", 3)
            for number in range(layers) if LAYER in name else (None,):
                place = int(depth) if number is None else number + 1
                roles[name.replace(LAYER, str(number))] = Role(kind, place, decays == DECAYS, part)
        return cls(layers, roles)


def _entry(name: str, role: Role) -> tuple[str, str]:
    """Name and line, with `#` for the number of its layer where the name has that."""
    parts, number = name.split("."), str(role.depth - 1)
    if number not in parts:
        return name, _line(role, str(role.depth))
    parts[parts.index(number)] = LAYER
    return ".".join(parts), _line(role, LAYER)


def _line(role: Role, depth: str) -> str:
    return f"{role.kind}, {depth}, {DECAYS if role.decays else SPARED}, {role.part}"


NO_ROLES = TensorRoles()
"""Of a plan that leaves them to the tensors' names."""
