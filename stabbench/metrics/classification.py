"""Accuracy, F1 and Matthews' correlation from a confusion matrix."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stabbench.metrics.contract import Metric, MetricKind


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike) -> NDArray[np.int64]:
    """Counts of shape [C, C], row the true label and column the prediction, C one more than the largest label.

    ValueError where the two differ in length, are empty, or hold a negative or fractional number.
    """
    true, predicted = np.asarray(labels), np.asarray(predictions)
    if true.ndim != 1 or true.shape != predicted.shape or true.size == 0:
        raise ValueError(f"labels and predictions must be equally long rows, got {true.shape} and {predicted.shape}")
    if true.dtype.kind not in "iub" or predicted.dtype.kind not in "iub":
        raise ValueError(f"labels and predictions must be whole numbers, got {true.dtype} and {predicted.dtype}")
    true, predicted = true.astype(np.int64), predicted.astype(np.int64)
    if min(true.min(), predicted.min()) < 0:
        raise ValueError("labels and predictions must not be negative")
    size = int(max(true.max(), predicted.max())) + 1
    return np.bincount(true * size + predicted, minlength=size * size).reshape(size, size).astype(np.int64)


class _OfMatrix(Metric):
    """Equal to scikit-learn's (`zero_division=0`); ValueError for rows that do not fit each other."""

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """From the confusion matrix."""
        return self.of(confusion_matrix(labels, predictions))

    @abstractmethod
    def of(self, matrix: NDArray[np.int64]) -> float:
        """The score of a confusion matrix."""


class Accuracy(_OfMatrix):
    """The share of right predictions."""

    kind = MetricKind(counted=True)
    words = "accuracy"

    def of(self, matrix: NDArray[np.int64]) -> float:
        """Right ones over all."""
        return float(np.trace(matrix) / matrix.sum())


class F1(_OfMatrix):
    """The harmonic mean of precision and recall of label 1; 0 where label 1 is never right."""

    kind = MetricKind()
    words = "F1"

    def of(self, matrix: NDArray[np.int64]) -> float:
        """Twice the right ones over all that are or were called label 1."""
        if len(matrix) < 2:
            return 0.0
        marked = int(matrix[1].sum() + matrix[:, 1].sum())
        return 2.0 * int(matrix[1, 1]) / marked if marked else 0.0


class MatthewsCorrelation(_OfMatrix):
    """Matthews' correlation (its form for any number of labels); 0 where labels or predictions are all one."""

    kind = MetricKind(trivial=0.0)
    words = "MCC"

    def of(self, matrix: NDArray[np.int64]) -> float:
        """Covariance over both standard deviations."""
        counts = matrix.astype(np.float64)
        true, predicted, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
        covariance = np.trace(counts) * total - true @ predicted
        spread = (total**2 - true @ true) * (total**2 - predicted @ predicted)
        return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0
