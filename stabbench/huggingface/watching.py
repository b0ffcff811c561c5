"""What is measured of a Trainer's updates while it is at work, without a change to them."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stabbench.recording.modules import plain_name, tensor_norm


class GradientWatch:
    """The norm of each tensor's gradient in one update, before clipping.

    Of several backward passes that an update gathers the last one's is taken, which is that of the sum.
    """

    def __init__(self, model: nn.Module) -> None:
        self._norms: dict[str, Tensor] = {}
        trained: dict[str, Any] = {
            plain_name(name): parameter for name, parameter in model.named_parameters() if parameter.requires_grad
        }
        self._names = list(trained)
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(functools.partial(self._keep, name))
            for name, parameter in trained.items()
        ]

    def _keep(self, name: str, parameter: Tensor) -> None:
        if parameter.grad is not None:
            self._norms[name] = tensor_norm(parameter.grad)

    def close(self) -> None:
        """Stop watching."""
        for hook in self._hooks:
            hook.remove()

    def norms(self, scale: float) -> dict[str, float] | None:
        """By name, with the loss's `scale` taken out; None where a scaled gradient is too large for its type."""
        if not self._norms:
            return None
        values = torch.stack([norm.double().cpu() for norm in self._norms.values()]).div(scale).tolist()
        found = dict.fromkeys(self._names, 0.0) | dict(zip(self._norms, values, strict=True))
        return None if scale != 1.0 and not all(map(math.isfinite, values)) else found


class LossWatch:
    """The loss of each update: what `training_step` of one Trainer gives back, summed over the passes of an update."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._losses: list[Tensor] = []
        step = trainer.training_step

        @functools.wraps(step)
        def watched(*arguments: Any, **named: Any) -> Tensor:
            loss: Tensor = step(*arguments, **named)
            self._losses.append(loss.detach())
            return loss

        trainer.training_step = watched

    def close(self) -> None:
        """Put the Trainer's own method back."""
        del self._trainer.training_step

    def taken(self) -> Tensor | None:
        """The loss of the update that is done now, on its device."""
        found, self._losses = self._losses, []
        return torch.stack(found).sum() if found else None


def loss_scale(trainer: Any) -> float:
    """By how much gradients are scaled in half precision; 1 where they are not."""
    scaler = getattr(trainer.accelerator, "scaler", None)
    return float(scaler.get_scale()) if scaler is not None and scaler.is_enabled() else 1.0


def sees_gradients(trainer: Any) -> bool:
    """Whether each process has the whole gradients of an update when its last backward pass is done."""
    sharded = getattr(trainer, "is_deepspeed_enabled", False) or getattr(trainer, "is_fsdp_enabled", False)
    return not sharded and trainer.args.world_size <= 1


@contextmanager
def unchanged(trainer: Any) -> Iterator[None]:
    """Whatever is computed inside leaves the generators of random numbers, and the model's mode, as they were."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    modes: Mapping[nn.Module, bool] = {module: module.training for module in trainer.model.modules()}
    dataloader = trainer.callback_handler.eval_dataloader
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        for module, training in modes.items():
            module.training = training
        trainer.callback_handler.eval_dataloader = dataloader
