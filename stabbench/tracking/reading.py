"""An MLflow experiment as results to compare: `mlflow:EXPERIMENT`, with MLflow 3 and the servers that it talks to."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from stabbench.errors import UserError, unknown
from stabbench.readers import Found, Reader, Run, Source, Wanted
from stabbench.readers.contract import Value
from stabbench.readers.runs import table_of
from stabbench.tracking import DEFAULT_TRACKING_URI, installed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PREFIX = "mlflow:"
RUNS_A_PAGE = 1000
_PARENT, _OWN = "mlflow.parentRunId", "mlflow."
_DONE = "FINISHED"


class MlflowExperiment(Reader):
    """The runs of an experiment, with their parameters, tags and last metrics; parents without a metric are none.

    Of what `stabbench track` has written they are those of the grid, with their names and the scores of their ends.
    """

    description = (
        "mlflow:EXPERIMENT, of MLFLOW_TRACKING_URI or sqlite:///mlflow.db; tags and params are columns (MLflow 3)"
    )

    def recognises(self, source: Source) -> bool:
        """A text that begins with `mlflow:`."""
        return source.text.startswith(PREFIX)

    def read(self, source: Source, wanted: Wanted) -> Found:
        """All of its runs that are not deleted. UserError where there is no such experiment, or nobody answers."""
        if not installed():
            raise UserError("MLflow is not installed: run `pip install 'stabbench[track]'`")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from stabbench.tracking.own_runs import is_own, own_runs
        from stabbench.tracking.server import UnreachableError, connected

        uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI
        name = source.text.removeprefix(PREFIX)
        _check_there(uri)
        try:
            with connected(uri) as client:
                found = _runs(client, name)
        except UnreachableError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            raise UserError(f"{source.text}: no way to {uri}: {error}{remedy}") from error
        own, notes = own_runs([run for run in found if is_own(run)])
        others = [run for run in found if not is_own(run)]
        parents = {run.data.tags[_PARENT] for run in others if _PARENT in run.data.tags}
        runs = [_run(run) for run in others if run.data.metrics or run.info.run_id not in parents]
        table = table_of([*own, *runs], source.text, wanted)
        return replace(table, notes=[*notes, *table.notes])


def _check_there(uri: str) -> None:
    """A database that is not there would be made by asking for it."""
    from stabbench.tracking.server import database_path

    if uri.startswith("sqlite:///") and not database_path(uri).exists():
        raise UserError(
            f"there is no database {database_path(uri)}: set MLFLOW_TRACKING_URI to where the experiment is, such as "
            "sqlite:////folder/mlflow.db or https://mlflow.example.org"
        )


def _runs(client: MlflowClient, name: str) -> list[MlflowRun]:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = [each.name for each in client.search_experiments()]
        raise unknown("MLflow experiment", name, known)
    found: list[MlflowRun] = []
    token = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=RUNS_A_PAGE, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return sorted(found, key=_age)


def _age(run: MlflowRun) -> tuple[int, str, str]:
    """The oldest first, in which order names appear in tables; runs that began in one millisecond by their names."""
    return run.info.start_time or 0, run.info.run_name or "", run.info.run_id


def _run(run: MlflowRun) -> Run:
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith(_OWN)}
    facts: dict[str, Value] = {**tags, **run.data.params}
    facts |= {f"tags.{name}": tags[name] for name in set(tags) & set(run.data.params)}  # of two the parameter is meant
    name = run.info.run_name or run.info.run_id
    done = run.info.status == _DONE
    return Run(name, dict(run.data.metrics), facts, [run.info.run_id], finished=done)
