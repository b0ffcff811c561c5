"""One experiment on a tracking server: its runs found by tags, made and filled in few calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from mlflow import MlflowClient
from mlflow.entities import Experiment as Entity
from mlflow.entities import Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from stabbench.tracking.runs import CELL, KIND
from stabbench.tracking.server import artifact_location

METRICS_A_CALL = 1000
PARAMS_A_CALL = 100
RUNS_A_PAGE = 1000
TERMINAL = ("FINISHED", "FAILED")


class Experiment:
    """The runs of one experiment; every method is one call to the server, or one for each thousand of something."""

    def __init__(self, client: MlflowClient, uri: str, name: str) -> None:
        self.client = client
        self.uri = uri
        found = client.get_experiment_by_name(name) or self._create(name)
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        self.id = str(found.experiment_id)
        self.tags = dict(found.tags)

    def cells(self) -> list[Run]:
        """All parent runs that are not deleted."""
        return self._search(f"tags.`{KIND}` = 'cell'")

    def runs_of(self, cell_key: str) -> list[Run]:
        """The child runs of a cell that are not deleted."""
        return self._search(f"tags.`{KIND}` = 'run' AND tags.`{CELL}` = '{cell_key}'")

    def create(self, tags: Mapping[str, str], start: int) -> Run:
        """A new run with its tags; it counts as interrupted until `finish`."""
        return self.client.create_run(self.id, start_time=start, tags=dict(tags))

    def log(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Metrics, parameters and tags, as many a call as MLflow takes."""
        run_tags = [RunTag(key, value) for key, value in (tags or {}).items()]
        calls = max(-(-len(metrics) // METRICS_A_CALL), -(-len(params) // PARAMS_A_CALL), bool(run_tags))
        for call in range(calls):
            some_metrics = metrics[call * METRICS_A_CALL : (call + 1) * METRICS_A_CALL]
            some_params = params[call * PARAMS_A_CALL : (call + 1) * PARAMS_A_CALL]
            self.client.log_batch(run_id, some_metrics, some_params, [] if call else run_tags)

    def attach(self, run: Run, files: Mapping[str, Path]) -> None:
        """Files as artifacts of a run, by the path that they get (its last part is the file's own name)."""
        repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=self.uri)
        for name, path in files.items():
            folder = PurePosixPath(name).parent.as_posix()
            repository.log_artifact(str(path), None if folder == "." else folder)  # type: ignore[no-untyped-call]

    def finish(self, run_id: str, end: int) -> None:
        """Mark a run as whole: the last thing that is done to it."""
        self.client.set_terminated(run_id, "FINISHED", end_time=end)

    def set_tags(self, run: Run, tags: Mapping[str, str]) -> None:
        """Set the tags whose values differ."""
        for key, value in tags.items():
            if run.data.tags.get(key) != value:
                self.client.set_tag(run.info.run_id, key, value)

    def delete(self, runs: Sequence[Run]) -> None:
        """Delete runs (MLflow keeps them in its trash)."""
        for run in runs:
            self.client.delete_run(run.info.run_id)

    def _create(self, name: str) -> Entity:
        try:
            identity = self.client.create_experiment(name, artifact_location(self.uri, name))
        except MlflowException:
            if (found := self.client.get_experiment_by_name(name)) is not None:
                return found
            raise
        return self.client.get_experiment(identity)

    def _search(self, condition: str) -> list[Run]:
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs([self.id], condition, ViewType.ACTIVE_ONLY, RUNS_A_PAGE, page_token=token)
            found += page
            token = page.token
            if not token:
                return found


def whole(run: Run) -> bool:
    """Whether a run was logged to its end."""
    return str(run.info.status) in TERMINAL


def oldest_whole_first(run: Run) -> tuple[bool, int, str]:
    """The order in which runs of one fingerprint are preferred: whole ones, then the oldest."""
    return not whole(run), int(run.info.start_time or 0), str(run.info.run_id)
