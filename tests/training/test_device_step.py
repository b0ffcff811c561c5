"""The update that never asks the host trains as the present loop does, one run or several side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stabbench.errors import UserError
from stabbench.strategies.contract import Context, NoOptions, Strategy
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.training import device_step
from stabbench.training.device_step import DeviceStep, step_mode
from stabbench.training.eager_step import EagerStep
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from stabbench.training.outcome import RunResult
from stabbench.training.state import TrainingState
from tests import tiny
from tests.training.test_invariants import largest_difference

CPU = torch.device("cpu")
NUMBERS = (1, 2, 3)
SEEDS = tiny.seeds(*NUMBERS)


@pytest.fixture(autouse=True)
def on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's step, which a CPU would not choose by itself."""
    monkeypatch.setenv("STABBENCH_DEVICE_STEP", "eager")


def present(inputs: TrainingInputs, *numbers: int) -> list[RunResult]:
    """The same runs, one after the other, by the step that has all hooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STABBENCH_DEVICE_STEP", "off")
        return [train(inputs, tiny.seeds(number))[0] for number in numbers]


@pytest.mark.parametrize(
    ("kind", "dropout"), [*((kind, 0.2) for kind in tiny.NATIVE), ("bert", 0.0), ("modernbert", 0.0)]
)
def test_runs_side_by_side_equal_runs_alone_of_the_present_loop(kind: str, dropout: float) -> None:
    examples = 90 if kind == "electra" else 48  # which learns more slowly
    inputs = tiny.inputs(kind, examples=examples, dropout=dropout, gradient_norm_every=3)
    together = train(inputs, SEEDS)
    losses = together[0].tables["history.parquet"]["train_loss"]
    assert losses.iloc[-1] < 0.9 * losses.iloc[0]
    for ours, theirs in zip(together, present(inputs, *NUMBERS), strict=True):
        assert largest_difference(ours, theirs) < 1e-10
        assert ours.data["final"]["scores"] == theirs.data["final"]["scores"]
        assert ours.data["cost"] == theirs.data["cost"]
        assert list(ours.tables["gradnorms.parquet"]["step"]) == list(theirs.tables["gradnorms.parquet"]["step"])


@pytest.mark.parametrize(
    "recipe",
    [
        {"adam_formula": "torch", "weight_decay": 0.1},
        {"adam_formula": "torch", "bias_correction": False},
        {"bias_correction": False, "max_grad_norm": None, "adam_beta2": 0.98},
        {"legacy_segments": True, "batch_size": 7},
    ],
    ids=["torch", "uncorrected torch", "uncorrected, unclipped", "no segments"],
)
def test_one_run_equals_the_present_loop_whatever_the_recipe(recipe: dict[str, Any]) -> None:
    inputs = tiny.inputs(examples=48, dropout=0.1, **recipe)
    (ours,), (theirs,) = train(inputs, tiny.seeds(7)), present(inputs, 7)
    assert largest_difference(ours, theirs) < 1e-10


def test_single_precision_is_the_same_to_rounding() -> None:
    inputs = tiny.inputs(examples=48, precision="fp32")
    for ours, theirs in zip(train(inputs, SEEDS), present(inputs, *NUMBERS), strict=True):
        assert largest_difference(ours, theirs) < 1e-4


class Thawing(Strategy):
    """Embeddings stay as they are at first, and layers have rates of their own."""

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        fact = ctx.facts[name]
        if fact.kind == "embedding" and ctx.step < 5:
            return 0.0, 0.0
        return 0.9 ** (4 - fact.depth), 0.5


def test_rates_and_decays_of_single_tensors_are_followed_from_update_to_update() -> None:
    inputs = tiny.inputs(strategies=((Thawing(), NoOptions()),), examples=48, weight_decay=0.1)
    for ours, theirs in zip(train(inputs, SEEDS[:2]), present(inputs, 1, 2), strict=True):
        assert largest_difference(ours, theirs) < 1e-10
    without = present(tiny.inputs(examples=48, weight_decay=0.1), 1)[0]
    assert largest_difference(present(inputs, 1)[0], without) > 1e-3


class Scored(Strategy):
    """A hook after the update alone."""

    def after_update(self, weights: Any, state: Any, ctx: Context) -> None:
        weights["classifier.bias"].zero_()


@pytest.mark.parametrize(
    ("strategies", "kind"),
    [
        ((), DeviceStep),
        (((Thawing(), NoOptions()),), DeviceStep),
        (((Scored(), NoOptions()),), EagerStep),
        (((Mixout(), MixoutOptions()),), EagerStep),
    ],
    ids=["recipe", "scale", "after_update", "mixout"],
)
def test_strategies_with_hooks_in_an_update_are_computed_step_by_step(strategies: Any, kind: type) -> None:
    training = Training(tiny.inputs(strategies=strategies), SEEDS, CPU)
    training.start()
    assert type(training.step) is kind


class KilledError(Exception):
    """Stands for the end of the process."""


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    inputs, step = tiny.inputs(examples=48, precision="fp32"), 7

    def kill(state: TrainingState) -> None:
        if state.step == step:
            raise KilledError

    with pytest.raises(KilledError):
        train(inputs, tiny.seeds(1, 2), checkpoint=tmp_path, checkpoint_seconds=0.0, stop=kill)
    assert json.loads((tmp_path / "state.json").read_text())["step"] == step
    resumed = train(inputs, tiny.seeds(1, 2), checkpoint=tmp_path, checkpoint_seconds=1e9)
    for before, after in zip(train(inputs, tiny.seeds(1, 2)), resumed, strict=True):
        assert before.data["result_digest"] == after.data["result_digest"]
        assert all(torch.equal(before.weights[name], after.weights[name]) for name in before.weights)


def test_a_run_that_diverges_is_recorded_as_the_present_loop_does_and_leaves_its_companions_alone() -> None:
    inputs = tiny.inputs(learning_rate=1e200, warmup_ratio=0.3, max_grad_norm=None)
    ours, theirs = train(inputs, SEEDS[:2]), present(inputs, 1, 2)
    for one, other in zip(ours, theirs, strict=True):
        assert one.data["status"] == other.data["status"] == "diverged"
        for fact in ("diverged_at", "final", "best", "cost", "train_loss", "flags"):
            assert one.data[fact] == other.data[fact], fact
        assert len(one.tables["history.parquet"]) == one.data["diverged_at"]


def test_measurements_are_fetched_seldom_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    original = DeviceStep.collect

    def counting(self: DeviceStep, state: TrainingState, steps: int | None = None) -> None:
        until = state.step if steps is None else steps
        fetched.extend([until] if until > self.collected else [])
        original(self, state, steps)

    monkeypatch.setattr(DeviceStep, "collect", counting)
    monkeypatch.setattr(device_step, "KEPT_UPDATES", 5)
    inputs = tiny.inputs(evaluations_per_epoch=1)
    (ours,), (theirs,) = train(inputs, tiny.seeds(1)), present(inputs, 1)
    assert fetched == [5, 6, 11, 12, 17, 18]
    assert largest_difference(ours, theirs) < 1e-10


def test_bf16_products_are_close_to_fp32_differ_from_it_and_repeat_themselves() -> None:
    exact, rounded = (tiny.inputs(examples=48, precision=precision, epochs=1.0) for precision in ("fp32", "bf16"))
    single, half, again = (train(inputs, SEEDS[:2]) for inputs in (exact, rounded, rounded))
    for one, other, same in zip(single, half, again, strict=True):
        assert 1e-6 < largest_difference(one, other) < 0.05
        assert other.data["result_digest"] == same.data["result_digest"]
        assert all(tensor.dtype == torch.float32 for tensor in other.weights.values())


@pytest.mark.parametrize("kind", ["bert", "albert"])
def test_bf16_copies_of_the_matrices_change_nothing_but_the_rounding(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABBENCH_KERNEL", "off")  # which rounds other products where a CPU multiplies bf16 numbers
    inputs = tiny.inputs(kind, examples=48, precision="bf16", epochs=1.0, dropout=0.0)
    for ours, theirs in zip(train(inputs, SEEDS[:2]), present(inputs, 1, 2), strict=True):
        assert largest_difference(ours, theirs) < 0.01


def test_the_copies_are_the_weights_after_every_update() -> None:
    training = Training(tiny.inputs(precision="bf16"), SEEDS[:2], CPU)
    state = training.start()
    for _ in range(3):
        training.update(state)
    step = training.step
    assert isinstance(step, DeviceStep)
    copies = {name: leaf for name, leaf in step.leaves.items() if leaf.dtype == torch.bfloat16}
    assert len(copies) == 6 * 3
    assert all(torch.equal(copy, state.weights[name].to(torch.bfloat16)) for name, copy in copies.items())


def test_a_mode_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_DEVICE_STEP", "grap")
    with pytest.raises(UserError, match="did you mean 'graph'"):
        step_mode(CPU)


def test_a_cpu_trains_step_by_step_and_cuda_by_captured_updates_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STABBENCH_DEVICE_STEP")
    assert step_mode(CPU) == "off"
    assert step_mode(torch.device("cuda")) == "graph"


@pytest.mark.slow
def test_compiled_layers_compute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = tiny.inputs(examples=32, dropout=0.2)
    plain = train(inputs, SEEDS[:2])
    compiled: list[Any] = []

    def noting(function: Any) -> Any:
        compiled.append(torch.compile(function, fullgraph=True, backend="aot_eager"))
        return compiled[-1]

    monkeypatch.setattr(device_step, "compile_function", noting)
    monkeypatch.setenv("STABBENCH_DEVICE_STEP", "compile")
    for ours, theirs in zip(train(inputs, SEEDS[:2]), plain, strict=True):
        assert largest_difference(ours, theirs) < 1e-10
    assert len(compiled) == 1


def test_the_optimizers_pass_leaves_a_tensor_alone_whose_rate_is_zero() -> None:
    from stabbench.training.device_adamw import adamw_pass

    def tensors() -> tuple[Tensor, ...]:
        return tuple(torch.full((2, 3), value) for value in (1.0, 0.1, 0.2, 0.5))

    for moves in (0.0, 1.0):
        weight, first, second, gradient = tensors()
        numbers = torch.tensor([0.01, 0.99, 1.0, moves])
        adamw_pass(weight, first, second, None, gradient, torch.ones(2, 1), numbers, 0.9, 0.999, 1e-6, False)
        unchanged = [
            torch.equal(ours, theirs) for ours, theirs in zip((weight, first, second), tensors(), strict=False)
        ]
        assert unchanged == [moves == 0] * 3
