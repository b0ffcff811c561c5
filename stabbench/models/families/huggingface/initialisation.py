"""New tensors as transformers draws them for a model's family, with the run's own random numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.families.huggingface.network import build
from stabbench.models.keyed_draws import arguments_of, is_random
from stabbench.randomness import Draws

aten = torch.ops.aten


def initial_tensors(architecture: Architecture, names: Collection[str], draws: Draws) -> dict[str, Tensor]:
    """Values of the tensors `names` at the start of training, in float64 and without run axis.

    transformers' own initialisation of the whole model is run with `names` as the only tensors that it may change, and
    every number that it asks for is drawn at the place of the tensor's name. So the distribution is that of the family,
    the numbers are functions of seed and name. Raises UserError where it draws otherwise, or leaves a tensor as it was.
    """
    if not names:
        return {}
    with torch.device("meta"):
        model: Any = build(architecture.config, architecture.labels)
    new: dict[str, Tensor] = {}
    for place, module in model.named_modules():
        module._is_hf_initialized = False
        for leaf, parameter in module.named_parameters(recurse=False):
            name = f"{place}.{leaf}" if place else leaf
            if name in names:
                new[name] = torch.full(tuple(parameter.shape), np.nan, dtype=torch.float64)
                setattr(module, leaf, nn.Parameter(new[name], requires_grad=False))
            else:
                parameter._is_hf_initialized = True
    with _KeyedInitialisation(new, draws), _cut_normals():
        model.initialize_weights()
    untouched = [name for name, tensor in new.items() if bool(tensor.isnan().any())]
    if untouched:
        raise UserError(f"transformers does not say how '{architecture.name}' models draw {', '.join(untouched)}")
    return new


class _KeyedInitialisation(TorchDispatchMode):
    """Normal and uniform numbers for the tensors `new` come from `draws`, the n-th filling of one as its call n."""

    def __init__(self, new: dict[str, Tensor], draws: Draws) -> None:
        super().__init__()
        self.places = {tensor.untyped_storage().data_ptr(): name for name, tensor in new.items()}
        self.draws, self.calls = draws, dict.fromkeys(["", *new], 0)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not is_random(func):
            return func(*args, **(kwargs or {}))
        if func not in (aten.normal_.default, aten.uniform_.default):
            raise UserError(f"transformers initialises this model by {func}, expected normal or uniform numbers")
        tensor: Tensor = args[0]
        if tensor.is_meta:
            return tensor
        _, first, second, *_ = arguments_of(func, args, kwargs or {}).values()  # mean and deviation, or the bounds
        place = self.places.get(tensor.untyped_storage().data_ptr(), "")
        call, shape = self.calls[place], tuple(tensor.shape)
        self.calls[place] += 1
        if func is aten.normal_.default:
            values = self.draws.normal(place, shape, call=call) * second + first
        else:
            values = self.draws.uniform(place, shape, call=call) * (second - first) + first
        return tensor.copy_(torch.from_numpy(values))


@contextmanager
def _cut_normals() -> Iterator[None]:
    """Cut normal numbers by the inverse of their distribution: torch's own way differs between its versions."""
    from transformers import initialization

    before = initialization.trunc_normal_
    initialization.trunc_normal_ = _trunc_normal
    try:
        yield
    finally:
        initialization.trunc_normal_ = before


def _trunc_normal(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """N(mean, std²) given that it lies in [a, b], from one uniform number each."""
    if not getattr(tensor, "_is_hf_initialized", False):
        low, high = torch.special.ndtr((torch.tensor([a, b], dtype=torch.float64) - mean) / std).tolist()
        with torch.no_grad():
            tensor.uniform_(low, high, generator=generator)
            tensor.copy_(torch.special.ndtri(tensor).mul_(std).add_(mean).clamp_(a, b))
    return tensor
