"""A failed run beside a successful one, and what their gradients did layer by layer (paper, Fig. 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stabbench.analysis.frame import FAILED
from stabbench.analysis.layers import layer_norms
from stabbench.analysis.scoring import objective_words
from stabbench.records import Record, SelectedCell
from stabbench.tensor_roles import OUTSIDE_LAYERS, TensorRoles


@dataclass(frozen=True)
class Run:
    """One finished run of a pair."""

    strategy: str
    seed: int
    record: Record
    tensors: TensorRoles
    """What its model's tensors are; the layer `classifier` is called as its objective has it."""


@dataclass(frozen=True)
class Pair:
    """A failed and a successful run of the same model and task."""

    model: str
    task: str
    failed: Run
    successful: Run

    @property
    def same_cell(self) -> bool:
        """Whether both runs have the same strategy."""
        return self.failed.strategy == self.successful.strategy


def failed_beside_successful(cells: Sequence[SelectedCell]) -> Pair | None:
    """The pair to show for the cells of one model and task; None where no run failed or none succeeded.

    Both runs from the first cell that has both kinds; else the first failed run and, under another strategy, the
    successful run with its seed or, failing that, the first. A collapsed run is preferred to one that merely stayed
    under the best constant prediction, and that to a diverged one; then the lowest seed. Where one of the two has no
    gradient norms, the pair is chosen among the runs that have some, if there is one.
    """
    pair = _chosen(cells, lambda record: True)
    if pair is None or all(has_norms(run.record) for run in (pair.failed, pair.successful)):
        return pair
    return _chosen(cells, has_norms) or pair


def has_norms(record: Record) -> bool:
    """Whether a run measured the gradients of single tensors."""
    return record.rows("gradnorms.parquet") > 0


def _chosen(cells: Sequence[SelectedCell], fit: Callable[[Record], bool]) -> Pair | None:
    failed = [(cell, _first_failed(cell, fit)) for cell in cells]
    successful = [(cell, _successful(cell, fit)) for cell in cells]
    for (cell, bad), (_, good) in zip(failed, successful, strict=True):
        if bad is not None and good:
            return _pair(cell, bad, good[0])
    for cell, bad in failed:
        if bad is not None:
            rivals = [run for _, runs in successful for run in runs]
            same_seed = [run for run in rivals if run.seed == bad.seed]
            return _pair(cell, bad, (same_seed or rivals)[0]) if rivals else None
    return None


def _pair(cell: SelectedCell, failed: Run, successful: Run) -> Pair:
    return Pair(cell.cell.model, cell.cell.task, failed, successful)


def _successful(selected: SelectedCell, fit: Callable[[Record], bool]) -> list[Run]:
    records = sorted(selected.records.items())
    cell = selected.cell
    tensors = _tensors(selected)
    return [
        Run(cell.strategy, seed, record, tensors) for seed, record in records if record.status == "ok" and fit(record)
    ]


def _tensors(selected: SelectedCell) -> TensorRoles:
    """What the model's tensors are, the head in the words of the task's objective."""
    cell = selected.cell
    return cell.tensors.with_last(objective_words(cell.task_facts.objective).head)


def _first_failed(selected: SelectedCell, fit: Callable[[Record], bool]) -> Run | None:
    def typical(item: tuple[int, Record]) -> tuple[bool, bool, int]:
        seed, record = item
        return record.status == "diverged", not record.result.flags.collapsed, seed

    failed = [item for item in selected.records.items() if item[1].status in FAILED and fit(item[1])]
    if not failed:
        return None
    seed, record = min(failed, key=typical)
    return Run(selected.cell.strategy, seed, record, _tensors(selected))


@dataclass(frozen=True)
class LayerContrast:
    """Median gradient norm of one layer over the second half of training, in both runs of a pair."""

    layer: str
    failed: float
    successful: float

    @property
    def ratio(self) -> float:
        """Failed over successful; NaN where the successful run's is 0."""
        return self.failed / self.successful if self.successful > 0 else float("nan")


def contrast(pair: Pair) -> list[LayerContrast]:
    """Failed against successful for the layers that both runs have, lowest first, embeddings and head left out."""
    failed, successful = (
        second_half(layer_norms(run.record.gradnorms(), run.tensors), run.record.result.total_steps)
        for run in (pair.failed, pair.successful)
    )
    layers = [name for name in failed.index if name in successful.index and name not in OUTSIDE_LAYERS]
    return [LayerContrast(name, float(failed[name]), float(successful[name])) for name in layers]


def second_half(norms: pd.DataFrame, total_steps: int) -> pd.Series:
    """Median of each column over the second half of training; `norms` has a row a step."""
    late = norms[norms.index >= total_steps / 2]
    return (late if len(late) else norms.tail(1)).replace([np.inf, -np.inf], np.nan).median()
