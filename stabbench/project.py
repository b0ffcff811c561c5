"""Which project a folder belongs to: DVC makes experiments in copies that it deletes, and they are their project's."""

from __future__ import annotations

from pathlib import Path

COPIES = (".dvc", "tmp", "exps")
"""Below which DVC puts the copies of `dvc exp run --temp` and of its queue."""


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


def own_path(path: Path) -> Path:
    """Where a relative path of a setting points, as its project has it: in an experiment's copy it is absolute."""
    here = Path().resolve()
    project = own_folder(here)
    return path if project == here or path.is_absolute() else project / path


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
