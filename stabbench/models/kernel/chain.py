"""From the gradients of the weights that act in a forward pass to those of the weights that they were computed of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor


class Change(Protocol):
    """What the node of a function in C knows of its computation; its class has it as `change`."""

    leaves: Sequence[Tensor]
    """The inputs that have gradients."""
    outputs: int
    """How many there are."""

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """Gradients of the leaves from those of all outputs, which are contiguous and may be changed in place."""
        ...


def chained(
    acting: Mapping[str, Tensor], weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor] | None:
    """Gradients of `weights`, from those of the `acting` ones that were computed of them.

    None where an acting tensor is another weight itself, by which it cannot be told whose gradient it has. The given
    gradients may be changed in place.
    """
    computed = [name for name in gradients if acting[name].grad_fn is not None]
    own = {name for name in gradients if acting[name] is weights.get(name)}
    if len(computed) + len(own) < len(gradients):
        return None
    trained = [name for name, tensor in weights.items() if tensor.requires_grad]
    leaves = [weights[name] for name in trained]
    parts = _followed([acting[name] for name in computed], leaves, [gradients[name] for name in computed])
    found = {}
    for name, part in zip(trained, parts, strict=True):
        if name not in own:
            found[name] = torch.zeros_like(weights[name]) if part is None else part.contiguous()
        else:
            found[name] = gradients[name] if part is None else gradients[name].add_(part)
    return found


def _followed(outputs: list[Tensor], leaves: list[Tensor], slopes: list[Tensor]) -> Sequence[Tensor | None]:
    """Gradients of the leaves from those of outputs that were computed of them.

    Where the outputs are all those of one function in C, autograd is not asked: it takes longer than the work.
    """
    if not outputs:
        return [None] * len(leaves)
    node = outputs[0].grad_fn
    change: Change | None = getattr(node, "change", None)
    places = {id(leaf): place for place, leaf in enumerate(leaves)}
    if (
        change is None
        or change.outputs != len(outputs)
        or any(output.grad_fn is not node for output in outputs)
        or any(id(leaf) not in places for leaf in change.leaves)
    ):
        return torch.autograd.grad(outputs, leaves, slopes, allow_unused=True)
    found: list[Tensor | None] = [None] * len(leaves)
    in_order = sorted(zip(outputs, slopes, strict=True), key=lambda pair: pair[0].output_nr)
    for leaf, slope in zip(change.leaves, change.follow([slope for _, slope in in_order]), strict=True):
        found[places[id(leaf)]] = slope
    return found
