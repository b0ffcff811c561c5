"""Records of runs that no plan knows: into the store, and below `runs/` as a report reads them."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.folders import Folders, own_path
from stabbench.plan import Cell, plan_path
from stabbench.provenance import machine, provenance
from stabbench.recording.output import RunOutput, read_output
from stabbench.recording.standalone import Names, basis_of, cell_of, plain_settings, say_metric, trainer_of
from stabbench.records import Record, RecordContent, Store, select
from stabbench.records.content import ERROR, RunError
from stabbench.records.selection import seed_folder
from stabbench.records.store import make_folder
from stabbench.scratch import locked
from stabbench.training.outcome import result

STORE = "STABBENCH_STORE"
SHOWN = 5


def _warn(sentence: str) -> None:
    """A warning that names the line of the script that finished the run."""
    warnings.warn(sentence, UserWarning, stacklevel=6)


@dataclass(frozen=True)
class Place:
    """Where records go: a project's folder, `runs/` in it, and its store."""

    root: Path
    runs: Path
    store: Store

    @classmethod
    def of(cls, root: Path, runs: Path | None = None) -> Place:
        """Those of a project folder; its store is $STABBENCH_STORE, else `.stabbench/runs` below it."""
        store = os.environ.get(STORE) or Folders.of().store
        return cls(root, runs or Folders.of(root).runs, Store(own_path(Path(store).expanduser(), root), warn=_warn))

    def folder(self, names: Names) -> Path:
        """That of a cell below `runs/`."""
        return self.runs / names.model / names.task / names.strategy

    def cell(self, names: Names) -> Cell | None:
        """The cell of these names that is recorded there, or None."""
        path = self.folder(names) / "cell.json"
        return Cell.read(path) if path.exists() else None


def import_run(
    out: Path,
    names: Names,
    seed: int,
    settings: Mapping[str, Any] | None,
    project_folder: Path,
    *,
    runs: Path | None = None,
    replace: bool = False,
    tell: Callable[[str], None] = _warn,
) -> Record:
    """Make the record of a run that left the folder `out`, and select it below `runs/`; several processes may do so.

    `settings` are values of JSON that tell recipes of one name apart. Where runs of these names were recorded with
    others, they stay in the store, and `tell` is called with a sentence about it. A seed that is recorded already stays
    as it is unless `replace` is set: UserError where this run's result is another one. UserError, too, where the folder
    says that it is another run's, where other runs of its settings have another dev set, and where those of its model
    and task have another headline metric.
    """
    output = read_output(out)
    return keep(output, names, seed, settings, Place.of(project_folder, runs), replace=replace, tell=tell)


def keep(
    output: RunOutput,
    names: Names,
    seed: int,
    settings: Mapping[str, Any] | None,
    place: Place,
    *,
    replace: bool = False,
    tell: Callable[[str], None] = _warn,
    constant: float | None = None,
    seconds: Mapping[str, float] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Record:
    """As `import_run`, of a folder that has been read.

    `constant` is what the best constant prediction scores in the headline metric, where labels do not tell; `seconds`
    are those of a run that does not say its own; `texts` are kept beside the record.
    """
    output.check_asked(vars(names), seed)
    trainer = trainer_of(names, plain_settings(settings))
    make_folder(place.runs)
    with locked(place.runs):
        existing = place.cell(names)
        cell = cell_of(output, names, seed, trainer, existing, _position(place.runs, existing), constant)
        _check_metric(cell, place)
        judged = result(basis_of(output, cell), output.measured)
        fingerprint = cell.fingerprint(seed)
        if replace:
            place.store.replace_next(fingerprint)
        head = {"fingerprint": fingerprint, "spec": cell.run_spec(seed), "files": {}}
        here = machine("cpu")
        made = {"versions": {**here["versions"], **judged.versions}, "device": output.device or here["device"]}
        record = place.store.write(
            RecordContent.from_json({**head, **judged.data}),
            provenance(place.root, made, 1, judged.seconds or seconds or {}, ()),
            judged.tables,
            texts=texts,
        )
        select(cell, place.store, place.runs)
    if not record.gave(judged.data["result_digest"]):
        raise UserError(f"{recorded_already(place, names, seed)}, and this run gave another result")
    _tell_what_moved(existing, cell, place, tell)
    plan = Folders.of(place.root).planned
    if plan is not None and not plan_path(plan, names.model, names.task, names.strategy).exists():
        tell(f"{plan} does not name {cell.name}, so its report leaves the run out: record it elsewhere (folder=…)")
    return record


def keep_error(error: RunError, names: Names, seed: int, settings: Mapping[str, Any] | None, place: Place) -> bool:
    """Record that a run broke, if runs of its cell are recorded; whether that was so. A finished one stays as it is."""
    if not place.runs.is_dir():
        return False
    trainer = trainer_of(names, plain_settings(settings))
    with locked(place.runs):
        existing = place.cell(names)
        if existing is None or existing.spec.get("trainer") != trainer:
            return False
        cell = with_seed(existing, seed)
        spec, metric = cell.run_spec(seed), cell.task_facts.metric
        content = RecordContent(cell.fingerprint(seed), spec, ERROR, metric, error, {})
        place.store.write(content, provenance(place.root, machine("cpu"), 1, {}, ()), {})
        select(cell, place.store, place.runs)
    return True


def with_seed(cell: Cell, seed: int) -> Cell:
    """The cell with one more seed."""
    return dataclasses.replace(cell, seeds=tuple(sorted({*cell.seeds, seed})))


def recorded_already(place: Place, names: Names, seed: int) -> str:
    """What to tell somebody who records a seed again."""
    return (
        f"seed {seed} of {'/'.join(vars(names).values())} is recorded with these settings "
        f"({place.folder(names) / seed_folder(seed)}): take another seed, say in settings=… what is different now, or "
        "replace it (replace=True)"
    )


def is_recorded(place: Place, names: Names, seed: int, settings: Mapping[str, Any] | None) -> bool:
    """Whether there is a finished record of a seed with these names and settings."""
    cell = place.cell(names)
    if cell is None or cell.spec.get("trainer") != trainer_of(names, plain_settings(settings)):
        return False
    return seed in cell.seeds and place.store.finished(cell.fingerprint(seed)) is not None


def _check_metric(cell: Cell, place: Place) -> None:
    """UserError where the other cells of its model and task have another headline metric: nothing compares the two."""
    folder = place.runs / cell.model / cell.task
    cells = (Cell.read(path) for path in sorted(folder.glob("*/cell.json")) if path.parent.name != cell.strategy)
    others = {other.task_facts.metric: other.strategy for other in cells}
    found = cell.task_facts.metric
    if others and found not in others:
        expected, strategy = next(iter(others.items()))
        raise UserError(
            f"{cell.name}: found the headline metric {found}, expected {expected}, as {strategy} has on {cell.task}: "
            f"say which ({say_metric(expected)}), or give the task another name"
        )


def _position(runs: Path, existing: Cell | None) -> int:
    """Cells are shown in the order in which they were first recorded."""
    if existing is not None:
        return existing.position
    return 1 + max((Cell.read(path).position for path in runs.glob("*/*/*/cell.json")), default=-1)


def _tell_what_moved(existing: Cell | None, cell: Cell, place: Place, tell: Callable[[str], None]) -> None:
    """Say which runs of the same names are no longer selected."""
    if existing is None or existing.spec == cell.spec:
        return
    shown = ", ".join(map(str, existing.seeds[:SHOWN])) + (", …" if len(existing.seeds) > SHOWN else "")
    tell(
        f"{cell.name} was recorded before with {_difference(existing, cell)}: the runs of its seeds {shown} are kept "
        f"in {place.store.root} and no longer shown; give the strategy another name to compare the two"
    )


def _difference(before: Cell, after: Cell) -> str:
    old, new = (dict(cell.spec.get("trainer", {})).get("options", {}) for cell in (before, after))
    if old != new:
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        return "other settings (" + ", ".join(f"{name} {old.get(name)}, now {new.get(name)}" for name in names) + ")"
    if before.task_facts.metrics != after.task_facts.metrics:
        return f"the metrics {', '.join(before.task_facts.metrics)}, now {', '.join(after.task_facts.metrics)}"
    if before.spec["task"] != after.spec["task"]:
        return "other labels of dev"
    return "another model"
