"""The loss surface: its corners are the models themselves, and what is measured survives an interruption."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from stabbench.errors import UserError
from stabbench.execution.settings import Settings
from stabbench.models.architecture import Architecture
from stabbench.models.tensor_files import read_tensors
from stabbench.models.weights import initial_weights, save_classifier
from stabbench.probes.surface import rows as rows_module
from stabbench.probes.surface.plane import Plane, PlaneInputs, Point, distances
from stabbench.probes.surface.rows import measure_groups
from tests import tiny

KINDS = ("bert", "roberta", "albert", "electra", "distilbert")
CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
GROUPS = {
    f"row-{number}": [(alpha, beta) for alpha in (-0.5, 0.0, 0.5)] for number, beta in enumerate((-1.0, 0.0, 1.0, 2.0))
}


def folders(kind: str, where: Path, dtype: torch.dtype = torch.float64) -> tuple[list[Path], Architecture]:
    """Three Hugging Face folders: a pretrained model with a new head, and two trained ones that stand for the ends."""
    models = [tiny.hugging_face_model(kind, seed=seed) for seed in (0, 1, 2)]
    models[0].save_pretrained(where / "source")
    shape = tiny.architecture(models[0])
    start = initial_weights(tiny.pretrained(models[0]), shape, 3, dtype)
    ends = [{name: value.detach().to(dtype) for name, value in model.named_parameters()} for model in models[1:]]
    near = [{name: start[name] + 0.3 * (end[name] - start[name]) for name in start} for end in ends]
    made = []
    for name, weights in zip(("pretrained", "failed", "successful"), (start, *near), strict=True):
        save_classifier(where / name, weights, where / "source", ("no", "yes"), dropout=0.1)
        made.append(where / name)
    return made, shape


def inputs_from(made: list[Path], shape: Architecture, examples: int = 40) -> PlaneInputs:
    start, failed, successful = ({name: read_tensors(folder)[name] for name in shape.shapes()} for folder in made)
    return PlaneInputs(shape, (start, failed, successful), tiny.texts(examples, seed=5), segments=True)


def hugging_face(folder: Path, inputs: PlaneInputs) -> tuple[float, float]:
    """Loss and total gradient norm of the model in a folder, by Hugging Face's own code."""
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    everything = np.arange(len(inputs.texts))
    batch = tiny.given(model, inputs.texts, everything)
    with tiny.InDoublePrecision():
        loss = model(**batch, labels=torch.from_numpy(inputs.texts.labels)).loss
    loss.backward()
    norm = torch.stack([parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None]).norm()
    return loss.item(), norm.item()


@pytest.mark.parametrize("kind", [*KINDS, "mpnet", "modernbert"])
@pytest.mark.parametrize(("dtype", "loss_within"), [(torch.float64, 1e-10), (torch.float32, 1e-6)])
def test_the_corners_are_the_models_own_losses_and_gradient_norms(
    kind: str, dtype: torch.dtype, loss_within: float, tmp_path: Path
) -> None:
    made, shape = folders(kind, tmp_path, dtype)
    inputs = inputs_from(made, shape)
    found = Plane(inputs).at(CORNERS)
    for folder, (loss, norm) in zip(made, found, strict=True):
        expected = hugging_face(folder, inputs)
        assert loss == pytest.approx(expected[0], abs=loss_within)
        assert norm == pytest.approx(expected[1], rel=1e-5)
    assert len({round(loss, 4) for loss, _ in found}) == 3


def test_a_point_in_between_is_the_model_in_between(tmp_path: Path) -> None:
    made, shape = folders("bert", tmp_path)
    inputs = inputs_from(made, shape)
    alpha, beta = 0.4, -0.7
    start, failed, successful = inputs.corners
    middle = {
        name: start[name] + alpha * (failed[name] - start[name]) + beta * (successful[name] - start[name])
        for name in start
    }
    save_classifier(tmp_path / "middle", middle, tmp_path / "source", ("no", "yes"), dropout=0.1)
    (found,) = Plane(inputs).at([(alpha, beta)])
    assert found == pytest.approx(hugging_face(tmp_path / "middle", inputs), abs=1e-9)


def test_several_points_side_by_side_and_the_cut_vocabulary_give_the_same(tmp_path: Path) -> None:
    made, shape = folders("bert", tmp_path)
    inputs = inputs_from(made, shape)
    points = [(-1.0, 0.3), (0.2, 0.2), (1.5, -1.5), (0.0, 1.0), (0.7, 0.0)]
    alone = Plane(inputs).at(points)
    np.testing.assert_allclose(Plane(inputs, stack=3).at(points), alone, rtol=1e-9)
    np.testing.assert_allclose(Plane(inputs.cut()).at(points), alone, rtol=1e-9)
    few = dataclasses.replace(inputs, texts=inputs.texts.take(np.array([7, 2, 30])))
    assert len(next(iter(few.cut().corners[0].values()))) < tiny.VOCABULARY
    np.testing.assert_allclose(Plane(few.cut()).at(points), Plane(few).at(points), rtol=1e-9)


def test_long_texts_are_measured_in_parts_that_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, shape = folders("bert", tmp_path)
    inputs = inputs_from(made, shape)
    whole = Plane(inputs)
    monkeypatch.setattr("stabbench.training.evaluation.TOKENS_AT_ONCE", {"cpu": 100})
    parts = Plane(inputs)
    assert len(parts.batches) > len(whole.batches)
    np.testing.assert_allclose(parts.at(CORNERS), whole.at(CORNERS), rtol=1e-9)


def test_lengths_and_angle_of_the_two_directions(tmp_path: Path) -> None:
    made, shape = folders("bert", tmp_path)
    inputs = inputs_from(made, shape)
    start, failed, successful = (torch.cat([value.flatten() for value in corner.values()]) for corner in inputs.corners)
    found = distances(inputs)
    assert found["length_failed"] == pytest.approx(float((failed - start).norm()))
    assert found["cosine"] == pytest.approx(float(torch.cosine_similarity(failed - start, successful - start, dim=0)))
    same = dataclasses.replace(inputs, corners=(inputs.corners[0], inputs.corners[0], inputs.corners[2]))
    assert distances(same)["cosine"] is None


class StoppedError(Exception):
    pass


def test_an_interrupted_surface_goes_on_where_it_stopped_and_equals_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, shape = folders("bert", tmp_path, torch.float32)
    inputs = inputs_from(made, shape, examples=12)
    whole = measure_groups(inputs, GROUPS, tmp_path / "whole", Settings())

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        measure_groups(inputs, GROUPS, tmp_path / "stopped", Settings(), stop)
    assert len(list((tmp_path / "stopped").iterdir())) == 2
    measured: list[Any] = []
    original = Plane.at

    def counted(self: Plane, points: Sequence[Point]) -> list[tuple[float, float]]:
        measured.append(points)
        return original(self, points)

    monkeypatch.setattr(Plane, "at", counted)
    resumed = measure_groups(inputs, GROUPS, tmp_path / "stopped", Settings())
    assert measured == [GROUPS["row-2"], GROUPS["row-3"]]
    assert resumed == whole


def test_worker_processes_give_the_same_numbers(tmp_path: Path) -> None:
    made, shape = folders("bert", tmp_path, torch.float32)
    inputs = inputs_from(made, shape, examples=12)
    alone = measure_groups(inputs, GROUPS, tmp_path / "alone", Settings(workers=1))
    assert measure_groups(inputs, GROUPS, tmp_path / "together", Settings(workers=2)) == alone


def test_a_lost_worker_is_one_message_and_what_is_measured_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, shape = folders("bert", tmp_path, torch.float32)
    inputs = inputs_from(made, shape, examples=12)
    kept = measure_groups(inputs, {"row-0": GROUPS["row-0"]}, tmp_path / "rows", Settings())
    with monkeypatch.context() as patch:
        patch.setattr(rows_module, "_work", _die)
        with pytest.raises(UserError, match="ended a worker process"):
            measure_groups(inputs, GROUPS, tmp_path / "rows", Settings(workers=2))
    assert measure_groups(inputs, GROUPS, tmp_path / "rows", Settings())["row-0"] == kept["row-0"]


def _die(points: object) -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def test_a_number_that_is_not_finite_is_kept_as_one(tmp_path: Path) -> None:
    made, shape = folders("bert", tmp_path, torch.float32)
    inputs = inputs_from(made, shape, examples=12)
    far = {"row": [(1e38, 0.0), (0.0, 0.0)]}
    first = measure_groups(inputs, far, tmp_path / "rows", Settings())
    assert np.isnan(first["row"][0]).all()
    assert np.isfinite(first["row"][1]).all()
    np.testing.assert_equal(measure_groups(inputs, far, tmp_path / "rows", Settings()), first)
