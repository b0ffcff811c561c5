"""What must always hold of a training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from stabbench.files import write_json
from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.outcome import RunResult
from stabbench.training.state import FORMAT, TrainingState
from tests import tiny

CPU = torch.device("cpu")
PINNED_CHECKPOINT = {
    "format": 2,
    "facts": ["evaluations", "format", "gradient_norm_steps", "missed", "order", "passes", "step", "tokens", "trained"],
    "tensors": ["measured", "moments/first", "moments/second", "weights"],
}
"""What a checkpoint of devlin's holds: whoever changes it raises `FORMAT`."""
MIXOUT = ((Mixout(), MixoutOptions()),)


def final_logits(result: RunResult) -> npt.NDArray[np.float64]:
    return np.stack(result.tables["predictions.parquet"]["logits"].to_list())


def largest_difference(first: RunResult, second: RunResult) -> float:
    """Over history, gradient norms, logits and final weights."""
    history = (first.tables["history.parquet"] - second.tables["history.parquet"]).abs().max().max()
    norms = np.abs(first.tables["gradnorms.parquet"]["norm"] - second.tables["gradnorms.parquet"]["norm"]).max()
    logits = np.abs(final_logits(first) - final_logits(second))
    weights = max(float((first.weights[name] - second.weights[name]).abs().max()) for name in first.weights)
    return max(float(history), float(norms), float(logits.max()), weights)


@pytest.mark.parametrize("kind", tiny.NATIVE)
@pytest.mark.parametrize("bias_correction", [True, False])
def test_training_equals_hugging_faces_model_under_the_papers_optimizer(kind: str, bias_correction: bool) -> None:
    """The unmodified model, padded, with plain AdamW by the equations: losses and weights agree over 3 epochs."""
    inputs = tiny.inputs(kind, dropout=0.0, bias_correction=bias_correction, gradient_norm_every=1)
    (ours,) = train(inputs, tiny.seeds(5))
    losses, norms, model = reference_training(kind, inputs, seed=5)
    history = ours.tables["history.parquet"]
    assert losses[-1] < 0.8 * losses[0]
    np.testing.assert_allclose(history["train_loss"], losses, rtol=0, atol=1e-10)
    np.testing.assert_allclose(history["gradient_norm"], norms, rtol=0, atol=1e-9)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(ours.weights[name], parameter.detach(), rtol=0, atol=1e-9, msg=name)


def reference_training(
    kind: str, inputs: TrainingInputs, seed: int
) -> tuple[list[float], list[float], PreTrainedModel]:
    recipe = inputs.recipe
    model = tiny.hugging_face_model(kind)
    start = initial_weights(inputs.pretrained, inputs.architecture, seed, torch.float64)
    model.load_state_dict(start, strict=False)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    moments = {name: [torch.zeros_like(p), torch.zeros_like(p)] for name, p in model.named_parameters()}
    steps_per_epoch = -(-len(inputs.train) // recipe.batch_size)
    total = int(recipe.epochs) * steps_per_epoch
    warmup = int(0.1 * total)
    order, losses, norms = Draws(seed, "order"), [], []
    for update in range(total):
        epoch, within = divmod(update, steps_per_epoch)
        chosen = order.permutation("examples", len(inputs.train), epoch)[within * 16 : within * 16 + 16]
        batch = tiny.given(model, inputs.train, chosen)
        model.zero_grad()
        with tiny.InDoublePrecision():
            loss = model(**batch, labels=torch.from_numpy(inputs.train.labels[chosen])).loss
        loss.backward()
        losses.append(float(loss.detach()))
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm or 1e9)))
        rate = recipe.learning_rate * (update / warmup if update < warmup else (total - update) / (total - warmup))
        step = update + 1
        alpha = rate * ((1 - 0.999**step) ** 0.5 / (1 - 0.9**step) if recipe.bias_correction else 1.0)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                first, second = moments[name]
                gradient = parameter.grad
                assert gradient is not None
                first.mul_(0.9).add_(gradient, alpha=0.1)
                second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                parameter.sub_(alpha * first / (second.sqrt() + 1e-6))
                if parameter.dim() == 2:
                    parameter.mul_(1 - rate * recipe.weight_decay)
    return losses, norms, model


@pytest.mark.parametrize("strategies", [(), MIXOUT], ids=["recipe", "mixout"])
@pytest.mark.parametrize("kind", tiny.NATIVE)
def test_runs_side_by_side_equal_runs_alone(kind: str, strategies: tuple[tuple[Mixout, MixoutOptions], ...]) -> None:
    inputs = tiny.inputs(kind, strategies=strategies, examples=48, dropout=0.0 if strategies else 0.1)
    together = train(inputs, tiny.seeds(1, 2))
    for number, result in zip((1, 2), together, strict=True):
        (alone,) = train(inputs, tiny.seeds(number))
        assert largest_difference(result, alone) < 1e-10
        assert result.data["final"]["scores"] == alone.data["final"]["scores"]


def test_the_order_of_the_companions_changes_nothing() -> None:
    inputs = tiny.inputs(examples=48)
    forward, backward = train(inputs, tiny.seeds(4, 9)), train(inputs, tiny.seeds(9, 4))
    assert largest_difference(forward[0], backward[1]) < 1e-10


def test_the_same_seed_gives_the_same_digest_and_another_seed_another() -> None:
    inputs = tiny.inputs(epochs=1.0)
    digests = [train(inputs, tiny.seeds(number))[0].data["result_digest"] for number in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("stream", ["head", "order", "dropout", "strategy"])
def test_each_stream_changes_its_own_part_of_the_training(stream: str) -> None:
    inputs = tiny.inputs(strategies=MIXOUT, epochs=1.0)
    (plain,) = train(inputs, tiny.seeds(1))
    (changed,) = train(inputs, [{**tiny.seeds(1)[0], stream: 2}])
    assert plain.data["result_digest"] != changed.data["result_digest"]


def test_evaluating_more_often_changes_nothing_of_the_training() -> None:
    inputs = tiny.inputs()
    often = dataclasses.replace(inputs, recipe=dataclasses.replace(inputs.recipe, evaluations_per_epoch=6))
    (seldom,), (frequent,) = train(inputs, tiny.seeds(1)), train(often, tiny.seeds(1))
    columns = ["train_loss", "gradient_norm", "learning_rate"]
    assert seldom.tables["history.parquet"][columns].equals(frequent.tables["history.parquet"][columns])
    assert all(torch.equal(seldom.weights[name], frequent.weights[name]) for name in seldom.weights)
    assert seldom.data["final"] == frequent.data["final"]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", [1, 3, 8])
@pytest.mark.parametrize("strategies", [(), MIXOUT], ids=["recipe", "mixout"])
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(
    step: int, strategies: tuple[tuple[Mixout, MixoutOptions], ...], tmp_path: Path
) -> None:
    inputs = tiny.inputs(strategies=strategies, examples=48, precision="fp32")
    uninterrupted = train(inputs, tiny.seeds(1, 2))

    def kill(state: TrainingState) -> None:
        if state.step == step:
            raise KilledError

    with pytest.raises(KilledError):
        train(inputs, tiny.seeds(1, 2), checkpoint=tmp_path, checkpoint_seconds=0.0, stop=kill)
    assert json.loads((tmp_path / "state.json").read_text())["step"] == step
    resumed = train(inputs, tiny.seeds(1, 2), checkpoint=tmp_path, checkpoint_seconds=1e9)
    for before, after in zip(uninterrupted, resumed, strict=True):
        assert before.data["result_digest"] == after.data["result_digest"]
        assert all(torch.equal(before.weights[name], after.weights[name]) for name in before.weights)


def test_a_checkpoint_that_is_not_whole_means_starting_over(tmp_path: Path) -> None:
    inputs = tiny.inputs(epochs=1.0)
    (expected,) = train(inputs, tiny.seeds(1), checkpoint=tmp_path, checkpoint_seconds=0.0)
    (file,) = tmp_path.glob("state-*.safetensors")
    file.write_bytes(file.read_bytes()[:1000])
    (result,) = train(inputs, tiny.seeds(1), checkpoint=tmp_path)
    assert result.data["result_digest"] == expected.data["result_digest"]


def test_a_checkpoint_of_another_version_means_starting_over_and_its_layout_is_pinned(tmp_path: Path) -> None:
    inputs = tiny.inputs(epochs=1.0)
    (expected,) = train(inputs, tiny.seeds(1), checkpoint=tmp_path, checkpoint_seconds=0.0)
    facts = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    tensors = load_file(tmp_path / f"state-{facts['step']}.safetensors")
    kept = {name.split("/")[0] + ("/" + name.split("/")[1] if name.startswith("moments/") else "") for name in tensors}
    assert {"format": FORMAT, "facts": sorted(facts), "tensors": sorted(kept)} == PINNED_CHECKPOINT
    write_json(tmp_path / "state.json", {**facts, "format": FORMAT - 1})
    (result,) = train(inputs, tiny.seeds(1), checkpoint=tmp_path)
    assert result.data["result_digest"] == expected.data["result_digest"]
    del facts["format"]
    write_json(tmp_path / "state.json", facts)
    assert TrainingState.load(tmp_path, CPU) is None


def test_a_pinned_tiny_run_notices_numerics_that_changed_without_a_new_training_version() -> None:
    (result,) = train(tiny.inputs(), tiny.seeds(1))
    history = result.tables["history.parquet"]
    found = [float(history["train_loss"].iloc[row]) for row in (0, 8, 17)]
    np.testing.assert_allclose(found, PINNED_LOSSES, rtol=1e-8)


PINNED_LOSSES = [0.7040881007698302, 0.48303285638176297, 0.32495357491966576]
