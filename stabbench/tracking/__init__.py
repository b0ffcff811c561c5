"""MLflow as a view of the records: the only room that imports it, and only once it is asked to work."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from stabbench.errors import UserError
from stabbench.folders import own_path
from stabbench.records import Store
from stabbench.tracking.outcome import TrackingOutcome
from stabbench.tracking.parts import Part

__all__ = ["DEFAULT_TRACKING_URI", "Part", "TrackingOutcome", "bring_up_to_date", "installed"]

DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"
"""The tracking database of a project folder, used where neither an argument nor MLFLOW_TRACKING_URI names another."""


def installed() -> bool:
    """Whether MLflow can be imported."""
    return importlib.util.find_spec("mlflow") is not None


def bring_up_to_date(
    runs: Path,
    *,
    preset: str,
    tracking_uri: str | None = None,
    root: Path = Path(),
    figures: Path | None = None,
    store: Path | None = None,
    models: bool = True,
    studies: Sequence[Part] = (),
    probes: Sequence[Part] = (),
    progress: Callable[[int, int], None] | None = None,
) -> TrackingOutcome:
    """Make the experiment `stabbench/<preset>` of a tracking server show what a project has.

    Of the records that `runs` selects a parent run a cell, a child run a seed. Of every study a run with its chapter,
    below it its cells, and below those the runs that neither the grid nor an earlier study has: a run is there once. Of
    every probe a run. Runs that are there already are found by their fingerprint and left
    alone, so that a second call writes nothing. A server that is down, or goes down in the middle, raises nothing:
    the outcome names the runs that are not logged, and the next call logs them.

    Args:
        runs: the selection, `runs/<model>/<task>/<strategy>/`.
        preset: names the experiment.
        tracking_uri: MLFLOW_TRACKING_URI, else `sqlite:///mlflow.db`, where it is not given.
        root: the project's folder, at which a relative path of a database starts; of a copy that DVC makes for an
            experiment it is the project's own.
        figures: the report's figures; those that show a cell become artifacts of its parent run.
        store: where kept weights lie (a selection leaves them out).
        models: whether kept weights are logged as models; those of a diverged run never are.
        studies: of params.yaml; those that have left nothing yet are left out.
        probes: likewise.
        progress: called with (runs seen, runs of all cells) as it goes.

    Raises:
        UserError: where `runs` holds no or unreadable records, a study or probe is unreadable, or MLflow is not
            installed.
    """
    if not installed():
        raise UserError("MLflow is not installed: run `pip install 'stabbench[track]'`")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from stabbench.tracking.update import update, wanted

    cells, pages = wanted(runs, studies, probes)
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI
    outcome = TrackingOutcome(_own(uri, root), f"stabbench/{preset}")
    kept = Store(store) if store is not None else None
    return update(outcome, cells, pages, figures, kept, models, progress or (lambda done, total: None))


def _own(uri: str, root: Path) -> str:
    """The URI with the place of a database as the project has it (`stabbench.folders`)."""
    scheme, separator, path = uri.partition(":///")
    if not scheme.startswith("sqlite") or not path:
        return uri
    return f"{scheme}{separator}{own_path(Path(path), root).as_posix()}"
