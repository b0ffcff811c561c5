"""What is freed in the heap does not stay with a training's process for ever."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from stabbench.training import heap
from stabbench.training.loop import train
from tests import tiny

PAGE, BLOCK, BLOCKS = 4096, 64 * 1024, 2000
GLIBC = sys.platform == "linux" and heap._malloc_trim() is not None
needs_glibc = pytest.mark.skipif(not GLIBC, reason="its C library has no malloc_trim, so there is nothing to ask for")


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def left_in_pieces() -> list[torch.Tensor]:
    """Small tensors between which large ones were freed, so that the heap has no end to be cut off."""
    pairs = [(torch.ones(BLOCK // 4), torch.ones(8)) for _ in range(BLOCKS)]
    return [small for _, small in pairs]


@needs_glibc
def test_pages_between_what_is_in_use_are_given_back() -> None:
    kept, before = left_in_pieces(), resident()
    heap.trim()
    assert resident() < before - BLOCK * BLOCKS / 2
    assert all(bool((small == 1).all()) for small in kept)


@needs_glibc
def test_a_training_gives_them_back_now_and_then_and_trains_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, seeds = tiny.inputs(), tiny.seeds(1)
    expected = train(inputs, seeds)[0].data["result_digest"]
    kept: list[torch.Tensor] = []
    seen: list[int] = []

    def progress(step: int, total: int) -> None:
        if step == 1:
            kept.extend(left_in_pieces())
        seen.append(resident())

    monkeypatch.setattr(heap, "SECONDS", 0.0)
    assert train(inputs, seeds, progress=progress)[0].data["result_digest"] == expected
    assert seen[1] < seen[0] - BLOCK * BLOCKS / 2
    assert len(kept) == BLOCKS
