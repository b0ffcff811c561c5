"""What `stabbench track` has written, as runs to compare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mlflow.entities import Run as MlflowRun

from stabbench.analysis.place import Place
from stabbench.readers import Run
from stabbench.readers.contract import Value
from stabbench.tracking.cells import CURRENT
from stabbench.tracking.entries import GRID
from stabbench.tracking.runs import KIND, PARENT, PART, SEED, SELECTED


def is_own(run: MlflowRun) -> bool:
    """Whether stabbench has written it: a run of a seed, or one above such runs."""
    return KIND in run.data.tags


def own_runs(found: Sequence[MlflowRun]) -> tuple[list[Run], list[str]]:
    """The runs of the grid as it is tracked now, with the scores of their ends, and what was left out in a sentence."""
    current = {run.info.run_id for run in found if run.data.tags.get(CURRENT) == "true"}
    runs = [run for run in found if run.data.tags[KIND] == "run"]
    shown = [
        run
        for run in runs
        if run.data.tags.get(PART) == GRID
        and run.data.tags.get(SELECTED) == "true"
        and run.data.tags.get(PARENT) in current
    ]
    left = len(runs) - len(shown)
    notes = [f"{left} runs of studies, probes or earlier plans were left out."] if left else []
    return [_run(run) for run in shown], notes


def _run(run: MlflowRun) -> Run:
    tags, profile = run.data.tags, _profile(run)
    names: dict[str, Value] = {name: tags.get(name) for name in Place._fields}
    metric = profile.get("metric")
    scores = {
        name.removeprefix("final_"): value
        for name, value in run.data.metrics.items()
        if name.startswith("final_") and name != "final_dev_loss"
    }
    majority = profile.get("majority", {}).get(metric)
    finished = run.info.status == "FINISHED"
    return Run(
        run.info.run_name or run.info.run_id,
        scores,
        {**names, "seed": int(tags[SEED]), "majority": majority},
        headline=metric,
        finished=finished,
    )


def _profile(run: MlflowRun) -> dict[str, Any]:
    """What the run's data set says of itself; nothing where it has none."""
    for each in run.inputs.dataset_inputs if run.inputs is not None else ():
        profile: dict[str, Any] = json.loads(each.dataset.profile or "{}")
        return profile
    return {}
