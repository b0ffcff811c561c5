"""What a training takes is estimated a little above what it really uses, and stacks are filled evenly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.device_batch import BatchShape, DeviceTexts, device_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout
from stabbench.models.families import architecture_of, encoder_of
from stabbench.randomness import Draws
from stabbench.strategies.freelb import FreeLB, FreeLBOptions
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.strategies.r3f import R3F
from stabbench.tasks.objectives.class_losses import cross_entropy
from stabbench.training.loop import Training
from stabbench.training.memory import Needs, balanced, kept_for_backward, largest_batch, needs, parameters
from stabbench.training.order import Order
from stabbench.training.precision import compute_type, product_type
from tests import tiny

CPU = torch.device("cpu")


def shape_of(kind: str) -> Architecture:
    config: dict[str, Any] = {
        "model_type": kind, "num_hidden_layers": 6, "hidden_size": 128, "num_attention_heads": 4,
        "intermediate_size": 512, "embedding_size": 64, "vocab_size": 100, "max_position_embeddings": 128,
        "pad_token_id": 0, "hidden_act": "gelu",
    }  # fmt: skip
    own: dict[str, dict[str, Any]] = {
        "mpnet": {"pad_token_id": 1, "max_position_embeddings": 130},
        "deberta-v2": {
            "embedding_size": 128, "relative_attention": True, "pos_att_type": "p2c|c2p", "share_att_key": True,
            "position_buckets": 256, "position_biased_input": False,
        },
    }  # fmt: skip
    return architecture_of(config | own.get(kind, {}), 2)


def really_kept(architecture: Architecture, precision: str, probability: float, longest: int) -> tuple[int, BatchShape]:
    """Bytes a run that autograd holds after a forward pass of two runs, the weights left out."""
    real, runs = compute_type(precision), 2
    weights = {name: torch.randn(runs, *shape).to(real) for name, shape in architecture.shapes().items()}
    if product_type(precision) is not None and not architecture.shares_layers:
        layers = [name for name in weights if ".encoder." in name and weights[name].dim() == 3]
        weights |= {name: weights[name].to(product_type(precision)) for name in layers}
    own = {tensor.requires_grad_().untyped_storage().data_ptr() for tensor in weights.values()}
    data = tiny.texts(60, seed=1, longest=longest, pieces=100)
    chosen = np.random.default_rng(0).integers(0, 60, (runs, 8))
    shape = BatchShape.of(data.lengths[chosen])
    batch = device_batch(DeviceTexts(data, CPU, segments=True), torch.from_numpy(chosen), shape, real)
    dropout = DeviceDropout(
        probability, DeviceDraws([Draws(run, "dropout") for run in range(runs)], CPU), torch.tensor(3)
    )
    held: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits = encoder_of(architecture, product_type(precision)).classify(weights, batch, dropout)
        loss = cross_entropy(logits, batch.labels).sum()
    assert loss.isfinite()
    return sum(storage.nbytes() for storage in held.values()) // runs, shape


@pytest.mark.parametrize("longest", [20, 120])
@pytest.mark.parametrize("probability", [0.0, 0.1])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp64"])
@pytest.mark.parametrize("kind", ["bert", "albert", "mpnet", "deberta-v2"])
def test_what_is_kept_for_the_backward_pass_is_estimated_within_a_third(
    kind: str, precision: str, probability: float, longest: int
) -> None:
    architecture = shape_of(kind)
    real, shape = really_kept(architecture, precision, probability, longest)
    assert real <= kept_for_backward(architecture, shape, precision, dropping=probability > 0) <= 1.34 * real


def test_weights_gradients_and_moments_are_counted_on_the_cut_vocabulary() -> None:
    inputs = tiny.inputs(precision="fp32")
    inputs = dataclasses.replace(inputs, train=tiny.texts(90, 1, pieces=30), dev=tiny.texts(48, 2, pieces=30))
    training = Training(inputs, tiny.seeds(1), CPU)
    state = training.start()
    assert training.parts.cut is not None
    real = sum(tensor.numel() for tensor in state.weights.values())
    assert parameters(inputs.architecture, len(training.parts.cut.kept)) == real
    assert needs(inputs, tiny.seeds(1)).each > 16 * real


def test_the_largest_batch_holds_every_batch_of_every_run() -> None:
    lengths = tiny.texts(90, seed=1).lengths
    draws = [Draws(seed, "order") for seed in (1, 2, 3)]
    shape = largest_batch(lengths, Order(draws, 90, 16), updates=18)
    seen = [BatchShape.of(lengths[Order(draws, 90, 16).chosen(update)]) for update in range(18)]
    assert shape.rows == max(one.rows for one in seen)
    assert shape.longest >= max(one.longest for one in seen)
    assert shape.examples == 16


def test_strategies_with_code_count_the_pretrained_weights_and_their_changed_ones() -> None:
    plain, mixout = tiny.inputs(dropout=0.0), tiny.inputs(dropout=0.0, strategies=((Mixout(), MixoutOptions()),))
    assert needs(plain, tiny.seeds(1)).shared == 0
    assert needs(mixout, tiny.seeds(1)).shared > 0
    assert needs(mixout, tiny.seeds(1)).each > needs(plain, tiny.seeds(1)).each


def test_a_loss_of_its_own_counts_other_weights_and_the_slopes_that_led_there() -> None:
    size = 8 * parameters(tiny.inputs().architecture, tiny.inputs().architecture.vocabulary_size)
    mixing, perturbed = (
        needs(tiny.inputs(strategies=((strategy(), strategy.Options()),)), tiny.seeds(1)) for strategy in (Mixout, R3F)
    )
    assert perturbed.each - mixing.each == pytest.approx(2 * size, rel=0.05)


def test_every_pass_that_a_loss_keeps_is_counted() -> None:
    inputs = [tiny.inputs(strategies=((FreeLB(), FreeLBOptions(steps=steps)),)) for steps in (2, 3, 8)]
    two, three, eight = (needs(one, tiny.seeds(1)).each for one in inputs)
    assert eight - three == 5 * (three - two) > 0


def test_a_margin_is_left_and_one_run_is_always_tried() -> None:
    gigabyte = 1 << 30
    assert Needs(shared=gigabyte, each=4 * gigabyte).room(80 * gigabyte) == 17
    assert Needs(shared=0, each=100 * gigabyte).room(80 * gigabyte) == 1


@pytest.mark.parametrize(
    ("count", "room", "sizes"),
    [(25, 12, [9, 8, 8]), (25, 25, [25]), (25, 100, [25]), (4, 1, [1, 1, 1, 1]), (5, 4, [3, 2])],
)
def test_stacks_are_as_few_and_as_equal_as_can_be(count: int, room: int, sizes: list[int]) -> None:
    assert balanced(count, room) == sizes
