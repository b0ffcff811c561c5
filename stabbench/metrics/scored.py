"""Metrics that scikit-learn and SciPy compute; both are imported when a score is asked for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stabbench.metrics.contract import Metric, MetricKind

Floats = NDArray[np.float64]


def _quietly(score: Callable[..., float], *values: ArrayLike, **options: object) -> float:
    """A score without warnings of classes that nobody predicted, or of constants; NaN where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(score(*values, **options))


class BalancedAccuracy(Metric):
    """The mean recall of the classes that the labels have."""

    kind = MetricKind()
    words = "balanced accuracy"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of classes, shape `(n,)` both."""
        from sklearn.metrics import balanced_accuracy_score

        return _quietly(balanced_accuracy_score, labels, predictions)


class MacroF1(Metric):
    """The mean F1 of the classes; 0 for one that is never right."""

    kind = MetricKind()
    words = "macro F1"
    average = "macro"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of classes, shape `(n,)` both."""
        from sklearn.metrics import f1_score

        return _quietly(f1_score, labels, predictions, average=self.average, zero_division=0)


class WeightedF1(MacroF1):
    """The mean F1 of the classes, weighted by how many labels each has."""

    words = "weighted F1"
    average = "weighted"


class Auroc(Metric):
    """The area under the ROC curve: of class 1 against class 0; of more, the mean of each class against the rest."""

    takes = "probabilities"
    kind = MetricKind(trivial=0.5)
    words = "AUROC"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of classes `(n,)` and probabilities `(n, C)`; classes that the labels lack, or alone have, are left out."""
        from sklearn.metrics import roc_auc_score

        return _mean_over_classes(roc_auc_score, labels, predictions)


class AveragePrecision(Metric):
    """The area under precision over recall, in steps: of class 1; of more than two classes, the mean of all."""

    takes = "probabilities"
    kind = MetricKind()
    words = "average precision"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of classes `(n,)` and probabilities `(n, C)`; classes that the labels lack, or alone have, are left out."""
        from sklearn.metrics import average_precision_score

        return _mean_over_classes(average_precision_score, labels, predictions)


def _mean_over_classes(score: Callable[..., float], labels: ArrayLike, probabilities: ArrayLike) -> float:
    true, shares = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    classes = [1] if shares.shape[1] == 2 else range(shares.shape[1])
    found = [
        _quietly(score, true == number, shares[:, number]) for number in classes if 0 < (true == number).mean() < 1
    ]
    if not found:
        raise ValueError("labels of one class only have no area under a curve")
    return float(np.mean(found))


class LogLoss(Metric):
    """The mean of -log of the label's probability, in nats."""

    takes = "probabilities"
    kind = MetricKind(lower=True, lowest=0.0, highest=math.inf)
    words = "log loss"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of classes `(n,)` and probabilities `(n, C)`."""
        from sklearn.metrics import log_loss

        shares = np.asarray(predictions, dtype=np.float64)
        return _quietly(log_loss, labels, shares, labels=np.arange(shares.shape[1]))


class _OfNumbers(Metric):
    """A metric of regression."""

    objective = "regression"


class Pearson(_OfNumbers):
    """Pearson's correlation; 0 where the predictions are all one."""

    kind = MetricKind(trivial=0.0)
    words = "Pearson's r"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of numbers, shape `(n,)` both."""
        from scipy.stats import pearsonr

        return _correlation(pearsonr, labels, predictions)


class Spearman(_OfNumbers):
    """Spearman's rank correlation; 0 where the predictions are all one."""

    kind = MetricKind(trivial=0.0)
    words = "Spearman's ρ"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of numbers, shape `(n,)` both."""
        from scipy.stats import spearmanr

        return _correlation(spearmanr, labels, predictions)


class PearsonSpearman(_OfNumbers):
    """The mean of both correlations, as GLUE ranks STS-B by (Wang et al., 2019)."""

    kind = MetricKind(trivial=0.0)
    words = "mean of Pearson's r and Spearman's ρ"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of numbers, shape `(n,)` both."""
        return (Pearson().score(labels, predictions) + Spearman().score(labels, predictions)) / 2


def _correlation(of: Callable[..., tuple[float, float]], labels: ArrayLike, predictions: ArrayLike) -> float:
    found = np.asarray(predictions, dtype=np.float64)
    if np.ptp(found) == 0:  # SciPy calls it undefined, and so does a sum whose rounding leaves a trace
        return 0.0
    value = _quietly(lambda: of(np.asarray(labels, dtype=np.float64), found)[0])
    return value if math.isfinite(value) else 0.0


class R2(_OfNumbers):
    """The share of the labels' variance that is explained; below 0 where the labels' mean does better."""

    kind = MetricKind(lowest=-math.inf, trivial=0.0)
    words = "R²"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of numbers, shape `(n,)` both."""
        from sklearn.metrics import r2_score

        return _quietly(r2_score, labels, predictions)


class RootMeanSquaredError(_OfNumbers):
    """The root of the mean squared error, in the unit of the labels."""

    kind = MetricKind(lower=True, lowest=0.0, highest=math.inf)
    words = "RMSE"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of numbers, shape `(n,)` both."""
        from sklearn.metrics import mean_squared_error

        return math.sqrt(_quietly(mean_squared_error, labels, predictions))


class MeanAbsoluteError(_OfNumbers):
    """The mean absolute error, in the unit of the labels."""

    kind = MetricKind(lower=True, lowest=0.0, highest=math.inf)
    words = "MAE"

    def score(self, labels: ArrayLike, predictions: ArrayLike) -> float:
        """Of numbers, shape `(n,)` both."""
        from sklearn.metrics import mean_absolute_error

        return _quietly(mean_absolute_error, labels, predictions)
