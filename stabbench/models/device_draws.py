"""The draws of `stabbench.randomness` with torch's integer operations: the same bits on every device.

Torch has no unsigned 64-bit arithmetic, so words are int64 with the same bits, and the upper half of a product is put
together from 32-bit halves. On CUDA a single kernel draws the words; elsewhere they are drawn as written here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from stabbench.models.compilation import can_compile
from stabbench.randomness import Draws, place_number

LOWER = 0xFFFFFFFF
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ROUNDS = 10
LEVELS_A_BLOCK = 16
HALF_OF_EACH = 0x8000800080008000
"""Turns each of a word's four unsigned 16-bit levels into the signed number that is 32768 less."""


def signed(word: int) -> int:
    """The int64 with the bits of a 64-bit word."""
    word &= (1 << 64) - 1
    return word - (1 << 64) if word >> 63 else word


def upper_half(values: Tensor, multiplier: int) -> Tensor:
    """Bits 64 … 127 of the unsigned product of 64-bit words with a constant."""
    low, high = values & LOWER, (values >> 32) & LOWER
    factor_low, factor_high = multiplier & LOWER, multiplier >> 32
    low_high, high_low = low * factor_high, high * factor_low
    carry = (((low * factor_low) >> 32) & LOWER) + (low_high & LOWER) + (high_low & LOWER)
    return high * factor_high + ((low_high >> 32) & LOWER) + ((high_low >> 32) & LOWER) + (carry >> 32)


def philox(counter: Tensor, step: Tensor, place: Tensor, call: Tensor, keys: Tensor) -> tuple[Tensor, ...]:
    """The four words of Philox 4x64-10 for each key and counter: shape `(S, n)` each, from `(n,)` and `(S, 2)`."""
    words = [counter.unsqueeze(0), step, place, call]
    first_key, second_key = keys[:, :1], keys[:, 1:]
    for number in range(ROUNDS):
        upper = [upper_half(words[2 * half], MULTIPLIERS[half]) for half in (0, 1)]
        lower = [words[2 * half] * signed(MULTIPLIERS[half]) for half in (0, 1)]
        bumped = (first_key + signed(number * WEYL[0]), second_key + signed(number * WEYL[1]))
        words = [upper[1] ^ words[1] ^ bumped[0], lower[1], upper[0] ^ words[3] ^ bumped[1], lower[0]]
    return tuple(words)


def words(keys: Tensor, step: Tensor, place: Tensor, call: Tensor, blocks: int) -> Tensor:
    """The first words of each run's draws as signed levels: `(S, blocks, 4)` int64, for keys `(S, 2)`."""
    counter = torch.arange(1, blocks + 1, device=keys.device)
    return torch.stack(philox(counter, step, place, call, keys), dim=-1) ^ signed(HALF_OF_EACH)


def words_for(device: torch.device) -> Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]:
    """`words`, or the same from one kernel where Triton can build it."""
    if device.type != "cuda" or not can_compile():
        return words
    from stabbench.models import triton_draws

    return triton_draws.words


class DeviceDraws:
    """The draws of several runs on one device; `levels` are those of `Draws.levels`, run by run."""

    def __init__(self, draws: Sequence[Draws], device: torch.device) -> None:
        keys = [[signed(draw.seed), signed(place_number(draw.stream))] for draw in draws]
        self.keys = torch.tensor(keys, dtype=torch.int64, device=device)
        self._words = words_for(device)
        self._numbers: dict[int, Tensor] = {}

    def levels(self, place: str, count: int, step: Tensor, call: int = 0) -> Tensor:
        """`count` uniform 16-bit levels a run, less 32768: int16 of shape `(S, count)`; `step` has shape `()`."""
        blocks = -(-count // LEVELS_A_BLOCK)
        drawn = self._words(self.keys, step, self._number(place_number(place)), self._number(call), blocks)
        return drawn.view(torch.int16).view(len(self.keys), blocks * LEVELS_A_BLOCK)[:, :count]

    def _number(self, value: int) -> Tensor:
        """A number as a tensor on the device, kept so that a captured graph finds it where it was."""
        if value not in self._numbers:
            self._numbers[value] = torch.full((), signed(value), dtype=torch.int64, device=self.keys.device)
        return self._numbers[value]
