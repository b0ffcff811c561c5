"""What each tensor of a model is, as a plan file keeps it: a line a tensor, those of all layers as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

EMBEDDINGS, SHARED, POOLER, CLASSIFIER, OTHER = "embeddings", "shared layer", "pooler", "classifier", "other"
OUTSIDE_LAYERS = (EMBEDDINGS, POOLER, CLASSIFIER, OTHER)
ADDED = "added"
NUMBER = "#"
"""Stands for a layer's number: in a tensor's name counted from 0, in a line from 1."""
DECAYS, SPARED = "decays", "spared"


class Facts(Protocol):
    """What training knows of a tensor: `depth` is 0 before the layers, 1 … L in them, L + 1 after them."""

    @property
    def kind(self) -> str:
        """As `Role.kind`; `decays` and `part` likewise."""

    @property
    def depth(self) -> int:
        """Its layer's number."""

    @property
    def decays(self) -> bool:
        """Whether weight decay applies."""

    @property
    def part(self) -> str:
        """Which matrix of its layer it is."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a tensor is.

    `kind`: `embedding`, `attention`, `feed_forward`, `layer_norm`, `pooler`, `classifier`, or `added` by a strategy.
    `layer`: `embeddings`, `layer 1` (the lowest) … `layer L`, `shared layer` (ALBERT's one), `pooler` (what lies
    between the layers and the classifier), `classifier`, else `other`. `part`: which matrix of its layer it is
    (`query`, `attention output` …), "" for all but matrices of layers.
    """

    kind: str
    layer: str
    decays: bool
    part: str = ""


@dataclass(frozen=True)
class TensorRoles:
    """The roles of a model's tensors by Hugging Face name; `lines` is what the plan file holds."""

    lines: Mapping[str, str] = field(default_factory=dict)

    def of(self, tensor: str) -> Role:
        """The role of a tensor.

        One that a strategy adds is in the layer whose module its name lies in (`other` where there is none), and decays
        as training has it: biases alone do not.
        """
        if tensor not in self._known:
            self._known[tensor] = self._planned(tensor) or self._added(tensor)
        return self._known[tensor]

    @cached_property
    def _known(self) -> dict[str, Role]:
        return {}

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """The layer that all tensors of a module are in, by the module's name; other modules are left out."""
        found: dict[str, set[str]] = {}
        for name, line in self.lines.items():
            parts = name.split(".")
            for end in range(1, len(parts)):
                found.setdefault(".".join(parts[:end]), set()).add(_read(line).layer)
        alone = {module: layers.pop() for module, layers in found.items() if len(layers) == 1}
        return {module: layer for module, layer in alone.items() if (NUMBER in layer) == (NUMBER in module)}

    def _planned(self, tensor: str) -> Role | None:
        for name, number in _spellings(tensor):
            if name in self.lines:
                return _read(self.lines[name].replace(NUMBER, number))
        return None

    def _added(self, tensor: str) -> Role:
        module = tensor.rpartition(".")[0]
        while module:
            for name, number in _spellings(module):
                if name in self._modules:
                    return _added_in(self._modules[name].replace(NUMBER, number), tensor)
            module = module.rpartition(".")[0]
        return _added_in(OTHER, tensor)


def roles_of(facts: Mapping[str, Facts], layers: int, *, shared: bool = False) -> TensorRoles:
    """The roles of a model of so many layers, of which `shared` says that they are one; by tensor, from its facts."""
    roles = {
        name: Role(fact.kind, _layer(fact, layers, shared), fact.decays, fact.part) for name, fact in facts.items()
    }
    lines = dict(_entry(name, role, str(facts[name].depth - 1)) for name, role in roles.items())
    read = TensorRoles(lines)
    apart = {name: _line(role) for name, role in roles.items() if read.of(name) != role}
    return TensorRoles(lines | apart)


def _layer(fact: Facts, layers: int, shared: bool) -> str:
    if fact.depth == 0:
        return EMBEDDINGS
    if fact.depth > layers:
        return CLASSIFIER if fact.kind == "classifier" else POOLER
    return SHARED if shared else f"layer {fact.depth}"


def _entry(name: str, role: Role, number: str) -> tuple[str, str]:
    """Name and line, with `#` for the number of its layer where the name has that."""
    parts = name.split(".")
    if role.layer in (*OUTSIDE_LAYERS, SHARED) or number not in parts:
        return name, _line(role)
    parts[parts.index(number)] = NUMBER
    return ".".join(parts), _line(Role(role.kind, f"layer {NUMBER}", role.decays, role.part))


def _line(role: Role) -> str:
    return f"{role.kind}, {role.layer}, {DECAYS if role.decays else SPARED}, {role.part}"


def _read(line: str) -> Role:
    kind, layer, decays, part = line.split(", ", 3)
    return Role(kind, layer, decays == DECAYS, part)


def _added_in(layer: str, tensor: str) -> Role:
    return Role(ADDED, layer, not tensor.endswith(".bias"))


def _spellings(name: str) -> Iterator[tuple[str, str]]:
    """The name as it is, then with `#` for each number in it, and what that says in a line."""
    yield name, NUMBER
    parts = name.split(".")
    for place, part in enumerate(parts):
        if part.isdecimal():
            yield ".".join([*parts[:place], NUMBER, *parts[place + 1 :]]), str(int(part) + 1)
