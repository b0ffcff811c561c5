"""One of several classes for each text: cross-entropy, the most probable class, and what constant classifiers score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stabbench.tasks.objectives.contract import Array, Objective, Trivial

if TYPE_CHECKING:
    from torch import Tensor

COLLAPSED_SHARE = 0.99
"""Of the predictions that are one class."""
COLLAPSED_LOSS = 0.95
"""Of the trivial loss."""


class Classification(Objective):
    """One of several classes for each text; labels are indices into their names, an output is a class's logit."""

    name = "classification"

    def outputs(self, label_names: Sequence[str]) -> int:
        """One a class."""
        return len(label_names)

    def check(self, labels: Array, label_names: Sequence[str]) -> None:
        """ValueError where a label is no index."""
        if labels.min() < 0 or labels.max() >= len(label_names):
            raise ValueError(f"a label is not an index into {list(label_names)}")

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in nats."""
        from stabbench.tasks.objectives.class_losses import cross_entropies

        return cross_entropies(outputs, labels)

    def divergences(self, outputs: Tensor, others: Tensor) -> Tensor:
        """The symmetric Kullback-Leibler divergence."""
        from stabbench.tasks.objectives.class_losses import symmetric_divergence

        return symmetric_divergence(outputs, others)

    def predictions(self, outputs: Array) -> Array:
        """The class with the largest logit."""
        return np.asarray(outputs.argmax(axis=-1))

    def trivial(self, labels: Array, metrics: Sequence[str]) -> Trivial:
        """Constant classifiers; of equals the most frequent label, of equally frequent ones the smallest.

        Accuracy has the most frequent label, F1 label 1 however rare it is, MCC any (all score 0).
        """
        true = np.asarray(labels)
        values, counts = np.unique(true, return_counts=True)
        by_frequency = [int(label) for label in values[np.argsort(-counts, kind="stable")]]
        always = {label: np.full(true.shape, label, dtype=np.int64) for label in by_frequency}
        scores: dict[str, float] = {}
        best: dict[str, int] = {}
        for metric in metrics:
            found = {label: self.score(metric, true, predictions) for label, predictions in always.items()}
            best[metric] = max(by_frequency, key=found.__getitem__)
            scores[metric] = found[best[metric]]
        return Trivial(by_frequency[0], scores, best)

    def trivial_loss(self, labels: Array) -> float:
        """Entropy of the label shares in nats."""
        shares = np.bincount(labels) / len(labels)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())

    def collapsed(self, predictions: Array, loss: float | None, trivial_loss: float) -> bool:
        """All but one in a hundred predictions are one class, or the loss is hardly below the trivial one."""
        one_class = np.bincount(predictions).max() / len(predictions) >= COLLAPSED_SHARE
        return bool(one_class or (loss is not None and loss >= COLLAPSED_LOSS * trivial_loss))

    def shares(self, labels: Array, label_names: Sequence[str]) -> list[float]:
        """The share of each class."""
        found: list[float] = (np.bincount(labels, minlength=len(label_names)) / len(labels)).tolist()
        return found
