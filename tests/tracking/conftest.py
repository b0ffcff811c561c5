"""Real tracking databases and a real tracking server for the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stabbench.tracking import TrackingOutcome, bring_up_to_date
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.tracking.processes import Server


@pytest.fixture(scope="session")
def created_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that stabbench has created, with a run of another preset; copying it is quicker than migrations."""
    folder = tmp_path_factory.mktemp("created")
    write_runs(folder / "runs", [SyntheticCell([0.1])])
    outcome = bring_up_to_date(folder / "runs", preset="other", tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    assert outcome.complete, outcome.line()
    return folder / "mlflow.db"


@pytest.fixture
def uri(created_database: Path, tmp_path: Path) -> str:
    """A database of the test's own."""
    shutil.copyfile(created_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Where the test's selection lies."""
    return tmp_path / "runs"


@pytest.fixture
def track(runs: Path, uri: str) -> Callable[..., TrackingOutcome]:
    """Brings the test's database up to date with its selection."""

    def call(**options: object) -> TrackingOutcome:
        return bring_up_to_date(runs, **{"preset": "demo", "tracking_uri": uri, **options})  # type: ignore[arg-type]

    return call


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, created_database: Path) -> Iterator[Server]:
    """A real `mlflow server` on a free port of 127.0.0.1, over SQLite, with its own folder for artifacts."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(created_database, folder / "mlflow.db")
    running = Server(folder)
    running.start()
    yield running
    running.stop()
