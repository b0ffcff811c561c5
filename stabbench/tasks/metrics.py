"""Accuracy, F1 and Matthews' correlation from a confusion matrix, and what constant classifiers score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stabbench.errors import unknown

METRICS: tuple[str, ...] = ("accuracy", "f1", "mcc")


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


def accuracy(matrix: NDArray[np.int64]) -> float:
    """The share of right predictions."""
    return float(np.trace(matrix) / matrix.sum())


def f1(matrix: NDArray[np.int64]) -> float:
    """The harmonic mean of precision and recall of label 1; 0 where label 1 is never right."""
    if len(matrix) < 2:
        return 0.0
    marked = int(matrix[1].sum() + matrix[:, 1].sum())
    return 2.0 * int(matrix[1, 1]) / marked if marked else 0.0


def mcc(matrix: NDArray[np.int64]) -> float:
    """Matthews' correlation (its form for any number of labels); 0 where labels or predictions are all one."""
    counts = matrix.astype(np.float64)
    true, predicted, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    covariance = np.trace(counts) * total - true @ predicted
    spread = (total**2 - true @ true) * (total**2 - predicted @ predicted)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


_FUNCTIONS = {"accuracy": accuracy, "f1": f1, "mcc": mcc}


def score(metric: str, labels: ArrayLike, predictions: ArrayLike) -> float:
    """A metric's value, a fraction; equal to scikit-learn's (`zero_division=0`).

    UserError for an unknown metric, ValueError for rows that do not fit each other.
    """
    if metric not in _FUNCTIONS:
        raise unknown("metric", metric, METRICS)
    return _FUNCTIONS[metric](confusion_matrix(labels, predictions))


@dataclass(frozen=True)
class Constant:
    """A classifier that always says `label`, and its score in a metric."""

    label: int
    score: float


def best_constants(labels: ArrayLike, metrics: Sequence[str]) -> dict[str, Constant]:
    """For each metric the constant classifier that scores highest on these labels: a run that scores no more failed.

    Each metric has its own: accuracy the most frequent label, F1 label 1 however rare it is, MCC any (all score 0). Of
    equals it is the most frequent label, of equally frequent ones the smallest.
    """
    true = np.asarray(labels)
    values, counts = np.unique(true, return_counts=True)
    by_frequency = [int(label) for label in values[np.argsort(-counts, kind="stable")]]
    always = {label: np.full(true.shape, label, dtype=np.int64) for label in by_frequency}
    found = {}
    for metric in metrics:
        scores = {label: score(metric, true, predictions) for label, predictions in always.items()}
        label = max(by_frequency, key=scores.__getitem__)
        found[metric] = Constant(label, scores[label])
    return found
