"""Records as one table, a row for every planned run; all statistics start here."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.place import Place
from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.records import Record, SelectedCell, Selection
from stabbench.records.content import UNJUDGED

CELL = ["model", "task", "strategy"]
MISSING = "missing"
LISTED = 10
"""Incomplete cells that a message names."""
FAILED = ("failed", "diverged")
"""The statuses of runs that failed."""
COLUMNS: dict[str, str] = {
    "model": "str",
    "task": "str",
    "strategy": "str",
    "seed": "int64",
    "status": "str",
    "metric": "str",
    "score": "float64",
    "best_score": "float64",
    "best_step": "Int64",
    "accuracy": "float64",
    "dev_loss": "float64",
    "majority": "float64",
    "failed": "bool",
    "diverged": "bool",
    "accuracy_at_most_majority": "bool",
    "collapsed": "bool",
    "train_loss_last_epoch": "float64",
    "train_loss_final": "float64",
    "label_entropy": "float64",
    "steps": "Int64",
    "tokens": "Int64",
    "flops": "float64",
    "fingerprint": "str",
    "result_digest": "str",
}
"""Columns of the frame and their types; scores as records hold them, losses in nats or squared errors.

A column of truths is of the type `boolean`, with NA, where one of them is not known.
"""
REPORTED = "reported"
SELECTION = {REPORTED: "str", "last_score": "float64"}
"""Columns that a frame has where a cell reports other weights than its last ones: which, in words, empty where nobody
knows; and what the last evaluation scored."""


def frame(selection: Selection) -> pd.DataFrame:
    """One row a planned run, in the order of cells and seeds, with the columns of `COLUMNS`, and perhaps `SELECTION`.

    `score` is the headline metric at the last step, or of what else the recipe reports (a diverged run's: the best
    constant prediction's), `best_score` the best of its evaluations. A run without a finished record has the status
    `missing` and no numbers.

    What nobody knows is NaN or NA: `majority`, and with it the `score` of a diverged run and whether another one
    `failed`; whatever else a record of other people's training code lacks.
    """
    rows = [_row(cell, seed) for cell in selection.cells for seed in cell.cell.seeds]
    selects = any((recipe := cell.cell.known_recipe()) is not None and recipe.selects for cell in selection.cells)
    columns = {**COLUMNS, **(SELECTION if selects else {})}
    table = pd.DataFrame(rows, columns=list(columns))
    unknown = {name: "boolean" for name, kind in columns.items() if kind == "bool" and table[name].isna().any()}
    return table.astype({**columns, **unknown})


def reported_of(cell: Cell) -> str:
    """Which weights a cell's runs report, in words; empty where nobody knows."""
    recipe = cell.known_recipe()
    return "" if recipe is None else recipe.reported


def _row(selected: SelectedCell, seed: int) -> dict[str, Any]:
    cell = selected.cell
    record = selected.records.get(seed)
    row: dict[str, Any] = {
        **Place.of(cell)._asdict(),
        "seed": seed,
        "status": MISSING,
        "metric": cell.task_facts.metric,
        "majority": cell.task_facts.constant.scores.get(cell.task_facts.metric, math.nan),
        "failed": False,
        "diverged": False,
        "accuracy_at_most_majority": False,
        "collapsed": False,
        "fingerprint": cell.fingerprint(seed) if record is None else record.fingerprint,
        "result_digest": "",
        REPORTED: reported_of(cell),
    }
    return row if record is None else {**row, **_result(record, cell)}


def _result(record: Record, cell: Cell) -> dict[str, Any]:
    result, metric = record.result, record.metric
    at_most = result.flags.accuracy_at_most_majority
    if at_most is None and "accuracy" not in cell.task_facts.metrics:
        at_most = False
    return {
        "status": record.status,
        "metric": metric,
        "score": record.score,
        "best_score": result.best.scores.get(metric, math.nan),
        "best_step": result.best.step if result.total_steps else None,
        "accuracy": result.final.scores.get("accuracy", math.nan),
        "dev_loss": result.final.dev_loss,
        "majority": result.constant.get(metric, math.nan),
        "failed": pd.NA if record.status == UNJUDGED else record.status in FAILED,
        "diverged": record.status == "diverged",
        "accuracy_at_most_majority": known(at_most),
        "collapsed": known(result.flags.collapsed),
        "train_loss_last_epoch": result.train_loss.last_epoch,
        "train_loss_final": result.train_loss.final,
        "label_entropy": result.train_loss.label_entropy,
        "steps": result.cost.steps or None,
        "tokens": result.cost.tokens,
        "flops": result.cost.flops,
        "result_digest": result.result_digest,
        "last_score": (result.last or result.final).scores.get(metric, math.nan),
    }


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows whose run has a finished record."""
    return runs[runs["status"] != MISSING]


def known(flag: bool | None) -> bool | NAType:
    """A truth, NA where it is not known."""
    return pd.NA if flag is None else flag


def how_many(flags: pd.Series) -> int | NAType:
    """How many of these are true; NA where one of them is not known."""
    return pd.NA if flags.isna().any() else int(flags.sum())


def check_complete(selection: Selection) -> None:
    """UserError naming the first cells with missing runs and the command that trains them."""
    incomplete = [cell for cell in selection.cells if cell.missing]
    if not incomplete:
        return
    lines = [f"{len(incomplete)} of {len(selection.cells)} cells have runs without a finished record:"]
    for selected in incomplete[:LISTED]:
        cell, seeds = selected.cell, selected.missing
        noun = "seed" if len(seeds) == 1 else "seeds"
        lines.append(f"  {cell.name}: {len(seeds)} of {len(cell.seeds)} missing ({noun} {seed_list(seeds)})")
        lines.append(f"    {_command(cell, seeds)}")
    if len(incomplete) > LISTED:
        lines.append(f"  and {len(incomplete) - LISTED} cells more: `stabbench train --all` trains them all")
    lines.append("Train them, or make the report with --incomplete to show n as it is.")
    raise UserError("\n".join(lines))


def _command(cell: Cell, seeds: Sequence[int]) -> str:
    arguments = ["--model", cell.model, "--task", cell.task, "--strategy", cell.strategy, "--seeds", seed_list(seeds)]
    return shlex.join(["stabbench", "train", *arguments])


def seed_list(seeds: Sequence[int]) -> str:
    """Seeds in the form the command line reads: `1-3,7`."""
    places = groupby(enumerate(sorted(set(seeds))), key=lambda item: item[1] - item[0])  # equal in a row of neighbours
    rows = [[seed for _, seed in row] for _, row in places]
    return ",".join(str(row[0]) if len(row) == 1 else f"{row[0]}-{row[-1]}" for row in rows)


def ordered(values: pd.Series) -> list[str]:
    """The distinct names of a column, in the order in which they first appear."""
    return [str(value) for value in values.unique()]


def scores_by_cell(runs: pd.DataFrame) -> dict[tuple[str, str, str], npt.NDArray[np.float64]]:
    """The scores `(n,)` of the finished runs of each cell that has any, in the frame's order."""
    done = finished(runs)
    groups = done.groupby(CELL, sort=False, observed=True)
    sizes = groups.size()
    scores = done["score"].to_numpy(dtype=np.float64)[np.argsort(groups.ngroup().to_numpy(), kind="stable")]
    parts = np.split(scores, np.cumsum(sizes.to_numpy())[:-1]) if len(sizes) else []
    return {(str(key[0]), str(key[1]), str(key[2])): part for key, part in zip(sizes.index, parts, strict=True)}
