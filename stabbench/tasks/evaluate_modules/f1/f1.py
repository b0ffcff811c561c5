"""F1 of label 1 as an `evaluate.Metric` over scikit-learn; `evaluate` loads this file by its path."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
from sklearn.metrics import f1_score

_DESCRIPTION = "The harmonic mean of precision and recall of label 1."


class F1(evaluate.Metric):  # type: ignore[misc]
    """The harmonic mean of precision and recall of label 1."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description="predictions, references: whole numbers, one an example",
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {"f1": float(f1_score(references, predictions, labels=[1], average="macro", zero_division=0))}
