"""Training what the store lacks, of some cells or of all that are planned."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TypeAlias

from stabbench.execution.outcome import CellOutcome, Listener, already_there
from stabbench.execution.settings import Settings
from stabbench.execution.shards import Shard
from stabbench.files import check_writable
from stabbench.folders import Folders
from stabbench.notebook import html
from stabbench.plan import Cell, plan_path, write_plan
from stabbench.project.looking import asked
from stabbench.project.selection import grid_cells
from stabbench.records import Record, Store, adopt_selection, select

Wanted: TypeAlias = Sequence[tuple[Cell, Sequence[int] | None, Path]]
"""Cells with the seeds that are wanted of each (None: its own, as its looks ask for them) and the folder that selects
its records."""
Chosen: TypeAlias = Sequence[tuple[Cell, Sequence[int], Path]]
Watch: TypeAlias = Callable[[str, int], AbstractContextManager[Listener]]
"""Around a training: called with its name and its number of runs, gives what is told how far they are."""


def silent(name: str, runs: int) -> AbstractContextManager[Listener]:
    """A training that nobody watches."""
    return nullcontext(lambda report: None)


@dataclass(frozen=True)
class TrainedCell:
    """What became of a cell's wanted runs; `records` has those that are finished, where they were selected."""

    outcome: CellOutcome
    records: Mapping[int, Record] = field(default_factory=dict)

    def __str__(self) -> str:
        outcome, metric = self.outcome, self.outcome.cell.task_facts.metric
        counts = f"{outcome.cell.name}: {len(outcome.trained)} trained, {len(outcome.reused)} already there"
        return f"{counts}\n  {metric} by seed  {'  '.join(self.scores())}" if self.records else counts

    def scores(self) -> list[str]:
        """The headline score of each seed, and its status where it is not ok."""
        finals = {seed: record.result.final.scores for seed, record in self.records.items()}
        metric = self.outcome.cell.task_facts.metric
        ends = {seed: "" if record.status == "ok" else f" ({record.status})" for seed, record in self.records.items()}
        return [f"{seed}: {scores[metric]:.3f}{ends[seed]}" for seed, scores in finals.items()]


@dataclass(frozen=True, repr=False)
class Trained:
    """What became of the wanted runs, cell by cell."""

    cells: Sequence[TrainedCell]

    @property
    def errors(self) -> list[str]:
        """A sentence for each run that broke."""
        outcomes = [cell.outcome for cell in self.cells]
        return [f"{out.cell.name} seed {seed}: {text}" for out in outcomes for seed, text in sorted(out.errors.items())]

    @property
    def looks_wait(self) -> bool:
        """Whether a run broke that a declared look needs."""
        return any(cell.outcome.errors and cell.outcome.cell.looks is not None for cell in self.cells)

    @property
    def counts(self) -> str:
        """How many runs were trained, and how many were there."""
        trained = sum(len(cell.outcome.trained) for cell in self.cells)
        return f"{trained} runs trained, {sum(len(cell.outcome.reused) for cell in self.cells)} already there"

    def __str__(self) -> str:
        return "\n".join([*map(str, self.cells), *self.errors])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            (cell.outcome.cell.name, len(cell.outcome.trained), len(cell.outcome.reused), ", ".join(cell.scores()))
            for cell in self.cells
        ]
        return html([self.counts, *self.errors], ("cell", "trained", "already there", "scores by seed"), rows)


def chosen_cells(folders: Folders, model: str | None, task: str | None, strategy: str | None) -> list[Cell]:
    """The wanted cells: inside a pipeline stage as their plan files say, else resolved now, their tasks prepared."""
    if "DVC_STAGE" in os.environ:
        return grid_cells(folders, model, task, strategy)

    from stabbench.config import check_names, load
    from stabbench.project.preparation import prepare_missing
    from stabbench.resolve import plan_cell

    config = load(folders.params)
    grid = config.grid
    models, tasks, strategies = (
        [one] if one else every
        for one, every in ((model, grid.models), (task, grid.tasks), (strategy, grid.strategies))
    )
    names = list(product(models, tasks, strategies))
    for name in names:
        check_names(config, *name)
    prepare_missing(folders, config, dict.fromkeys(task for _, task, _ in names))
    cells: dict[tuple[str, str, str], Cell] = {}
    if config.seeds.looks is None:
        cells |= {name: plan_cell(config, folders.root, *name) for name in names}
        for name, cell in cells.items():
            cell.write(plan_path(folders.plan, *name))
    else:  # a look takes all strategies of a model and task
        for of_model, of_task in dict.fromkeys((model, task) for model, task, _ in names):
            group = [plan_cell(config, folders.root, of_model, of_task, each) for each in grid.strategies]
            write_plan(folders.plan, group, of_model, of_task)
            cells |= {(of_model, of_task, cell.strategy): cell for cell in group}
    return [cells[name] for name in names]


def train(
    cells: Sequence[Cell],
    seeds: Sequence[int] | None,
    folders: Folders,
    store: Store,
    settings: Settings,
    watch: Watch = silent,
) -> Trained:
    """Train what the cells lack (of the given seeds, else of their own), and put their records into `folders.runs`."""
    wanted = [(cell, seeds, folders.runs) for cell in cells]
    outcomes = _train(wanted, folders, store, settings, watch)
    found = []
    for outcome, cell in zip(outcomes, asked(cells, folders, store), strict=True):
        selected = select(cell, store, folders.runs).records
        chosen = seeds or cell.seeds
        records = {seed: selected.get(seed) or store.finished(cell.fingerprint(seed)) for seed in chosen}
        found.append(TrainedCell(outcome, {seed: each for seed, each in records.items() if each is not None}))
    return Trained(found)


def fill(
    wanted: Wanted,
    folders: Folders,
    store: Store,
    settings: Settings,
    part: Shard | None = None,
    watch: Watch = silent,
) -> Trained:
    """Train the wanted seeds of each cell (or a part of them all) into the store.

    The longest runs come first, so that no worker is left with one while the others have nothing to do. Runs that broke
    are named; the stage of their own cell tries them again. Where seeds are trained by stages, a part of them is of one
    stage: the look at its end needs all parts.
    """
    if part is not None:
        chosen = part.of([(cell, seeds or cell.seeds) for cell, seeds, _ in wanted])
        now = asked([cell for cell, _, _ in wanted], folders, store)
        wanted = [
            (cell, [seed for seed in seeds if given or seed in now[place].seeds], runs)
            for place, seeds in chosen.items()
            for cell, given, runs in [wanted[place]]
        ]
    longest_first = sorted(wanted, key=lambda item: item[0].updates() or 0, reverse=True)
    return Trained([TrainedCell(outcome) for outcome in _train(longest_first, folders, store, settings, watch)])


def _train(wanted: Wanted, folders: Folders, store: Store, settings: Settings, watch: Watch) -> Sequence[CellOutcome]:
    """Train what is missing, stage by stage where looks are declared, until they ask for no more than there is."""
    found = [CellOutcome(cell) for cell, _, _ in wanted]
    left = list(range(len(wanted)))
    while left:
        by_looks = asked([wanted[place][0] for place in left], folders, store)
        now: list[tuple[Cell, Sequence[int], Path]] = []
        for place, looked_at in zip(left, by_looks, strict=True):
            cell, seeds, runs = wanted[place]
            now.append((cell, looked_at.seeds if seeds is None else seeds, runs))
        outcomes = _train_these(now, folders, store, settings, watch)
        for place, outcome in zip(left, outcomes, strict=True):
            found[place] = found[place].then(outcome)
        staged = {place: out for place, out in zip(left, outcomes, strict=True) if _is_staged(*wanted[place])}
        gone_on = any(outcome.trained for outcome in staged.values())
        left = [place for place, outcome in staged.items() if gone_on and not outcome.errors]
    return found


def _is_staged(cell: Cell, seeds: Sequence[int] | None, runs: Path) -> bool:
    return cell.looks is not None and seeds is None


def _train_these(
    wanted: Chosen, folders: Folders, store: Store, settings: Settings, watch: Watch
) -> Sequence[CellOutcome]:
    """Train what is missing; torch is imported only where something is."""
    for cell, _, runs in wanted:
        adopt_selection(cell, store, runs)
    if all(already_there(cell, seed, store) for cell, seeds, _ in wanted for seed in seeds):
        return [CellOutcome(cell, reused=list(seeds)) for cell, seeds, _ in wanted]

    from stabbench.execution.grid import train_cells

    check_writable(store.root, *{runs for _, _, runs in wanted})
    name = wanted[0][0].name if len(wanted) == 1 else f"{len(wanted)} cells"
    with watch(name, sum(len(seeds) for _, seeds, _ in wanted)) as listener:
        return train_cells([(cell, seeds) for cell, seeds, _ in wanted], store, settings, folders.root, listener)
