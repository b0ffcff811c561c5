from __future__ import annotations

import pandas as pd
import pytest

from stabbench.analysis.failed_runs import failed_runs


def runs(*rows: tuple[str, str, float | None, float]) -> pd.DataFrame:
    """Rows of (strategy, status, last epoch's loss, score) on one task whose labels have an entropy of 0.6."""
    table = pd.DataFrame(rows, columns=["strategy", "status", "train_loss_last_epoch", "score"])
    return table.assign(
        model="m",
        task="t",
        metric="mcc",
        failed=table["status"].isin(["failed", "diverged"]),
        diverged=table["status"] == "diverged",
        train_loss_last_epoch=table["train_loss_last_epoch"].astype(float),
        label_entropy=0.6,
        majority=0.0,
    )


def test_the_loss_of_failed_runs_is_summarised_by_strategy() -> None:
    table = failed_runs(
        runs(
            ("a", "failed", 0.60, 0.0),
            ("a", "failed", 0.62, -0.1),
            ("a", "failed", 0.40, 0.0),
            ("a", "ok", 0.1, 0.5),
            ("b", "ok", 0.1, 0.5),
        )
    )
    assert list(table["strategy"]) == ["a"]
    row = table.iloc[0]
    assert (row["n"], row["failed"], row["diverged"], row["trivial"]) == (4, 3, 0, 2)
    assert row["loss_mean"] == pytest.approx(0.54)
    assert row["loss_std"] == pytest.approx(0.1216552506)
    assert (row["loss_min"], row["loss_max"], row["label_entropy"]) == (0.40, 0.62, 0.6)
    assert row["score_mean"] == pytest.approx(-1 / 30)


def test_a_diverged_run_has_no_loss_and_is_counted_as_failed() -> None:
    row = failed_runs(runs(("a", "failed", 0.6, 0.0), ("a", "diverged", None, 0.0))).iloc[0]
    assert (row["failed"], row["diverged"], row["trivial"]) == (2, 1, 1)
    assert row["loss_mean"] == pytest.approx(0.6)
    assert pd.isna(row["loss_std"])


def test_missing_runs_and_tasks_without_failures_have_no_row() -> None:
    table = failed_runs(runs(("a", "ok", 0.1, 0.5), ("a", "missing", None, float("nan"))))
    assert table.empty
    assert {"model", "loss_mean", "label_entropy"} <= set(table.columns)
