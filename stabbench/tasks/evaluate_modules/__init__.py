"""The metrics as local modules of Hugging Face's `evaluate`, which load with no network, and scoring with them.

`stabbench.metrics.classification` computes the same values without that library's eight seconds of import.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd


MODULE = Path(__file__).parent / "scikit"
"""What `evaluate.load` takes beside a metric's name."""
METRICS = ("accuracy", "f1", "mcc")


def check(metric: str) -> None:
    """UserError for a metric that is not there."""
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)


def load(metric: str, *, cache: Path | None = None) -> Any:
    """The metric as an `evaluate.Metric`, kept in memory; `cache` is where `evaluate` may leave files."""
    import evaluate

    check(metric)
    return evaluate.load(str(MODULE), metric, keep_in_memory=True, cache_dir=None if cache is None else str(cache))


def rescore(predictions: pd.DataFrame, metrics: Sequence[str]) -> dict[str, float]:
    """Each metric over the columns `label` and `prediction` of a record's predictions, through `evaluate`.

    UserError where a column is missing or there is no row.
    """
    missing = [name for name in ("label", "prediction") if name not in predictions.columns]
    if missing:
        found = ", ".join(map(str, predictions.columns)) or "none"
        raise UserError(f"predictions have no column {' and '.join(missing)}; found: {found}")
    if any(predictions[name].dtype.kind == "f" for name in ("label", "prediction")):
        raise UserError(
            "these labels are numbers, and the local modules of evaluate score classes: the run's scores stand in the "
            "record.json beside it, computed by scikit-learn and SciPy"
        )
    if predictions.empty:
        raise UserError("predictions hold no row, expected one for each dev example")
    given = {"references": predictions["label"].tolist(), "predictions": predictions["prediction"].tolist()}
    with tempfile.TemporaryDirectory(prefix="stabbench-evaluate-") as cache:
        return {metric: float(load(metric, cache=Path(cache)).compute(**given)[metric]) for metric in metrics}
