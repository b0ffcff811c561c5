"""Where the files of a project are, and whose a folder is: DVC makes experiments in copies that it deletes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

COPIES = (".dvc", "tmp", "exps")
"""Below which DVC puts the copies of `dvc exp run --temp` and of its queue."""
LOCAL_PATH = ("./", "../", "/", "~")
"""How a path begins, where the name of a model or a data set could stand too."""


@dataclass(frozen=True)
class Folders:
    """The files and folders of a project; docs/architecture.md says what is in each."""

    root: Path
    params: Path = Path("params.yaml")
    pipeline: Path = Path("dvc.yaml")
    validated: Path = Path("validated")
    data: Path = Path("data")
    models: Path = Path("models")
    plan: Path = Path("plan")
    store: Path = Path(".stabbench/runs")
    runs: Path = Path("runs")
    studies: Path = Path("studies")
    probes: Path = Path("probes")
    reports: Path = Path("reports")

    @classmethod
    def of(cls, root: Path = Path(), **elsewhere: Path) -> Folders:
        """Those of the project in `root`; `elsewhere` has, by their names here, the ones that lie in other places."""
        usual = {name: root / place for name, place in vars(cls).items() if isinstance(place, Path)}
        return cls(root, **usual | elsewhere)

    def task(self, name: str) -> Path:
        """A prepared task; the folds of one lie in its folder, which one stage of the pipeline makes."""
        return self.data / re.sub(r"-(fold-\d+)$", r"/\1", name)

    def model(self, name: str) -> Path:
        """A model that the project pretrains itself."""
        return self.models / name

    @property
    def study_plans(self) -> Path:
        """A folder of plan files for each study."""
        return self.plan / "studies"

    @property
    def chapters(self) -> Path:
        """A folder for each study and probe of the report."""
        return self.reports / "studies"

    @property
    def planned(self) -> Path | None:
        """The plan, or None where there is none: then whatever is selected counts."""
        return self.plan if self.plan.is_dir() else None


def own_folder(folder: Path | None = None) -> Path:
    """The folder of the project that `folder` (by default the current one) is at work for, absolute.

    In a copy that DVC has made for an experiment it is the place of the same folder in the project that the copy was
    made of; anywhere else, a clone or another work tree of Git's included, it is `folder` itself.
    """
    place = (folder or Path()).resolve()
    for root in (place, *place.parents):
        if (root / ".dvc").is_dir():
            project = _copied_from(root)
            return place if project is None else project / place.relative_to(root)
    return place


def own_path(path: Path, root: Path = Path()) -> Path:
    """Where a setting's path points from `root`, as the project has it: in an experiment's copy it is absolute."""
    here = root.resolve()
    project = own_folder(here)
    return root / path if project == here else project / path


def why_absent(path: Path) -> str:
    """What to add to the sentence that a file of the project is not there: in an experiment's copy, what brings it."""
    here = Path().resolve()
    project = own_folder(here)
    if project == here or path.is_absolute() or not (project / path).exists():
        return ""
    return f"; the project has it, but DVC copies only what Git tracks: `git add {path}`, or `--copy-paths {path}`"


def _copied_from(copy: Path) -> Path | None:
    """The DVC project that has made `copy` for an experiment, or None where it is no such copy.

    A project that is a folder of its Git repository keeps its copies below itself, each a copy of the repository:
    only the innermost `.dvc/tmp/exps` above tells whose it is.
    """
    parts = copy.parts
    for end in range(len(parts) - 1, len(COPIES) - 1, -1):
        if parts[end - len(COPIES) : end] == COPIES:
            project = Path(*parts[: end - len(COPIES)])
            return project if (project / ".dvc" / "config").is_file() else None
    return None
