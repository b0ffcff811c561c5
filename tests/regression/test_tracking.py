"""What a tracking server shows of regressions, and that their models load back."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient


@pytest.fixture
def client(project: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project / 'mlflow.db'}")


def runs_of(client: MlflowClient, condition: str) -> list[mlflow.entities.Run]:
    experiments = [item.experiment_id for item in client.search_experiments()]
    return list(client.search_runs(experiments, condition))


def test_the_logged_model_of_a_regression_predicts_the_numbers_of_the_record(
    client: MlflowClient, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project / 'mlflow.db'}")
    experiments = [item.experiment_id for item in client.search_experiments()]
    logged = {model.name: model for model in client.search_logged_models(experiments)}
    assert len(logged) == 4
    for task in ("grade", "error"):
        model = logged[f"embedded-{task}-mosbach-seed-1"]
        assert model.model_type == "regressor"
        loaded = mlflow.pyfunc.load_model(f"models:/{model.model_id}")
        outputs = loaded.metadata.signature.outputs
        assert [(column.name, str(column.type)) for column in outputs] == [("prediction", "DataType.double")]
        dev = pd.read_parquet(f"data/{task}/dev.parquet")
        recorded = pd.read_parquet(f"runs/embedded/{task}/mosbach/seed-0001/predictions.parquet")
        found = loaded.predict(dev[["text_a"]])
        assert list(found.columns) == ["prediction"]
        assert task == "error" or np.ptp(recorded["prediction"]) > 1
        assert found["prediction"].to_numpy() == pytest.approx(recorded["prediction"].to_numpy(), abs=1e-4)


def test_the_parent_of_a_cell_says_what_fails_and_has_its_numbers(client: MlflowClient, project: Path) -> None:
    (parent,) = runs_of(client, "tags.`stabbench.kind` = 'cell' AND tags.task = 'error' AND tags.strategy = 'mosbach'")
    note = parent.data.tags["mlflow.note.content"]
    assert "A run failed where it is not below the best constant prediction (" in note
    assert "as fractions" not in note
    table = pd.read_csv("reports/tables/stability.csv").set_index(["task", "strategy"])
    assert parent.data.metrics["min"] == pytest.approx(table.loc[("error", "mosbach"), "min"], rel=1e-5)


def test_a_run_has_the_scores_of_its_metrics_and_its_labels_are_numbers(client: MlflowClient) -> None:
    run, *_ = runs_of(client, "tags.`stabbench.kind` = 'run' AND tags.task = 'grade'")
    assert {"final_r2", "final_spearman", "final_rmse", "best_r2", "dev/rmse"} <= set(run.data.metrics)
    assert run.inputs is not None
    (dataset,) = (item.dataset for item in run.inputs.dataset_inputs)
    columns = {item["name"]: item["type"] for item in json.loads(str(dataset.schema))["mlflow_colspec"]}
    assert columns["label"] == "double"
    profile = json.loads(str(dataset.profile))
    assert (profile["objective"]["name"], profile["label_names"]) == ("regression", [])
