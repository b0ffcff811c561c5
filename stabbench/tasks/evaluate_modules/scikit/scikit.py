"""scikit-learn's metrics of classes as an `evaluate.Metric`, by configuration; `evaluate` loads this file by path."""

from __future__ import annotations

from functools import partial
from typing import Any

import datasets
import evaluate
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

_SCORES = {
    "accuracy": accuracy_score,
    "f1": partial(f1_score, labels=[1], average="macro", zero_division=0),
    "mcc": matthews_corrcoef,
}


class Scikit(evaluate.Metric):  # type: ignore[misc]
    """The metric that the configuration names."""

    def _info(self) -> evaluate.MetricInfo:
        whole = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=f"scikit-learn's {self.config_name}; F1 is that of label 1.",
            citation="",
            inputs_description="predictions, references: whole numbers, one an example",
            features=datasets.Features({"predictions": whole, "references": whole}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {self.config_name: float(_SCORES[self.config_name](references, predictions))}
