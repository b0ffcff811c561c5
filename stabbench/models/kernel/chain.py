"""From the gradients of the weights that act in a forward pass to those of the weights that they were computed of."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


class Change(Protocol):
    """A computation of matrices in C, and its gradients."""

    @property
    def leaves(self) -> Sequence[Tensor]:
        """The inputs that have gradients."""
        ...

    outputs: int
    """How many there are."""

    def forward(self) -> Sequence[Tensor]:
        """Its outputs."""
        ...

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """Gradients of the leaves from those of all outputs, which are contiguous and may be changed in place."""
        ...


class Latest(threading.local):
    """What a thread made last of its kind, for as long as somebody holds it: the next one is mostly the same."""

    _made: weakref.ref[Any] | None = None

    def get(self) -> Any:
        """It, or None."""
        return None if self._made is None else self._made()

    def keep(self, made: Any) -> None:
        """Know this one from now on."""
        self._made = weakref.ref(made)


class Noted(NamedTuple):
    """A change, and its outputs, of which autograd does not know that they were computed."""

    change: Change
    made: tuple[Tensor, ...]


class _Here(threading.local):
    """Changes that are made in this thread while somebody asks for them."""

    noted: list[Noted] | None = None


_here = _Here()


def noting(function: Callable[[Weights], Weights], weights: Weights) -> tuple[Weights, list[Noted]]:
    """What the function makes of the weights, and the changes that it made on the way, without a graph of autograd's.

    Outputs of changes are leaves: where one went into anything else, no gradient goes on from there. See `whole`.
    """
    noted: list[Noted] = []
    _here.noted = noted
    try:
        return function(weights), noted
    finally:
        _here.noted = None


def computed(change: Change) -> tuple[Tensor, ...]:
    """The change's outputs: noted where somebody asks for that, else with autograd's node."""
    if _here.noted is not None:
        made = tuple(output.requires_grad_() for output in change.forward())
        _here.noted.append(Noted(change, made))
        return made
    found: tuple[Tensor, ...] = _Function.apply(change, *change.leaves)  # type: ignore[no-untyped-call]
    return found


class _Function(torch.autograd.Function):
    """The node of a change, which has it as `change`."""

    @staticmethod
    def forward(ctx: Any, change: Change, *leaves: Tensor) -> tuple[Tensor, ...]:
        ctx.change = change
        return tuple(change.forward())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.change.follow([slope.clone(memory_format=torch.contiguous_format) for slope in slopes])


class Whole(NamedTuple):
    """One noted change that is all that happened to weights: the names of its outputs and of its leaves, in order."""

    change: Change
    outputs: Sequence[str]
    leaves: Sequence[str]


def whole(acting: Weights, weights: Weights, noted: Sequence[Noted]) -> Whole | None:
    """The one change by which the `acting` weights were made of `weights`.

    None where anything else was done to one of them, or to an output of the change.
    """
    if len(noted) != 1 or noted[0].made[0]._version:
        return None
    change, made = noted[0]
    names = {id(tensor): name for name, tensor in acting.items() if tensor is not weights.get(name)}
    trained = {id(tensor): name for name, tensor in weights.items() if tensor.requires_grad}
    outputs, leaves = [names.get(id(tensor)) for tensor in made], [trained.get(id(leaf)) for leaf in change.leaves]
    if len(names) != len(made) or None in outputs or None in leaves:
        return None
    return Whole(change, [name for name in outputs if name], [name for name in leaves if name])


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
