"""One experiment on a tracking server: its runs found by tags, made and filled in few calls."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from mlflow import MlflowClient
from mlflow.entities import Experiment as Entity
from mlflow.entities import Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from stabbench.tracking import names
from stabbench.tracking.runs import CELL, FINGERPRINT, KIND
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
        name = names.name(name)
        found = client.get_experiment_by_name(name) or self._create(name)
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        self.id = str(found.experiment_id)
        self.tags = dict(found.tags)

    def parents(self) -> list[Run]:
        """All runs of cells, studies and probes that are not deleted: whatever is no seed's."""
        return self._search(f"tags.`{KIND}` != 'run'")

    def runs_of(self, cell_key: str) -> list[Run]:
        """The child runs of a cell that are not deleted."""
        return self._search(f"tags.`{KIND}` = 'run' AND tags.`{CELL}` = '{cell_key}'")

    def runs(self) -> dict[str, list[Run]]:
        """The child runs of all cells, past ones too, by their fingerprint."""
        found: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self._search(f"tags.`{KIND}` = 'run'"), key=oldest_whole_first):
            found[run.data.tags[FINGERPRINT]].append(run)
        return found

    def create(self, tags: Mapping[str, str], start: int) -> Run:
        """A new run with its tags; it counts as interrupted until `finish`."""
        fitting = names.fitting_tags(tags)
        run = self.client.create_run(self.id, start_time=start, tags=fitting)
        self._keep_whole(run, names.TAGS, tags, fitting)
        return run

    def log(
        self,
        run: Run,
        metrics: Sequence[Metric],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Metrics, parameters and tags, as many a call as MLflow takes, by the names that it takes."""
        fitting = names.fitting_parameters(params or {})
        run_tags = [RunTag(key, value) for key, value in names.fitting_tags(tags or {}).items()]
        run_params = [Param(key, value) for key, value in sorted(fitting.items())]
        run_metrics = [Metric(names.name(one.key), one.value, one.timestamp, one.step) for one in metrics]
        calls = max(-(-len(metrics) // METRICS_A_CALL), -(-len(run_params) // PARAMS_A_CALL), bool(run_tags))
        for call in range(calls):
            some_metrics = run_metrics[call * METRICS_A_CALL : (call + 1) * METRICS_A_CALL]
            some_params = run_params[call * PARAMS_A_CALL : (call + 1) * PARAMS_A_CALL]
            self.client.log_batch(run.info.run_id, some_metrics, some_params, [] if call else run_tags)
        self._keep_whole(run, names.PARAMETERS, params or {}, fitting)

    def attach(self, run: Run, files: Mapping[str, Path]) -> None:
        """Files as artifacts of a run, by the path that they get (its last part is the file's own name)."""
        repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=self.uri)
        for name, path in files.items():
            folder = PurePosixPath(name).parent.as_posix()
            repository.log_artifact(str(path), None if folder == "." else folder)

    def finish(self, run_id: str, end: int) -> None:
        """Mark a run as whole: the last thing that is done to it."""
        self.client.set_terminated(run_id, "FINISHED", end_time=end)

    def set_tags(self, run: Run, tags: Mapping[str, str]) -> None:
        """Set the tags whose values differ."""
        for key, value in names.fitting_tags(tags).items():
            if run.data.tags.get(key) != value:
                self.client.set_tag(run.info.run_id, key, value)

    def remove_tags(self, run: Run, tags: Iterable[str]) -> None:
        """Remove tags that the run has."""
        for key in tags:
            if names.name(key) in run.data.tags:
                self.client.delete_tag(run.info.run_id, names.name(key))

    def delete(self, runs: Sequence[Run]) -> None:
        """Delete runs (MLflow keeps them in its trash)."""
        for run in runs:
            self.client.delete_run(run.info.run_id)

    def _keep_whole(self, run: Run, file: str, values: Mapping[str, str], fitting: Mapping[str, str]) -> None:
        """An artifact with all values by their own names, where some are logged otherwise."""
        if dict(values) != dict(fitting):
            with tempfile.TemporaryDirectory(prefix="stabbench-whole-") as folder:
                path = Path(folder) / file
                path.write_text(json.dumps(dict(values), indent=1, sort_keys=True), encoding="utf-8")
                self.attach(run, {file: path})

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
