"""The saved view that shows an experiment's run list as the paper's Table 1, one link away."""

from __future__ import annotations

import json

from mlflow import MlflowClient

from stabbench.tracking.cells import CURRENT
from stabbench.tracking.outcome import without_password
from stabbench.tracking.runs import KIND

VIEW_KEY = "stabbench-table"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
"""Where MLflow's own "share" button keeps a view of the run list."""

COLUMNS = [
    *(f"tags.`{name}`" for name in ("model", "task", "strategy")),
    *(f"metrics.`{name}`" for name in ("std", "mean", "max", "median", "failed", "n", "levene_p")),
    "tags.`star`",
]
VIEW = {
    "searchFilter": f"tags.`{KIND}` = 'cell' AND tags.`{CURRENT}` = 'true'",
    "orderByKey": "tags.`task`",
    "orderByAsc": True,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "selectedColumns": COLUMNS,
    "columnOrder": COLUMNS,
    "viewMaximized": True,
}
"""A row a cell of the present selection, task by task, with Table 1's columns."""


def save_view(client: MlflowClient, experiment_id: str, tags: dict[str, str]) -> None:
    """Write the view where the experiment does not have it yet."""
    state = json.dumps(VIEW, sort_keys=True)
    if tags.get(VIEW_TAG) != state:
        client.set_experiment_tag(experiment_id, VIEW_TAG, state)


def view_url(uri: str, experiment_id: str) -> str | None:
    """The link to the view among the server's pages for model training; None where there is no server."""
    if not uri.startswith(("http://", "https://")):
        return None
    pages = f"{without_password(uri).rstrip('/')}/#/experiments/{experiment_id}/runs"
    return f"{pages}?viewStateShareKey={VIEW_KEY}&workflowType=machine_learning"
