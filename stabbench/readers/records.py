"""Folders of stabbench's own records, `runs/<model>/<task>/<strategy>/seed-…`, whoever trained them."""

from __future__ import annotations

from collections.abc import Mapping

from stabbench.analysis.frame import REPORTED, reported_of
from stabbench.analysis.predictions import checked
from stabbench.analysis.reported import LAST_STEP, when_scored
from stabbench.readers.contract import Found, Reader, Run, Source, Value, Wanted
from stabbench.readers.runs import table_of
from stabbench.records import Record, SelectedCell, Selection

_PREDICTIONS = "predictions.parquet"


class Records(Reader):
    """The `runs/` folder of a project, or of runs that `stabbench.record` and StabilityCallback recorded."""

    description = "stabbench's own records: a runs/ folder of record schema 1"

    def recognises(self, source: Source) -> bool:
        """A folder with cells."""
        return source.is_folder and any(source.path.glob("*/*/*/cell.json"))

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run a record; errors did not finish."""
        cells = Selection.read(source.path).cells
        selects = when_scored(reported_of(item.cell) for item in cells) != LAST_STEP
        runs = [run for cell in cells for run in _runs(cell, {REPORTED: reported_of(cell.cell)} if selects else {})]
        return table_of(runs, source.text, wanted)


def _runs(selected: SelectedCell, more: Mapping[str, Value]) -> list[Run]:
    cell = selected.cell
    names: dict[str, Value] = {"model": cell.model, "task": cell.task, "strategy": cell.strategy, **more}
    found = [_run(record, {**names, "seed": seed}) for seed, record in selected.records.items()]
    where = f"{cell.name}, seed "
    return found + [Run(f"{where}{seed}", {}, {**names, "seed": seed}, finished=False) for seed in selected.errors]


def _run(record: Record, names: dict[str, Value]) -> Run:
    result = record.result
    facts = {**names, "status": record.status, "majority": result.constant.get(record.metric)}
    items = checked(record.predictions(), str(record.folder)) if _PREDICTIONS in record.files else None
    return Run(str(record.folder), dict(result.final.scores), facts, headline=record.metric, items=items)
