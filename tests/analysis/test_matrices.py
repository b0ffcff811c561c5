from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stabbench.analysis.gradients import failed_beside_successful
from stabbench.analysis.matrices import KINDS, OUTSIDE, matrix_contrast, matrix_norms, matrix_of, thinned
from stabbench.models.families import architecture_of
from stabbench.models.roles import roles_of
from stabbench.plan_migrations import by_name
from stabbench.tensor_roles import TensorRoles
from tests import tiny
from tests.analysis.synthetic import SyntheticCell, write_runs


def roles(architecture: str) -> TensorRoles:
    """What a plan says of a real model's tensors."""
    found = architecture_of(tiny.hugging_face_model(architecture, layers=2).config.to_dict(), 2)
    return roles_of(found)


def matrices(architecture: str) -> dict[str, list[str]]:
    """Names of the weight matrices of a real model by their kind and layer."""
    model = tiny.hugging_face_model(architecture, layers=2)
    found: dict[str, list[str]] = {}
    tensors = roles(architecture)
    for name, tensor in model.named_parameters():
        place = matrix_of(name, tensors)
        if place is not None:
            assert tensor.dim() == 2, name
            found.setdefault("/".join(place), []).append(name)
    return found


@pytest.mark.parametrize("architecture", ["bert", "roberta", "electra", "distilbert"])
def test_every_matrix_of_every_layer_has_its_place(architecture: str) -> None:
    found = matrices(architecture)
    layers = {f"{kind}/layer {layer}" for kind in KINDS for layer in (1, 2)}
    assert set(found) == layers | {f"{OUTSIDE}/{name}" for name in ("embeddings", "pooler", "classifier")}
    assert all(len(names) == 1 for place, names in found.items() if place in layers)
    tables = {"electra": 4, "distilbert": 2}
    assert len(found[f"{OUTSIDE}/embeddings"]) == tables.get(architecture, 3)


def test_alberts_shared_layer_has_each_matrix_once() -> None:
    found = matrices("albert")
    assert {place for place in found if not place.startswith(OUTSIDE)} == {f"{kind}/shared layer" for kind in KINDS}
    assert all(len(names) == 1 for place, names in found.items() if not place.endswith("embeddings"))
    assert any("embedding_hidden_mapping_in" in name for name in found[f"{OUTSIDE}/embeddings"])


def test_no_matrix_of_a_model_is_forgotten() -> None:
    for architecture in tiny.NATIVE:
        model = tiny.hugging_face_model(architecture, layers=2)
        placed = {name for names in matrices(architecture).values() for name in names}
        assert {name for name, tensor in model.named_parameters() if tensor.dim() == 2} == placed


def test_tensors_of_one_place_are_joined_and_biases_left_out() -> None:
    rows = [
        (0, "bert.embeddings.word_embeddings.weight", 3.0),
        (0, "bert.embeddings.position_embeddings.weight", 4.0),
        (0, "bert.embeddings.LayerNorm.weight", 100.0),
        (0, "bert.encoder.layer.10.attention.output.dense.weight", 2.0),
        (0, "bert.encoder.layer.9.attention.output.dense.weight", 1.0),
        (0, "bert.encoder.layer.9.attention.output.dense.bias", 100.0),
        (0, "bert.encoder.layer.9.output.dense.weight", 7.0),
    ]
    norms = matrix_norms(pd.DataFrame(rows, columns=["step", "parameter", "norm"]), TensorRoles(by_name("bert")))
    assert list(norms) == ["attention output", "output", OUTSIDE]
    assert norms[OUTSIDE].loc[0, "embeddings"] == pytest.approx(5.0)
    assert dict(norms["attention output"].loc[0]) == {"layer 10": 1.0, "layer 11": 2.0}
    assert list(norms["attention output"].columns) == ["layer 10", "layer 11"]


def test_the_contrast_is_failed_over_successful_late_in_training(tmp_path: Path) -> None:
    pair = failed_beside_successful(write_runs(tmp_path / "runs", [SyntheticCell([0.0, 0.5])]))
    assert pair is not None
    rows = {(row["kind"], row["layer"]): row for row in matrix_contrast(pair).to_dict("records")}

    def late(seed_run: pd.DataFrame) -> float:
        mine = seed_run[seed_run["parameter"] == "bert.encoder.layer.0.attention.self.query.weight"]
        return float(mine.loc[mine["step"] >= 15, "norm"].median())

    row = rows["query", "layer 1"]
    assert row["failed"] == pytest.approx(late(pair.failed.record.gradnorms()))
    assert row["successful"] == pytest.approx(late(pair.successful.record.gradnorms()))
    assert row["ratio"] == pytest.approx(row["failed"] / row["successful"])
    assert row["ratio"] < 0.01 < rows[OUTSIDE, "classifier"]["ratio"]


def test_long_lines_are_medians_over_windows_and_short_ones_are_left_alone() -> None:
    norms = pd.DataFrame({"layer 1": np.arange(1000.0)}, index=range(0, 10_000, 10))
    thin = thinned(norms, 150)
    assert len(thin) == 143
    assert list(thin.index[:2]) == [0, 70]
    assert list(thin["layer 1"].to_numpy()[:2]) == [3.0, 10.0]
    pd.testing.assert_frame_equal(thinned(norms.head(150), 150), norms.head(150))
