"""What was found with real models, read from committed files alone: a model, its cells, and their tables.

A folder of `reports/evidence/` with a `model.yaml` is a model. A cell of it is one model on one task in one report, a
folder that `stabbench report` wrote; beside the report's own tables it may have `layer-norms.csv` and `cost.csv`, which
`python -m benchmarks.evidence gather` makes of records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.analysis.frame import MISSING
from stabbench.config.loading import read_yaml
from stabbench.errors import UserError, unknown
from stabbench.files import read_json

ABOUT = "model.yaml"
SCORES, STABILITY, PAIRS = "tables/scores.csv", "tables/stability.csv", "tables/pairwise.csv"
LAYER_NORMS, COST = "layer-norms.csv", "cost.csv"
_WORDS = ("title", "about", "commands", "times", "not_run")
_KEYS = (*_WORDS, "packages", "cells")
_CELL_KEYS = ("name", "report", "model", "task", "also", "again", "pooled")


@dataclass(frozen=True)
class Side:
    """One of two strategies that are compared."""

    strategy: str
    n: int
    failed: int | None
    """How many runs failed; None where nobody knows."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two strategies of a cell, and a row of a table about them, whose ratios are those of the first to the second."""

    first: Side
    second: Side
    row: Mapping[str, Any]

    def number(self, name: str) -> float:
        """A column, NaN where it is not there or empty."""
        return number(self.row.get(name))


@dataclass(frozen=True, eq=False)
class EvidenceCell:
    """One model on one task, under several strategies."""

    name: str
    """What pages call it."""
    model: str
    task: str
    folders: Sequence[Path]
    """Its report, and others where what that lacks is measured."""
    again: Path | None = None
    """The report of runs of it that were trained once more on another kind of CPU."""
    pooled: bool = True
    """Whether it counts in what is said over all cells."""

    @property
    def report(self) -> Path:
        """The report that the cell's table is from."""
        return self.folders[0]

    def rows(self, path: str, report: Path | None = None) -> pd.DataFrame:
        """The rows of a table of its report, or another, that are about this cell; none where there is no such table.

        Runs that were planned and not made are none of its rows.
        """
        table = read((report or self.report) / path)
        if not {"model", "task"} <= set(table):
            return table.iloc[:0]
        found = table[(table["model"] == self.model) & (table["task"] == self.task)]
        return found[found["status"] != MISSING] if "status" in found else found

    def side(self, strategy: str) -> Side | None:
        """A strategy's runs; None where there are none."""
        rows = self.rows(STABILITY)
        found = rows[rows["strategy"] == strategy].to_dict("records") if len(rows) else []
        return _side(strategy, found[0]["n"], found[0]["failed"]) if found else None

    def pair(self, first: str, second: str, path: str = PAIRS) -> Pair | None:
        """Two strategies as a table of pairs has them, in this order; None where it has not both."""
        rows = self.rows(path)
        for a, b in ((first, second), (second, first)):
            found = rows[(rows["strategy_a"] == a) & (rows["strategy_b"] == b)] if len(rows) else rows
            if len(found):
                row: dict[str, Any] = {str(key): value for key, value in found.iloc[0].to_dict().items()}
                row = row if a == first else _turned(row)
                one, other = (
                    _side(name, row[f"n_{x}"], row.get(f"failed_{x}")) for name, x in ((first, "a"), (second, "b"))
                )
                return Pair(one, other, row)
        return None

    def probe(self, table: str) -> tuple[pd.DataFrame, Mapping[str, Any]] | None:
        """A probe's table of this name with its facts, if one was measured on this task."""
        for folder in self.folders:
            for path in sorted(folder.glob(f"studies/*/{table}")):
                facts = read_json(path.with_name("facts.json"))
                if facts.get("task") == self.task:
                    return read(path), facts
        return None

    def layer_norms(self) -> pd.DataFrame:
        """A row a run and layer: its median gradient norm over the second half of training."""
        return self.rows(LAYER_NORMS)


@dataclass(frozen=True, eq=False)
class Model:
    """A model with all that was found with it."""

    folder: Path
    title: str
    cells: Sequence[EvidenceCell]
    about: str = ""
    commands: str = ""
    times: str = ""
    not_run: str = ""
    packages: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    """Package, version, file and SHA-256 of what the weights and data are from."""

    @cached_property
    def reports(self) -> list[Path]:
        """The reports of its cells, each once."""
        return list(dict.fromkeys(cell.report for cell in self.cells))


def models(root: Path) -> list[Model]:
    """The models below `root` in the order of their folders; UserError where a model.yaml is not as it should be."""
    return [_model(path) for path in sorted(root.glob(f"*/{ABOUT}"))]


def _model(path: Path) -> Model:
    said = read_yaml(path)
    for key in said:
        if key not in _KEYS:
            raise unknown(f"key of {path}", str(key), _KEYS)
    if not said.get("title"):
        raise UserError(f"{path} has no title: say what the model is called")
    cells = [_cell(entry, path) for entry in said.get("cells") or []] or _cells_of(path.parent)
    if not cells:
        raise UserError(f"{path.parent} has no {STABILITY}, and {path.name} names no cells: run `stabbench report`")
    words = {key: str(said.get(key) or "").strip() for key in _WORDS}
    return Model(path.parent, cells=cells, packages=tuple(said.get("packages") or ()), **words)


def _cell(entry: Mapping[str, Any], path: Path) -> EvidenceCell:
    for key in entry:
        if key not in _CELL_KEYS:
            raise unknown(f"key of a cell in {path}", str(key), _CELL_KEYS)
    lacking = [key for key in ("model", "task") if not entry.get(key)]
    if lacking:
        raise UserError(f"a cell in {path} has no {' and no '.join(lacking)}")
    folders = [
        path.parent / str(entry.get("report") or "."),
        *(path.parent / place for place in entry.get("also") or []),
    ]
    found = EvidenceCell(
        str(entry.get("name") or entry["task"]),
        str(entry["model"]),
        str(entry["task"]),
        [folder.resolve() for folder in folders],
        (path.parent / str(entry["again"])).resolve() if entry.get("again") else None,
        bool(entry.get("pooled", True)),
    )
    if not len(found.rows(STABILITY)):
        raise UserError(f"{path}: no row of {folders[0] / STABILITY} is about {found.model} on {found.task}")
    return found


def _cells_of(folder: Path) -> list[EvidenceCell]:
    """The cells of the report in the model's own folder."""
    table = read(folder / STABILITY)
    places = table[["model", "task"]].drop_duplicates().itertuples(index=False) if len(table) else []
    several = len(table) and table["model"].nunique() > 1
    return [
        EvidenceCell(f"{task} ({model})" if several else str(task), str(model), str(task), [folder.resolve()])
        for model, task in places
    ]


def read(path: Path) -> pd.DataFrame:
    """A CSV file; an empty frame where there is none."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""]) if path.is_file() else pd.DataFrame()


def number(value: object) -> float:
    """A cell of a table as a number, NaN where it holds none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _side(strategy: str, n: object, failed: object) -> Side:
    count = number(failed)
    return Side(strategy, int(number(n)), None if math.isnan(count) else int(count))


def _turned(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same pair seen from the other side; p-values are those of two sides."""
    turned = {
        f"{name[:-2]}{'_b' if name.endswith('_a') else '_a'}": row[name] for name in row if name[-2:] in ("_a", "_b")
    }
    low, high = number(row.get("std_ratio_low")), number(row.get("std_ratio_high"))
    ratios = {"std_ratio": number(row.get("std_ratio")), "std_ratio_low": high, "std_ratio_high": low}
    return {**row, **turned, **{name: 1 / value if value else math.nan for name, value in ratios.items()}}
