"""The words of `stabbench.models.device_draws` from one Triton kernel, whose Philox is Triton's own."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language.random import philox_impl

BLOCKS_A_PROGRAM = 256


@triton.jit  # type: ignore[untyped-decorator]
def _draw(keys, step, place, call, words, blocks, SIZE: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803
    run = tl.program_id(1)
    block = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    none = tl.zeros((SIZE,), tl.uint64)
    first = (block + 1).to(tl.uint64)
    second = none + tl.load(step).to(tl.uint64)
    third = none + tl.load(place).to(tl.uint64)
    fourth = none + tl.load(call).to(tl.uint64)
    key = none + tl.load(keys + 2 * run).to(tl.uint64)
    other = none + tl.load(keys + 2 * run + 1).to(tl.uint64)
    one, two, three, four = philox_impl(first, second, third, fourth, key, other, 10)
    there = words + (run.to(tl.int64) * blocks + block) * 4
    real = block < blocks
    half: tl.constexpr = 0x8000800080008000
    tl.store(there, (one ^ half).to(tl.int64, bitcast=True), mask=real)
    tl.store(there + 1, (two ^ half).to(tl.int64, bitcast=True), mask=real)
    tl.store(there + 2, (three ^ half).to(tl.int64, bitcast=True), mask=real)
    tl.store(there + 3, (four ^ half).to(tl.int64, bitcast=True), mask=real)


def words(keys: Tensor, step: Tensor, place: Tensor, call: Tensor, blocks: int) -> Tensor:
    """As `stabbench.models.device_draws.words`."""
    found = torch.empty(len(keys), blocks, 4, dtype=torch.int64, device=keys.device)
    _draw[(triton.cdiv(blocks, BLOCKS_A_PROGRAM), len(keys))](keys, step, place, call, found, blocks, BLOCKS_A_PROGRAM)
    return found
