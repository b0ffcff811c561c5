from __future__ import annotations

from pathlib import Path

import pytest

from stabbench.analysis.gradients import Pair, contrast, failed_beside_successful
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs


def pair_of(runs: Path, *scores: list[float | None]) -> Pair | None:
    names = ("devlin", "mixout", "mosbach")
    cells = [SyntheticCell(values, strategy=name) for values, name in zip(scores, names, strict=False)]
    return failed_beside_successful(write_runs(runs, cells))


def described(pair: Pair | None) -> tuple[str, int, str, int] | None:
    if pair is None:
        return None
    return pair.failed.strategy, pair.failed.seed, pair.successful.strategy, pair.successful.seed


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[0.5, 0.4], [0.3, 0.0, 0.0]], ("mixout", 2, "mixout", 1)),
        ([[0.0, 0.0], [0.0, 0.4]], ("mixout", 1, "mixout", 2)),
        ([[None, 0.0, 0.0], [0.4, 0.3]], ("devlin", 2, "mixout", 2)),
        ([[None, None, 0.0], [0.4, 0.3]], ("devlin", 3, "mixout", 1)),
        ([[DIVERGED, 0.0, 0.5]], ("devlin", 2, "devlin", 3)),
        ([[DIVERGED, 0.5]], ("devlin", 1, "devlin", 2)),
        ([[0.5, 0.4]], None),
        ([[0.0, 0.0]], None),
    ],
    ids=[
        "same cell", "a cell with both first", "same seed", "no common seed", "diverged last", "diverged only",
        "none failed", "none succeeded",
    ],
)  # fmt: skip
def test_the_failed_run_and_its_neighbour_are_chosen_by_rule(
    tmp_path: Path, scores: list[list[float | None]], expected: tuple[str, int, str, int] | None
) -> None:
    assert described(pair_of(tmp_path / "runs", *scores)) == expected


def test_the_contrast_is_the_median_norm_of_each_layer_late_in_training(tmp_path: Path) -> None:
    pair = pair_of(tmp_path / "runs", [0.0, 0.5])
    assert pair is not None
    layers = contrast(pair)
    assert [item.layer for item in layers] == ["layer 1", "layer 2", "layer 3", "layer 4"]
    norms = pair.failed.record.gradnorms()
    mine = norms[norms["parameter"].str.contains("layer.0.") & (norms["step"] >= 15)]
    by_step = (mine["norm"] ** 2).groupby(mine["step"]).sum() ** 0.5
    assert layers[0].failed == pytest.approx(by_step.median())
    assert layers[0].ratio < 0.01 < 0.02 < layers[-1].ratio
