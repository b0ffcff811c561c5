"""The tables that are published: a row a run, and a row a prediction."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from stabbench.files import canonical_json
from stabbench.plan import STREAMS, Cell
from stabbench.publishing.private import without_places
from stabbench.records import SelectedCell
from stabbench.report.content import Content


def runs_table(content: Content) -> pd.DataFrame:
    """A row a planned run: what the report's frame has of it, its scores by metric, and what decided its result.

    `lower_is_better` is about `score`; `final_<metric>` are all scores of the last step; `recipe_<field>`, `plugins`,
    `trainer`, `seed_<stream>` and `spec` (all of it, as JSON) are what was run. A run without a result has the status
    `missing`, and no numbers.
    """
    more = [row for item in content.selection.cells for row in _each_run(item)]
    lower = [content.scoring.kind(str(metric)).lower for metric in content.runs["metric"]]
    frame = content.runs.reset_index(drop=True).assign(lower_is_better=lower)
    return pd.concat([frame, pd.DataFrame(more)], axis=1)


def _each_run(item: SelectedCell) -> Iterator[dict[str, Any]]:
    cell = item.cell
    shared = _of_cell(cell)
    for seed in cell.seeds:
        record = item.records.get(seed)
        scores = {} if record is None else record.result.final.scores
        spec = without_places(cell.run_spec(seed))
        yield {
            **{f"final_{metric}": scores.get(metric) for metric in cell.task_facts.metrics},
            **shared,
            **{f"seed_{stream}": int(cell.run_spec(seed).seeds[stream]) for stream in STREAMS},
            "spec": canonical_json(spec),
        }


def _of_cell(cell: Cell) -> dict[str, Any]:
    spec, facts = cell.spec, cell.task_facts
    recipe = {
        f"recipe_{name}": canonical_json(value) if isinstance(value, Mapping) else value
        for name, value in spec.recipe.items()
    }
    trainer = None if spec.get("trainer") is None else canonical_json(without_places(spec["trainer"]))
    return {
        "dataset": without_places(facts.dataset),
        "train_examples": facts.counts.get("train"),
        "dev_examples": facts.counts.get("dev"),
        "architecture": spec.model.architecture,
        "model_content_hash": spec.model.content_hash,
        "task_content_hash": spec.task.content_hash,
        **{name: str(value) if name == "recipe_dropout" else value for name, value in recipe.items()},
        "plugins": canonical_json(without_places(spec["plugins"])),
        "trainer": trainer,
    }


def predictions_table(content: Content) -> pd.DataFrame | None:
    """A row a run and example of dev: `example` (its number), `label`, `prediction`; None where no run has any.

    Numbers alone: neither texts nor the names of classes.
    """
    tables = []
    for item in content.selection.cells:
        for seed, record in item.records.items():
            if "predictions.parquet" in record.files:
                names: dict[str, Any] = {
                    "model": item.cell.model,
                    "task": item.cell.task,
                    "strategy": item.cell.strategy,
                    "seed": seed,
                }
                tables.append(record.predictions()[["example", "label", "prediction"]].assign(**names))
    if not tables:
        return None
    whole = pd.concat(tables, ignore_index=True)
    return whole[["model", "task", "strategy", "seed", "example", "label", "prediction"]]


def parquet(table: pd.DataFrame, metadata: Mapping[bytes, bytes] | None = None) -> bytes:
    """A frame as Parquet: the same frame gives the same bytes; categories are written as texts."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    for index, column in enumerate(arrow.schema):
        if pa.types.is_dictionary(column.type) or pa.types.is_null(column.type):
            arrow = arrow.set_column(index, column.name, arrow.column(index).cast(pa.string()))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(arrow.replace_schema_metadata(dict(metadata or {}) or None), sink, compression="zstd")
    return sink.getvalue()
