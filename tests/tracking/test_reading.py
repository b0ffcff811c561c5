"""An MLflow experiment of somebody's, read as results to compare."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from stabbench.analysis.results import runs_of
from stabbench.errors import UserError
from stabbench.readers import Wanted, read
from stabbench.tracking import TrackingOutcome
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs
from tests.foreign.results_elsewhere import cells

NAMES = {"strategy": "method", "task": "dataset"}


@pytest.fixture
def experiment(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parent, six runs and one that failed."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("glue", artifact_location=str(tmp_path / "artifacts"))
    parent = client.create_run(experiment, run_name="sweep").info.run_id
    for strategy, seed, accuracy in (*cells(), ("mosbach", 4, 0.125)):
        tags = {"mlflow.parentRunId": parent, "dataset": "rte"}
        run = client.create_run(experiment, run_name=f"{strategy}-{seed}", tags=tags).info.run_id
        client.log_param(run, "method", strategy)
        client.log_param(run, "seed", seed)
        client.log_metric(run, "eval_accuracy", 0.25, step=1)
        client.log_metric(run, "eval_accuracy", accuracy, step=2)
        client.set_terminated(run, "FAILED" if seed == 4 else "FINISHED")


@pytest.mark.usefixtures("experiment")
def test_tags_and_parameters_are_columns_and_the_last_metric_is_the_score() -> None:
    runs = runs_of(read(["mlflow:glue"], Wanted(NAMES)).table, columns=NAMES).runs
    finished = runs[runs["status"] != "missing"].to_dict("records")
    found = {(str(row["strategy"]), row["seed"]): row["score"] for row in finished}
    assert found == {(strategy, seed): accuracy for strategy, seed, accuracy in cells()}
    assert {(row["task"], row["metric"]) for row in finished} == {("rte", "eval_accuracy")}
    assert len(runs) == len(found) + 1
    by_name = read(["mlflow:glue"], Wanted({"task": "dataset"}, pattern="{strategy}-{seed}"))
    assert set(by_name.table["strategy"]) == {"mosbach", "devlin"}


@pytest.mark.usefixtures("experiment")
def test_what_is_missing_is_told_with_the_option_that_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"--columns strategy=method,task=dataset"):
        read(["mlflow:glue"], Wanted())
    with pytest.raises(UserError, match="unknown MLflow experiment 'glu': did you mean 'glue'"):
        read(["mlflow:glu"], Wanted())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(UserError, match=r"there is no database .*other\.db: set MLFLOW_TRACKING_URI"):
        read(["mlflow:glue"], Wanted())
    assert not (tmp_path / "other.db").exists()


def test_what_track_has_written_is_compared_as_the_records_are(
    track: Callable[..., TrackingOutcome], runs: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    grid = [SyntheticCell([0.5, 0.0, 0.4, DIVERGED]), SyntheticCell([0.5, 0.6, 0.55, 0.52], strategy="mosbach")]
    write_runs(runs, [*grid, SyntheticCell([0.1, 0.2], strategy="past")])
    track()
    shutil.rmtree(runs / "synthetic/acceptability/past")
    assert track().complete
    tracked = read(["mlflow:stabbench/demo"], Wanted())
    direct = read([str(runs)], Wanted())
    names = ["model", "task", "strategy", "seed"]
    expected = runs_of(direct.table).runs.sort_values(names)[[*names, "metric", "score", "failed"]]
    found = runs_of(tracked.table).runs.sort_values(names)[[*names, "metric", "score", "failed"]]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))
    assert set(found["strategy"]) == {"devlin", "mosbach"}
    assert found["failed"].sum() == 2
    assert "2 runs of studies, probes or earlier plans were left out." in tracked.notes
