"""Gradients of the factors of a low-rank change by the compiled kernel: autograd's, without those of whole matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stabbench.strategies.contract import Context, Strategy, Weights
from stabbench.strategies.lora import LoRA, LoRAOptions
from stabbench.training.eager_step import EagerStep
from stabbench.training.loop import Training
from stabbench.training.state import TrainingState
from tests import tiny

OUTSIDE = ("*.query.weight", "*.embedding_hidden_mapping_in.weight")


class Longer(Strategy):
    """One of the matrices that LoRA has changed is made longer."""

    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        name = next(name for name in weights if name.endswith("query.weight"))
        return {**weights, name: weights[name] * 1.5}


def started(kind: str, options: LoRAOptions, *more: Strategy) -> tuple[EagerStep, TrainingState]:
    """A training whose changes are not 0 any more, with all that is frozen frozen."""
    strategies = ((LoRA(), options), *((strategy, None) for strategy in more))
    training = Training(tiny.inputs(kind, strategies=strategies, dropout=0.1), tiny.seeds(3), torch.device("cpu"))
    state = training.start()
    assert isinstance(training.step, EagerStep)
    for name, tensor in state.weights.items():
        if name.endswith("lora_B"):
            tensor.data.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)) / 10)
    training.update(state)
    return training.step, state


def gradients(step: EagerStep, state: TrainingState) -> dict[str, Tensor]:
    moment = step.strategies.at(state.step, 1e-3)
    found = step._gradients(state, moment, step.parts.batch(state.step))[1]
    return {name: tensor.clone() for name, tensor in found.items()}


def assert_as_by_autograd(step: EagerStep, state: TrainingState, monkeypatch: pytest.MonkeyPatch) -> None:
    by_kernel = gradients(step, state)
    monkeypatch.setattr(step, "plain", None)
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    by_autograd = gradients(step, state)
    assert by_kernel.keys() == by_autograd.keys()
    assert any(name.endswith("lora_A") and tensor.abs().max() > 1e-4 for name, tensor in by_autograd.items())
    for name, tensor in by_autograd.items():
        torch.testing.assert_close(by_kernel[name], tensor, rtol=0, atol=1e-10)


def by_factors(step: EagerStep) -> bool:
    assert step.plain is not None
    assert step.plain._asked is not None
    return step.plain._asked.change is not None


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
@pytest.mark.parametrize("include", [LoRAOptions().include, ("*.key.weight",)])
def test_they_are_those_of_autograd(kind: str, include: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    step, state = started(kind, LoRAOptions(rank=3, alpha=7.0, include=include))
    assert by_factors(step)
    assert_as_by_autograd(step, state, monkeypatch)


@pytest.mark.parametrize("part", ["attention.output.dense", "intermediate.dense", "?.output.dense"])
def test_so_are_those_of_every_linear_layer(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step, state = started("bert", LoRAOptions(rank=2, alpha=3.0, include=(f"*.{part}.weight",)))
    assert by_factors(step)
    assert_as_by_autograd(step, state, monkeypatch)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("bert", LoRAOptions(rank=20)),
        ("albert", LoRAOptions(rank=2, include=OUTSIDE)),
        ("bert", LoRAOptions(rank=2, include=("*.pooler.dense.weight",))),
        ("bert", LoRAOptions(rank=2, include=("*",))),
        ("albert", LoRAOptions(rank=2, include=("*",))),
    ],
)
def test_whole_matrices_have_theirs_where_that_is_less_work_or_one_is_outside_of_the_layers(
    kind: str, options: LoRAOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, state = started(kind, options)
    assert not by_factors(step)
    assert_as_by_autograd(step, state, monkeypatch)


def test_a_strategy_after_the_change_has_its_part_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    step, state = started("bert", LoRAOptions(rank=3), Longer())
    assert not by_factors(step)
    assert_as_by_autograd(step, state, monkeypatch)
