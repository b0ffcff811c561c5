"""A tracking database as stabbench creates it, made once a process: copying it is quicker than MLflow's migrations."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from stabbench.tracking.server import connected


def put_empty_database(folder: Path) -> Path:
    """Make a folder's `mlflow.db` one in which nothing is logged; where it is."""
    return Path(shutil.copyfile(_empty(), folder / "mlflow.db"))


@cache
def _empty() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    with connected(f"sqlite:///{folder / 'mlflow.db'}"):
        pass
    return folder / "mlflow.db"
