"""What each tensor of a model is, as a plan file keeps it: a line a tensor, those of all layers as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

EMBEDDINGS, SHARED, POOLER, CLASSIFIER, OTHER = "embeddings", "shared layer", "pooler", "classifier", "other"
HEAD = "head"
"""What the analysis calls the classifier's layer where its outputs are no classes."""
OUTSIDE_LAYERS = (EMBEDDINGS, POOLER, CLASSIFIER, HEAD, OTHER)
ADDED = "added"
NUMBER = "#"
"""Stands for a layer's number: in a tensor's name counted from 0, in a line from 1."""
DECAYS, SPARED = "decays", "spared"


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


class TensorRoles(dict[str, str]):
    """A line, as `line_of` makes it, for each Hugging Face name; `#` in a name stands for the number of any layer."""

    def of(self, tensor: str) -> Role:
        """The role of a tensor.

        One that a strategy adds is in the layer whose module its name lies in (`other` where there is none), and decays
        as training has it: biases alone do not.
        """
        if tensor not in self._known:
            self._known[tensor] = self._planned(tensor) or self._added(tensor)
        return self._known[tensor]

    def with_last(self, layer: str) -> TensorRoles:
        """The same with the layer `classifier` called `layer`."""
        if layer == CLASSIFIER:
            return self
        roles = {name: _read(line) for name, line in self.items()}
        return TensorRoles(
            {
                name: line_of(replace(role, layer=layer) if role.layer == CLASSIFIER else role)
                for name, role in roles.items()
            }
        )

    @cached_property
    def _known(self) -> dict[str, Role]:
        return {}

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """The layer that all tensors of a module are in, by the module's name; other modules are left out."""
        found: dict[str, set[str]] = {}
        for name, line in self.items():
            parts = name.split(".")
            for end in range(1, len(parts)):
                found.setdefault(".".join(parts[:end]), set()).add(_read(line).layer)
        alone = {module: layers.pop() for module, layers in found.items() if len(layers) == 1}
        return {module: layer for module, layer in alone.items() if (NUMBER in layer) == (NUMBER in module)}

    def _planned(self, tensor: str) -> Role | None:
        for name, number in _spellings(tensor):
            if name in self:
                return _read(self[name].replace(NUMBER, number))
        return None

    def _added(self, tensor: str) -> Role:
        module = tensor.rpartition(".")[0]
        while module:
            for name, number in _spellings(module):
                if name in self._modules:
                    return _added_in(self._modules[name].replace(NUMBER, number), tensor)
            module = module.rpartition(".")[0]
        return _added_in(OTHER, tensor)


def line_of(role: Role) -> str:
    """What a plan file says of a tensor."""
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
