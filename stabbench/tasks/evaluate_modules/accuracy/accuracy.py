"""Accuracy as an `evaluate.Metric` over scikit-learn; `evaluate` loads this file by its path."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
from sklearn.metrics import accuracy_score

_DESCRIPTION = "The share of right predictions."


class Accuracy(evaluate.Metric):  # type: ignore[misc]
    """The share of right predictions."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description="predictions, references: whole numbers, one an example",
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {"accuracy": float(accuracy_score(references, predictions))}
