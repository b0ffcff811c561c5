"""What is read off a torch module while somebody trains it: its tensors' roles, and the norms of their gradients."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stabbench.errors import UserError
from stabbench.models.layer_parts import attention_parts, feed_forward_parts
from stabbench.tensor_roles import ADDED, CLASSIFIER, EMBEDDINGS, NUMBER, OTHER, POOLER, Role, TensorRoles, line_of

if TYPE_CHECKING:
    from torch import nn

_WRAPPED = re.compile(r"^(module\.)+|(?<![^.])_orig_mod\.")
"""What DistributedDataParallel and `torch.compile` put before names."""
_ADAPTERS = re.compile(r"\.(modules_to_save\.[^.]+|original_module|base_layer)(?=\.|$)")
"""What PEFT puts into the names of modules that it has wrapped."""
_ADDED = re.compile(r"\.(lora_|ia3_|vera_|hada_|lokr_|oft_|boft_|adaption_|prompt_|internal_xlora)")
_HEADS = ("classifier", "score")


def is_module(value: object) -> bool:
    """Whether it is a torch module, or like one."""
    return hasattr(value, "named_parameters")


def gradient_norms(gradients: Any) -> dict[str, float]:
    """The L2 norm of each tensor's gradient: of a torch module's trained tensors, or of a mapping by name.

    The values of a mapping are gradients (arrays or tensors) or norms (numbers). UserError for anything else.
    """
    if is_module(gradients):
        return _of_module(gradients)
    if not isinstance(gradients, Mapping):
        raise UserError(f"gradient_norms: found a {type(gradients).__name__}, expected a torch module or a mapping")
    return {str(name): _norm(str(name), value) for name, value in gradients.items()}


def _of_module(module: nn.Module) -> dict[str, float]:
    import torch

    names, norms = [], []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        names.append(plain_name(name))
        norms.append(torch.zeros(()) if parameter.grad is None else tensor_norm(parameter.grad).cpu())
    return dict(zip(names, torch.stack(norms).tolist(), strict=True)) if norms else {}


def tensor_norm(gradient: Any) -> Any:
    """The L2 norm of a torch gradient as a tensor of float64 without dimensions, on its device (MPS: float32)."""
    import torch

    dense = gradient.detach()
    dense = dense.coalesce().values() if dense.is_sparse else dense
    single = dense if dense.dtype == torch.float64 else dense.float()
    return torch.linalg.vector_norm(single)


def _norm(name: str, value: Any) -> float:
    if isinstance(value, (int, float)):
        if value < 0:
            raise UserError(f"gradient_norms: {name} is {value}, expected a norm, or a gradient as an array")
        return float(value)
    if hasattr(value, "detach"):
        return float(tensor_norm(value))
    try:
        return math.sqrt(float(np.square(np.asarray(value, dtype=np.float64)).sum()))
    except (TypeError, ValueError) as error:
        raise UserError(f"gradient_norms: {name} is a {type(value).__name__}, expected an array or a number") from error


def plain_name(tensor: str) -> str:
    """A tensor's name without what distributed training and compilation put before it."""
    return _WRAPPED.sub("", tensor)


def roles_of(module: nn.Module) -> TensorRoles:
    """What each tensor of a module is, by the tree of its modules.

    Layers are the outermost ModuleLists of most modules (else the parts of the outermost Sequential, which have no
    lists inside); before them are embeddings, after them what is between them and the classifier. That is the last
    linear layer below a module called `classifier` or `score`, else the last one outside the layers. Biases and norms
    do not decay. What PEFT adds is in the layer that it was added to.
    """
    lists = _lists(module)
    output = _output(module, lists)
    roles: dict[str, Role] = {}
    places: dict[tuple[str, str], dict[str, None]] = {}
    reached = False
    for name, role, path in _roles(module, lists, output):
        reached = reached or role.layer.startswith("layer ")
        unplaced = role.layer == OTHER and bool(lists)
        roles[name] = _at(role, POOLER if reached else EMBEDDINGS) if unplaced else role
        if path:
            places.setdefault((role.layer, role.kind), {})[path] = None
    parts = {
        key: (attention_parts if key[1] == "attention" else feed_forward_parts)(list(found))
        for key, found in places.items()
    }
    named = {
        name: Role(role.kind, role.layer, role.decays, parts.get((role.layer, role.kind), {}).get(role.part, role.part))
        for name, role in roles.items()
    }
    return _joined(named)


def _at(role: Role, layer: str) -> Role:
    kinds = {EMBEDDINGS: "embedding", POOLER: "pooler"}
    return Role(role.kind if role.kind in ("layer_norm", ADDED) else kinds[layer], layer, role.decays)


def _lists(module: nn.Module) -> dict[str, int]:
    """The layers by the name of their module, numbered from 1."""
    from torch import nn

    for kind in (nn.ModuleList, nn.Sequential):
        outer: list[tuple[str, list[str]]] = []
        for name, found in module.named_modules():
            if isinstance(found, kind) and not any(name.startswith(f"{other}.") for other, _ in outer):
                prefix = f"{name}." if name else ""
                children = [
                    f"{prefix}{child}"
                    for child, part in found.named_children()
                    if next(part.parameters(), None) is not None
                ]
                outer.append((name, children))
                if not name:
                    break
        most = max((len(children) for _, children in outer), default=0)
        if most >= 2:
            return {
                child: number
                for _, children in outer
                if len(children) == most
                for number, child in enumerate(children, start=1)
            }
    return {}


def _within(place: str, lists: Mapping[str, int]) -> tuple[str, int] | None:
    """The layer that a module or tensor is in."""
    parts = place.split(".")
    for end in range(1, len(parts) + 1):
        if (found := ".".join(parts[:end])) in lists:
            return found, lists[found]
    return None


def _output(module: nn.Module, lists: Mapping[str, int]) -> str | None:
    """The place of the output layer, as PEFT's wrappers do not show in it."""
    linear = [
        _ADAPTERS.sub("", name)
        for name, found in module.named_modules()
        if type(found).__name__.endswith("Linear") and hasattr(found, "weight") and not _ADDED.search(name)
    ]
    outside = [place for place in linear if _within(place, lists) is None]
    heads = [place for place in outside if any(part in _HEADS for part in place.split("."))]
    found = heads or outside or linear
    return found[-1] if found else None


def _roles(module: nn.Module, lists: Mapping[str, int], output: str | None) -> Iterator[tuple[str, Role, str]]:
    """Each tensor's name, role (`OTHER` where its place among the layers decides) and, of a matrix, its place there."""
    from torch import nn

    for name, _ in module.named_parameters():
        place, _, leaf = name.rpartition(".")
        owner = module.get_submodule(place)
        norm, added = "norm" in type(owner).__name__.lower(), _ADDED.search(f".{name}") is not None
        decays = not norm and not leaf.endswith("bias")
        plain = _ADAPTERS.sub("", place)
        within = _within(place, lists)
        path = "" if within is None else plain.removeprefix(within[0]).removeprefix(".")
        if plain == output:
            kind, layer, path = "classifier", CLASSIFIER, ""
        elif within is not None:
            kind, layer = "attention" if "attn" in path or "attention" in path else "feed_forward", f"layer {within[1]}"
        elif isinstance(owner, nn.Embedding):
            kind, layer = "embedding", EMBEDDINGS
        else:
            kind, layer = OTHER, OTHER
        kind = ADDED if added else "layer_norm" if norm else kind
        part = path if decays and not added else ""
        yield plain_name(name), Role(kind, layer, decays, part), part


def _joined(roles: Mapping[str, Role]) -> TensorRoles:
    """A line a tensor, those of all layers as one where they say the same."""
    lines = TensorRoles(_entry(name, role) for name, role in roles.items())
    apart = {name: line_of(role) for name, role in roles.items() if lines.of(name) != role}
    return TensorRoles(lines | apart)


def _entry(name: str, role: Role) -> tuple[str, str]:
    parts, number = name.split("."), role.layer.removeprefix("layer ")
    before = str(int(number) - 1) if number.isdecimal() else ""
    if before not in parts:
        return name, line_of(role)
    parts[parts.index(before)] = NUMBER
    return ".".join(parts), line_of(Role(role.kind, f"layer {NUMBER}", role.decays, role.part))
