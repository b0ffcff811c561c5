"""Runs that other people's code trained, in a real tracking database: what is known of them, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from stabbench.tracking import TrackingOutcome
from tests.analysis.elsewhere import write_mixture

Track = Callable[..., TrackingOutcome]


@pytest.fixture
def tracked(runs: Path, track: Track, uri: str) -> Callable[[str], list[Run]]:
    """What the database has of a kind of run on the task that has all cells."""
    write_mixture(runs, seeds=4)
    outcome = track()
    assert outcome.complete, outcome.line()
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("stabbench/demo")
    assert experiment is not None
    return lambda kind: list(
        client.search_runs(
            [experiment.experiment_id], f"tags.`stabbench.kind` = '{kind}' AND tags.task = 'acceptability'"
        )
    )


def by_strategy(runs: list[Run], seed: str = "") -> Mapping[str, Run]:
    return {run.data.tags["strategy"]: run for run in runs if not seed or run.data.tags.get("stabbench.seed") == seed}


def test_cells_and_runs_show_what_is_known_and_no_more(tracked: Callable[[str], list[Run]]) -> None:
    cells, first, third = (
        by_strategy(tracked("cell")),
        by_strategy(tracked("run"), "1"),
        by_strategy(tracked("run"), "3"),
    )
    assert set(cells) == set(first) == {"devlin", "devlin-hf", "bare", "by-command"}

    assert first["devlin-hf"].data.params["trainer"] == "huggingface 5.2"
    assert first["devlin-hf"].data.params["trainer.optim"] == "adamw_torch"
    assert first["by-command"].data.params == {
        "trainer": "command 1", "trainer.run": "python train.py", "total_steps": "40", "seed": "1",
    }  # fmt: skip
    assert first["bare"].data.params == {"seed": "1"}
    assert first["bare"].data.metrics.keys() == {"final_accuracy", "best_accuracy", "dev/accuracy", "diverged"}
    assert "collapsed" not in first["bare"].data.tags
    assert {"train/loss", "train/gradient_norm", "failed"} <= first["devlin-hf"].data.metrics.keys()
    assert "cost_tokens" not in first["devlin-hf"].data.metrics

    assert third["by-command"].data.metrics["failed"] == 1
    assert "final_accuracy" not in third["by-command"].data.metrics
    assert not {"std", "mean", "failed"} & cells["by-command"].data.metrics.keys()
    assert cells["bare"].data.metrics["std"] == pytest.approx(0.0163, abs=1e-4)
    note = cells["bare"].data.tags["mlflow.note.content"]
    assert "accuracy on the dev set of acceptability" in note
    assert "Which runs failed is not known" in note
    inputs = cells["bare"].inputs
    assert inputs is not None
    (data,) = (given.dataset for given in inputs.dataset_inputs)
    assert "num_rows" not in json.loads(data.profile or "")
    assert [column["name"] for column in json.loads(data.schema or "")["mlflow_colspec"]] == ["text_a", "text_b"]
