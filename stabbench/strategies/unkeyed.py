"""Notices draws that no run's seed keys: those from the global generators of torch, NumPy and Python."""

from __future__ import annotations

import ctypes
import random
from types import TracebackType

import numpy as np
import torch

from stabbench.errors import UserError

WORDS = 624
"""Of a Mersenne Twister's state; in NumPy's the number of the next one follows them."""
EARLY_UPDATES = 16
"""In which Python's generator is looked at, too: reading it takes longer than all the rest."""


class UnkeyedDrawError(UserError):
    """A hook drew from a generator that all runs share."""


class KeyedDraws:
    """A block of code that must leave the global generators where they are; `what` begins the error's sentence.

    Raises UnkeyedDrawError where it does not: such a draw is the same whatever a run's seed is, or depends on what else
    is drawn in the process. It takes some ten microseconds and sees draws, not generators that are made within.
    `step` is the number of the update.
    """

    def __init__(self, what: str, device: torch.device, step: int) -> None:
        self.what, self.device, self.early = what, device, step < EARLY_UPDATES

    def __enter__(self) -> None:
        self.before = _positions(self.device, self.early)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        after = _positions(self.device, self.early)
        moved = [name for name, position in self.before.items() if after[name] != position]
        if moved:
            raise UnkeyedDrawError(
                f"{self.what} draws from {' and '.join(moved)}, which no run's seed keys: draw by ctx.uniform, "
                "ctx.normal or ctx.scaled_bernoulli (or ctx.uniform_by_token, ctx.normal_by_token), and leave dropout "
                "to the model"
            )


def _positions(device: torch.device, early: bool) -> dict[str, object]:
    """Where each generator stands; two positions are equal where nothing was drawn in between."""
    found: dict[str, object] = {
        "torch's global generator (torch.rand, torch.randn, F.dropout …)": bytes(
            torch.default_generator.get_state().numpy()
        ),
        "NumPy's global generator (np.random.…)": _numpy_position(),
    }
    if early:
        _, state, gauss = random.getstate()
        found["Python's `random`"] = state[0], state[-1], gauss
    if device.type == "cuda":
        number = torch.cuda.current_device() if device.index is None else device.index
        found["the GPU's global generator (torch.rand, torch.randn, F.dropout …)"] = bytes(
            torch.cuda.default_generators[number].get_state().numpy()
        )
    return found


def _numpy_position() -> object:
    """The state's first word, which every refill changes, and the number of the next one: read in place.

    A copy of the state takes longer than all the rest.
    """
    generator = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if not isinstance(generator, np.random.MT19937):  # somebody has put another one in its place
        return str(generator.state)
    words = (ctypes.c_uint32 * (WORDS + 1)).from_address(generator.ctypes.state_address)
    return words[0], words[WORDS]
