"""Thinned curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stabbench.tracking.curves import POINTS, SMOOTH_POINTS, curves, thinned


@pytest.mark.parametrize("length", [1, 2, 49, 50, 51, 99, 3120])
def test_a_thinned_curve_keeps_its_ends_its_order_and_at_most_its_share_of_points(length: int) -> None:
    rows = thinned(np.arange(length), POINTS)
    assert rows[0] == 0
    assert rows[-1] == length - 1
    assert len(rows) == min(length, POINTS)
    gaps = np.diff(rows)
    assert gaps.size == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


def history(steps: int) -> pd.DataFrame:
    step = np.arange(1, steps + 1)
    return pd.DataFrame(
        {
            "step": step,
            "epoch": step / 10,
            "learning_rate": 1e-5 * step,
            "train_loss": 1.0 / step,
            "gradient_norm": 2.0,
            "clipped_gradient_norm": 1.0,
            "dev_loss": np.where(step % 10 == 0, 0.5, np.nan),
            "dev_mcc": np.where(step % 10 == 0, step / steps, np.nan),
        }
    )


def test_a_history_becomes_curves_of_what_every_update_and_every_evaluation_has() -> None:
    points = curves(history(300))
    counts = pd.Series([point.key for point in points]).value_counts().to_dict()
    assert counts == {
        "train/learning_rate": SMOOTH_POINTS,
        "train/loss": POINTS,
        "train/gradient_norm": POINTS,
        "dev/loss": 30,
        "dev/mcc": 30,
    }
    scores = {point.step: point.value for point in points if point.key == "dev/mcc"}
    assert scores == {step: step / 300 for step in range(10, 301, 10)}


def test_values_that_are_not_finite_are_left_out_and_the_others_stay() -> None:
    table = history(20)
    table.loc[5, "train_loss"] = np.nan
    table.loc[6, "train_loss"] = np.inf
    losses = {point.step: point.value for point in curves(table) if point.key == "train/loss"}
    assert sorted(losses) == [step for step in range(1, 21) if step not in (6, 7)]
    assert all(np.isfinite(list(losses.values())))
