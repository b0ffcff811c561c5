"""Matthews' correlation as an `evaluate.Metric` over scikit-learn; `evaluate` loads this file by its path."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
from sklearn.metrics import matthews_corrcoef

_DESCRIPTION = "Matthews' correlation coefficient."


class MatthewsCorrelation(evaluate.Metric):  # type: ignore[misc]
    """Matthews' correlation coefficient."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description="predictions, references: whole numbers, one an example",
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {"mcc": float(matthews_corrcoef(references, predictions))}
