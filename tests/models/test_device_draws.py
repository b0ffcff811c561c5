"""What a device draws are the bits that NumPy draws."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from stabbench.models.batch import make_batch
from stabbench.models.device_draws import DeviceDraws, upper_half
from stabbench.models.dropout import DeviceDropout, Dropout
from stabbench.randomness import Draws
from tests import tiny

CPU = torch.device("cpu")
SEEDS = (0, 1, 2**40 + 3, 2**63 + 5)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 5000])
def test_levels_are_those_of_numpys_philox_for_every_run(count: int) -> None:
    draws = [Draws(seed, "dropout") for seed in SEEDS]
    found = DeviceDraws(draws, CPU).levels("layer.1.output", count, torch.tensor(17), call=2)
    for run, draw in enumerate(draws):
        expected = draw.levels("layer.1.output", count, step=17, call=2).astype(np.int64)
        np.testing.assert_array_equal(found[run].numpy().astype(np.int64) + 32768, expected)


def test_the_upper_half_of_a_product_is_that_of_whole_numbers() -> None:
    values = [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF]
    words = torch.from_numpy(np.array(values, dtype=np.uint64).view(np.int64))
    for multiplier in (0xD2E7470EE14C6C93, 0xCA5A826395121157, 2**64 - 1, 1):
        found = upper_half(words, multiplier).numpy().view(np.uint64).tolist()
        assert found == [value * multiplier >> 64 for value in values]


@pytest.mark.parametrize("queries", [None, 1])
def test_attention_masks_are_the_same_where_examples_are_real(queries: int | None) -> None:
    chosen = [np.array([4, 1, 0, 9, 7]), np.array([3, 3, 11, 2, 5])]
    batch = make_batch(tiny.texts(12, seed=5), chosen, torch.float32, CPU)
    assert len(batch.grouping.buckets) > 1
    draws = [Draws(seed, "dropout") for seed in (3, 8)]
    host = Dropout(0.3, draws, step=7, call=1).attention("a", batch, 4, queries)
    device = DeviceDropout(0.3, DeviceDraws(draws, CPU), torch.tensor(7), call=1).attention("a", batch, 4, queries)
    assert host is not None
    assert device is not None
    lengths = batch.example_lengths.flatten()[batch.grouping.order].tolist()
    for ours, theirs in zip(device, host, strict=True):
        for row in range(len(ours)):
            length = lengths.pop(0)
            asked = queries or length
            assert torch.equal(ours[row, :, :asked, :length], theirs[row, :, :asked, :length])


def test_row_masks_are_the_same_where_rows_are_real() -> None:
    draws, like = [Draws(seed, "dropout") for seed in (3, 8)], torch.zeros(2, 9, 5)
    host = Dropout(0.3, draws, step=7).rows("b", (9, 6), like)
    device = DeviceDropout(0.3, DeviceDraws(draws, CPU), torch.tensor(7)).rows("b", (9, 6), like)
    assert host is not None
    assert device is not None
    assert 0 < int(host[0].sum()) < 45
    assert torch.equal(device[0], host[0])
    assert torch.equal(device[1, :6], host[1, :6])


def test_a_probability_of_zero_draws_nothing() -> None:
    draws = DeviceDraws([Draws(1, "dropout")], CPU)
    assert DeviceDropout(0.0, draws, torch.tensor(1)).rows("c", (3,), torch.zeros(1, 3, 4)) is None


KERNEL_AGAINST_NUMPY = """
import torch
from stabbench.models import device_draws, triton_draws
from stabbench.randomness import Draws
device_draws.words_for = lambda device: triton_draws.words
draws = [Draws(seed, "dropout") for seed in (0, 1, 2**40 + 3, 2**63 + 5)]
there = device_draws.DeviceDraws(draws, torch.device("cpu"))
for count in (1, 17, 4096, 5000):
    levels = there.levels("layer.1.output", count, torch.tensor(17), call=2).numpy().astype(int) + 32768
    assert all((levels[run] == draw.levels("layer.1.output", count, 17, 2)).all() for run, draw in enumerate(draws))
print("equal")
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_the_kernel_for_cuda_draws_the_same_bits_in_tritons_interpreter() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-c", KERNEL_AGAINST_NUMPY]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "equal", result.stderr
