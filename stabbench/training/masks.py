"""The dropout masks of a training's forward passes, drawn where its tensors are."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout, Dropout
from stabbench.randomness import Draws


class Masks:
    """Those of the runs whose `draws` are given, at one probability; None where every place has its own."""

    def __init__(self, probability: float | None, draws: Sequence[Draws], device: torch.device) -> None:
        self.probability, self.draws, self.device = probability, draws, device
        self.on_device = None if device.type == "cpu" else DeviceDraws(draws, device)

    def at(self, step: int, call: int = 0) -> Dropout | DeviceDropout:
        """The masks of forward pass `call` in update number `step`."""
        if self.on_device is None:
            return Dropout(self.probability, self.draws, step, call)
        number = torch.full((), step, dtype=torch.int64, device=self.device)
        return DeviceDropout(self.probability, self.on_device, number, call)
