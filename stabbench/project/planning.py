"""What will be run: params.yaml resolved, a plan file a cell."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from stabbench import resolve
from stabbench.config import Config, load, missing_dependencies, model_folders, plugin_files
from stabbench.errors import Mistakes
from stabbench.folders import Folders
from stabbench.notebook import html
from stabbench.plan import Cell, Variation, write_plan
from stabbench.probes import probes_of
from stabbench.project import planned
from stabbench.studies import studies_of

NOT_KNOWN = "n/a"
"""The updates of a run whose recipe, or training set, nobody knows before other code trains it."""


@dataclass(frozen=True, repr=False)
class Plan:
    """What will be run, and what has to be known before."""

    groups: Mapping[str, Sequence[Cell]]
    """The cells of `the grid`, then of each study by its name."""
    warnings: Sequence[str]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {len(cells)} cells, {_runs(cells)}" for name, cells in self.groups.items())

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it; `updates` of a run are null where nobody knows them before it is trained."""
        groups = {
            name: [
                {
                    "model": cell.model,
                    "task": cell.task,
                    "strategy": cell.strategy,
                    "seeds": list(cell.seeds),
                    "updates": cell.updates(),
                }
                for cell in cells
            ]
            for name, cells in self.groups.items()
        }
        return {"groups": groups, "warnings": list(self.warnings)}

    def _repr_html_(self) -> str:
        rows = [
            (name, cell.model, cell.task, cell.strategy, len(cell.seeds), cell.updates() or NOT_KNOWN)
            for name, cells in self.groups.items()
            for cell in cells
        ]
        head = ("", "model", "task", "strategy", "seeds", "updates a run")
        return html([*str(self).splitlines(), *self.warnings], head, rows)


def _runs(cells: Sequence[Cell]) -> str:
    most = sum(len(cell.seeds) for cell in cells)
    designs = dict.fromkeys(str(cell.looks) for cell in cells if cell.looks is not None)
    return f"at most {most} runs by {', '.join(designs)}" if designs else f"{most} runs"


def plan(folders: Folders) -> Plan:
    """Resolve params.yaml into plan files; unchanged ones are left alone. UserError with all that cannot be."""
    config = load(folders.params)
    probes_of(config, folders.root)
    entries = studies_of(config, folders.root)
    studies = {entry.name: entry.plugin.variations(entry.options, config) for entry in entries}
    mistakes = Mistakes()
    groups: dict[str, Sequence[Cell]] = {}
    with mistakes.collected():
        groups["the grid"] = resolve.plan(config, folders.root)
    for name, variations in studies.items():
        with mistakes.collected():
            groups[name] = resolve.plan_variations(config, folders.root, variations)
    mistakes.tell()
    write_plan(folders.plan, groups["the grid"])
    for stale in folders.study_plans.glob("*"):
        if stale.name not in studies:
            shutil.rmtree(stale)
    for name in studies:
        write_plan(folders.study_plans / name, groups[name])
    planned.note(folders, config)
    varied = [variation for variations in studies.values() for variation in variations]
    kinds = [entry.kind for entry in entries]
    return Plan(groups, tuple(_warnings(folders, config, groups.values(), varied, kinds)))


def _warnings(
    folders: Folders,
    config: Config,
    groups: Iterable[Sequence[Cell]],
    varied: Sequence[Variation],
    kinds: Sequence[str],
) -> Iterator[str]:
    from stabbench.strategies.registry import warnings_of

    for cells in groups:
        yield from warnings_of(cells, folders.root)
    yield from dict.fromkeys(
        f"{cell.model} on {cell.task}: {sentence}"
        for cell in chain.from_iterable(groups)
        for sentence in cell.tokens.get("warnings", ())
    )
    strategies = [*config.grid.strategies, *(variation.strategy for variation in varied)]
    models = [*config.grid.models, *(variation.model for variation in varied)]
    plugins = [plugin for name in strategies for plugin in config.strategies[name].plugin]
    sources = [cell.sources for cell in chain.from_iterable(groups)]
    optimizers = [where["optimizer"] for where in sources if "optimizer" in where]
    read = [*plugin_files([*plugins, *kinds, *optimizers]), *model_folders(config, models)]
    stale = missing_dependencies(folders.params, "plan", read)
    if stale is not None:
        yield stale
