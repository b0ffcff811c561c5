"""What claims need of records that no table of a report holds: small enough to be committed without the records."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pandas as pd

from benchmarks.evidence.data import COST, LAYER_NORMS
from stabbench.analysis.frame import FAILED
from stabbench.analysis.gradients import has_norms, second_half
from stabbench.analysis.layers import layer_norms
from stabbench.files import write_text
from stabbench.records import SelectedCell, Selection
from stabbench.report.tables import csv

DIGITS = 6


def gather(runs: Path, out: Path) -> list[Path]:
    """Write layer-norms.csv and cost.csv of a `runs/` folder into `out`, and return their paths.

    `layer-norms.csv`: of each run and layer the median gradient norm over the second half of training (before clipping,
    as figure 4 has it). `cost.csv`: of each cell the median seconds of a run, the machine, and the hashes of what the
    model and the data are. UserError where there are no records.
    """
    cells = Selection.read(runs).cells
    tables = {
        LAYER_NORMS: pd.concat([_norms(cell) for cell in cells], ignore_index=True),
        COST: pd.DataFrame([_cost(cell) for cell in cells if cell.records]),
    }
    for name, table in tables.items():
        write_text(out / name, csv(table, DIGITS))
    return [out / name for name in tables]


def _norms(selected: SelectedCell) -> pd.DataFrame:
    cell = selected.cell
    rows = [
        (cell.model, cell.task, cell.strategy, seed, record.status in FAILED, layer, norm)
        for seed, record in sorted(selected.records.items())
        if has_norms(record)
        for layer, norm in second_half(layer_norms(record.gradnorms(), cell.tensors), record.result.total_steps).items()
    ]
    return pd.DataFrame(rows, columns=["model", "task", "strategy", "seed", "failed", "layer", "norm"])


def _cost(selected: SelectedCell) -> dict[str, object]:
    cell, records = selected.cell, [record for _, record in sorted(selected.records.items())]
    made = [record.provenance() for record in records]
    spec = records[0].spec
    return {
        "model": cell.model,
        "task": cell.task,
        "strategy": cell.strategy,
        "runs": len(records),
        "updates": records[0].result.total_steps,
        "seconds": median(float(found["seconds"]["total"]) for found in made),
        "device": _all(found.get("device") for found in made),
        "threads": _all(found.get("threads") for found in made),
        "torch": _all(found.get("versions", {}).get("torch") for found in made),
        "model_content": spec["model"]["content_hash"],
        "task_content": spec["task"]["content_hash"],
    }


def _all(values: object) -> str:
    """What all records say, each once."""
    return ", ".join(dict.fromkeys(map(str, values)))  # type: ignore[call-overload]
