"""Results of benchopt: Parquet files in a benchmark's `outputs`, as benchopt 1.5 to 1.10 write them.

A row is a point of a solver's curve; a run is a solver on a data set in one repetition, with the values of its last
point: `solver_name`, `dataset_name` (`data_name` before 1.7), `objective_name`, `idx_rep`, `base_seed`, `objective_*`.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from pandas.api import types

from stabbench.errors import Mistakes, UserError
from stabbench.readers.contract import LOOKED_AT, Found, Reader, Run, Source, Value, Wanted, reading
from stabbench.readers.exports import number
from stabbench.readers.runs import table_of

_TOLD = {"solver_name", "objective_name", "idx_rep"}
_VALUE = "objective_value"
"""What a solver minimises, unless a benchmark calls it otherwise."""
_DATA = ("dataset_name", "data_name")
_NO_METRICS = ("objective_name", "objective_description", "objective_full_name")


class Benchopt(Reader):
    """Results of benchopt, a file or a folder of them."""

    description = "benchopt's results, Parquet (benchopt 1.5 to 1.10)"

    def recognises(self, source: Source) -> bool:
        """A Parquet file with benchopt's columns, or a folder with one."""
        return any(_is_one(path) for path in source.files("*.parquet", "*.pq")[:LOOKED_AT])

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run each solver, data set, objective and repetition."""
        mistakes, tables = Mistakes(), []
        for path in source.files("*.parquet", "*.pq"):
            if _is_one(path):
                with reading(path, mistakes):
                    tables.append(_table(path))
        mistakes.tell()
        whole = pd.concat(tables, ignore_index=True)
        return table_of(_runs(whole, source.text), source.text, wanted, lower=[_VALUE])


def _is_one(path: Path) -> bool:
    try:
        return set(pyarrow.parquet.read_schema(path).names) >= _TOLD
    except (OSError, pa.ArrowException):
        return False


def _table(path: Path) -> pd.DataFrame:
    try:
        found = pyarrow.parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: not readable as Parquet: {error}") from error
    plain = [field.name for field in found.schema if not pa.types.is_large_binary(field.type)]  # arrays, some pickled
    table: pd.DataFrame = found.select(plain).to_pandas()
    data = next((name for name in _DATA if name in table), None)
    if data is None:
        raise UserError(f"{path}: no column dataset_name beside solver_name, expected benchopt's results")
    return table.rename(columns={data: "dataset_name"}).assign(file=str(path))


def _runs(table: pd.DataFrame, source: str) -> list[Run]:
    metrics = [
        name
        for name in table
        if str(name).startswith("objective_") and name not in _NO_METRICS and types.is_numeric_dtype(table[name])
    ]
    if not metrics:
        raise UserError(f"{source}: no column objective_… holds numbers, expected such as {_VALUE}")
    several = table["objective_name"].nunique() > 1
    keys = ["dataset_name", "objective_name", "solver_name", "idx_rep"]
    seeds = table["idx_rep"].astype("int64")
    if "base_seed" in table and table["base_seed"].nunique() > 1:
        keys.append("base_seed")
        pairs = table[["base_seed", "idx_rep"]].drop_duplicates().sort_values(["base_seed", "idx_rep"])
        numbers = {pair: place for place, pair in enumerate(pairs.itertuples(index=False, name=None))}
        seeds = pd.Series(
            [numbers[pair] for pair in table[["base_seed", "idx_rep"]].itertuples(index=False, name=None)]
        )
    last = table.assign(seed=seeds.to_numpy()).groupby(keys, sort=False, dropna=False).tail(1)
    runs = []
    for row in last.to_dict("records"):
        task = f"{row['dataset_name']} / {row['objective_name']}" if several else str(row["dataset_name"])
        own: dict[str, Value] = {"strategy": str(row["solver_name"]), "task": task, "seed": int(row["seed"])}
        parameters: dict[str, Value] = {
            str(name): value
            for name, value in row.items()
            if str(name).startswith(("p_solver_", "p_dataset_", "p_obj_"))
            and isinstance(value, (str, int, float, bool))
        }
        where = f"{row['file']}: {row['solver_name']} on {task}, repetition {row['idx_rep']}"
        scores = {_named(str(name)): number(row[name]) for name in metrics}
        runs.append(Run(where, scores, {**parameters, **own}, headline=_VALUE))
    return runs


def _named(column: str) -> str:
    """`objective_test_accuracy` is the metric `test_accuracy`; `objective_value` has no other name."""
    return column if column == _VALUE else column.removeprefix("objective_")
