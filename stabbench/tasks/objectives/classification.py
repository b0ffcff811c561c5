"""One of several classes for each text: cross-entropy, the most probable class, and what constant classifiers score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stabbench.metrics.contract import Metric
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
    metrics = ("accuracy", "mcc")

    def outputs(self, label_names: Sequence[str]) -> int:
        """One a class."""
        return len(label_names)

    def check(self, labels: Array, label_names: Sequence[str]) -> None:
        """ValueError where a label is no index."""
        strange = labels[(labels < 0) | (labels >= len(label_names))]
        if len(strange):
            raise ValueError(f"the label {strange[0]} is not an index into {list(label_names)}")

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

    def probabilities(self, outputs: Array) -> Array:
        """The softmax of the logits."""
        powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))

    def trivial(self, labels: Array, metrics: Mapping[str, Metric], label_names: Sequence[str]) -> Trivial:
        """Constant classifiers; of equals the most frequent label, of equally frequent ones the smallest.

        Accuracy has the most frequent label, F1 label 1 however rare it is, MCC any (all score 0). What scores
        probabilities has the labels' shares, the best that a constant can say in it.
        """
        true = np.asarray(labels)
        values, counts = np.unique(true, return_counts=True)
        by_frequency = [int(label) for label in values[np.argsort(-counts, kind="stable")]]
        scores: dict[str, float] = {}
        best: dict[str, int] = {}
        for name, metric in metrics.items():
            if metric.takes == "probabilities":
                shares = np.array(self.shares(true, label_names))
                scores[name], best[name] = metric.score(true, np.tile(shares, (len(true), 1))), by_frequency[0]
                continue
            found = {label: metric.score(true, np.full(true.shape, label)) for label in by_frequency}
            better = min if metric.kind.lower else max
            best[name] = better(by_frequency, key=found.__getitem__)
            scores[name] = found[best[name]]
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
