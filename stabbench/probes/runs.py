"""Which runs a probe looks at, and how its files describe them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stabbench.config import Config
from stabbench.errors import unknown
from stabbench.plan import Cell
from stabbench.probes.contract import ProbeContext
from stabbench.records import Record, Selection, adopt_selection
from stabbench.records.content import UNJUDGED

if TYPE_CHECKING:
    from stabbench.execution.weights import RunWithWeights


@dataclass(frozen=True)
class FinishedRun:
    """A run of the plan with its record."""

    cell: Cell
    seed: int
    record: Record

    @property
    def failed(self) -> bool:
        """Whether it ended no better than the best constant prediction."""
        return self.record.status == "failed"


def check_place(config: Config, model: str | None, task: str | None, strategies: Iterable[str]) -> None:
    """UserError with the nearest name for a model, task or strategy that is not in the grid."""
    wanted = [("model", model, config.grid.models), ("task", task, config.grid.tasks)]
    wanted += [("strategy", name, config.grid.strategies) for name in strategies]
    for kind, name, known in wanted:
        if name is not None and name not in known:
            raise unknown(f"{kind} of the grid", name, known)


def runs_at(
    selection: Selection, model: str | None, task: str | None, strategies: Sequence[str] | None = None
) -> list[FinishedRun]:
    """The runs of one model and task, in the order of the plan and of seeds, or of `strategies` where given.

    Where `model` or `task` is None, those are taken that come first in the plan and have both a failed and a successful
    run; else those that come first. Diverged runs are left out: their weights are not finite numbers. So are those of
    which nobody knows whether they failed, or what their recipe was.
    """
    groups: dict[tuple[str, str], list[FinishedRun]] = {}
    for item in selection.cells:
        cell = item.cell
        if model in (None, cell.model) and task in (None, cell.task):
            groups.setdefault((cell.model, cell.task), []).extend(
                FinishedRun(cell, seed, record)
                for seed, record in item.records.items()
                if record.status not in ("diverged", UNJUDGED)
                and cell.known_recipe() is not None
                and (strategies is None or cell.strategy in strategies)
            )
    both = [runs for runs in groups.values() if len({run.failed for run in runs}) == 2]
    found = next(iter(both or groups.values()), [])
    return sorted(found, key=lambda run: strategies.index(run.cell.strategy)) if strategies else found


def left_out(selection: Selection, model: str | None, task: str | None, run: tuple[str, int] | None = None) -> str:
    """What a sentence about the runs there adds of those that `runs_at` leaves out: nothing, or how many diverged.

    With `run`, a strategy and a seed, it is about that one alone.
    """
    diverged = [
        (item.cell.strategy, seed)
        for item in selection.cells
        if model in (None, item.cell.model) and task in (None, item.cell.task)
        for seed, record in item.records.items()
        if record.status == "diverged"
    ]
    if run is not None:
        return ": it diverged and left no weights to work with" if run in diverged else ""
    return f" ({len(diverged)} diverged and left no weights to work with)" if diverged else ""


def with_weights(runs: Sequence[FinishedRun], context: ProbeContext) -> list[RunWithWeights]:
    """The runs with their weights, in the same order; those not kept are trained again."""
    from stabbench.execution.weights import runs_with_weights

    found: dict[tuple[str, int], RunWithWeights] = {}
    cells = {run.cell.name: run.cell for run in runs}
    for name, cell in cells.items():
        seeds = [run.seed for run in runs if run.cell.name == name]
        adopt_selection(dataclasses.replace(cell, seeds=tuple(seeds)), context.store, context.runs)
        context.progress("weights", len(found), len(runs))
        group = runs_with_weights(cell, seeds, context.store, context.settings, context.root)
        found |= {(name, run.seed): run for run in group}
    return [found[run.cell.name, run.seed] for run in runs]


def described(run: RunWithWeights) -> dict[str, Any]:
    """A run as probe.json names it; `same_result` is false where training it again gave another result."""
    result = run.record.result
    return {
        "model": run.cell.model,
        "task": run.cell.task,
        "strategy": run.cell.strategy,
        "seed": run.seed,
        "fingerprint": run.record.fingerprint,
        "status": run.record.status,
        "score": run.record.score,
        "metric": run.record.metric,
        "train_loss": result.train_loss.final,
        "result_digest": result.result_digest,
        "weights_result_digest": run.kept.result_digest,
        "weights_status": run.kept.status,
        "same_result": run.same_result,
    }
