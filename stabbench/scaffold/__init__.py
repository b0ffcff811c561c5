"""The presets that `stabbench init` writes: a pipeline (dvc.yaml) and what it compares (params.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from stabbench.config.json_schema import write_schema
from stabbench.errors import UserError, unknown
from stabbench.files import write_text

PRESETS: Mapping[str, tuple[str, ...]] = {
    "demo": (),
    "stabilisers": (),
    "pretraining": ("pretrains",),
    "minilm": (),
    "chemistry": ("chemistry",),
    "paper": (),
}
"""Each preset with what its pipeline has beside the common stages; its parameters are in `presets/<preset>.yaml`."""
_PARTS = ("pretrains", "chemistry")
_SCRIPTS = {"chemistry": "reactions.py"}
"""Presets that bring a script, which a stage of theirs runs."""

IGNORED = {
    ".dvcignore": ("/runs/**/provenance.json", "/studies/**/provenance.json", "/.stabbench"),
    ".gitignore": (
        "/.stabbench/",
        "/validated/",
        "/data/",
        "/models/",
        "/plan/",
        "/runs/",
        "/filled.json",
        "/seeds/",
        "/studies/",
        "/probes/",
        "/tracking.json",
        "/dvc_plots/",
        "/mlflow.db",
        "/mlflow.db-*",
        "/mlruns/",
        "/mlartifacts/",
        "/reports/timings.json",
    ),
}
"""Lines that a project folder needs: with the clock in `runs/`, dvc.lock would change with every run."""


def files_of(preset: str) -> dict[str, str]:
    """The content of a preset's files: dvc.yaml, params.yaml and its script; UserError for one that does not exist."""
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    scripts = {name: _packaged(name) for name in [_SCRIPTS[preset]]} if preset in _SCRIPTS else {}
    return {"dvc.yaml": pipeline(preset), "params.yaml": _packaged(f"{preset}.yaml"), **scripts}


def pipeline(preset: str) -> str:
    """The dvc.yaml of a preset."""
    return rendered("dvc.yaml.jinja", {part: part in PRESETS[preset] for part in _PARTS})


def rendered(
    template: str, values: Mapping[str, object], filters: Mapping[str, Callable[..., str]] | None = None
) -> str:
    """A template of `presets/` with its values, none of which may be missing."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters.update(filters or {})
    return environment.from_string(_packaged(template)).render(**values)


def _packaged(name: str) -> str:
    return (files("stabbench.scaffold") / "presets" / name).read_text(encoding="utf-8")


def write(preset: str, folder: Path, *, force: bool = False) -> list[Path]:
    """Write a preset into a folder; as `write_files`."""
    return write_files(files_of(preset), folder, force=force)


def write_files(named: Mapping[str, str], folder: Path, *, force: bool = False) -> list[Path]:
    """Write a pipeline and its parameters, by name, into a folder and return the paths written or added to.

    Raises UserError, before anything is written, where one of them is there already with another content and `force`
    is not set.
    """
    contents = {folder / name: content for name, content in named.items()}
    there = [path.name for path, content in contents.items() if path.exists() and path.read_bytes() != content.encode()]
    if there and not force:
        raise UserError(f"{' and '.join(there)} in {folder.resolve()} would be overwritten: --force does so")
    for path, content in contents.items():
        write_text(path, content)
    if "params.yaml" in named:
        write_schema(folder / "params.yaml")
    return [*contents, *(folder / name for name, lines in IGNORED.items() if _add_lines(folder / name, lines))]


def _add_lines(path: Path, lines: tuple[str, ...]) -> bool:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in lines if line not in text.splitlines()]
    if not missing:
        return False
    write_text(
        path, text + ("\n" if text and not text.endswith("\n") else "") + "".join(f"{line}\n" for line in missing)
    )
    return True
