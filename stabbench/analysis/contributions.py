"""What each dev example contributes to the scores of runs: whether it is right, or its jackknife pseudo-value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stabbench import metrics
from stabbench.analysis.example_stability import Correctness, Outcomes
from stabbench.metrics.contract import Metric
from stabbench.metrics.kinds import metric_kind, plain_name

GROUPS = 50
"""Groups of examples that are left out together where a metric must be computed anew for each of them."""
_PAIRS = 100
"""Pairs of a label and a prediction that are left out one after the other, at most."""
_ROUNDED = 0.0051
"""By how much a share that was rounded to two digits may be off."""

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Contributions:
    """The scores of a cell's runs, and what single examples, or groups of them, have to do with them."""

    scores: Floats
    """Shape `(runs,)`."""
    values: Floats
    """Pseudo-values, shape `(runs, units)`: their mean over units is the score, less its bias as a jackknife has it."""
    examples: int

    @property
    def units(self) -> int:
        """Examples, or groups of them that were left out together."""
        return int(self.values.shape[1])

    def without(self) -> Floats:
        """The scores without each unit, shape `(runs, units)`."""
        units = self.units
        return np.asarray((units * self.scores[:, None] - self.values) / (units - 1))


def of_means(values: Values) -> Contributions:
    """Of a metric that is a mean over examples: `values` are its terms, shape `(runs, examples)`."""
    terms = values.astype(np.float64)
    return Contributions(terms.mean(axis=1), terms, terms.shape[1])


def of_metric(name: str, labels: Values, answers: Sequence[Values]) -> Contributions | None:
    """Of any metric by its name; None where it is not known, or not defined without some of the examples.

    `labels` `(examples,)`; `answers`, one of each run, are what the metric takes: predictions `(examples,)` or
    probabilities `(examples, classes)`.

    By the jackknife (Quenouille, 1956; Tukey, 1958): of m(x) over U units the pseudo-value of unit i is
    U m(x) − (U − 1) m(x without i). A metric of predicted classes hangs on how often each pair of a label and a
    prediction occurs, so that one example of each pair is left out; else examples are left out in `GROUPS` groups of
    nearly one size, drawn with one fixed seed.
    """
    if name == "accuracy":
        return of_means(np.stack([answer == labels for answer in answers]))
    if not metrics.METRICS.has(name):
        return None
    metric = metrics.find(name)
    try:
        found = [_pseudo_values(metric, labels, answer) for answer in answers]
    except ValueError:
        return None
    scores, values = np.array([score for score, _ in found]), np.stack([each for _, each in found])
    known = np.isfinite(scores).all() and np.isfinite(values).all()
    return Contributions(scores, values, len(labels)) if known else None


def _pseudo_values(metric: Metric, labels: Values, answer: Values) -> tuple[float, Floats]:
    score, (left_out, unit) = float(metric.score(labels, answer)), _left_out(metric, labels, answer)
    without = np.array([metric.score(labels[kept], answer[kept]) for kept in (~out for out in left_out)])[unit]
    return score, score + (len(unit) - 1) * (score - without)


def _left_out(metric: Metric, labels: Values, answer: Values) -> tuple[list[npt.NDArray[np.bool_]], Values]:
    """Which examples are left out each time, and of each unit which of these times is its own."""
    examples = len(labels)
    if metric.takes == "predictions" and metric.objective == "classification":
        pairs = np.stack([labels, answer], axis=1)
        _, first, unit = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        if len(first) <= _PAIRS:
            return [np.arange(examples) == index for index in first], unit.ravel()
    count = min(GROUPS, examples)
    group = np.random.default_rng(0).permutation(examples) % count
    return [group == number for number in range(count)], np.arange(count)


def of_outcomes(
    found: Outcomes, metric: str, scores: Sequence[float], probabilities: Callable[[], Sequence[Values] | None]
) -> Contributions | None:
    """Of what a cell's runs made of its examples; None where that does not say how their `scores` came about.

    `metric` is what the runs are reported by. `probabilities` gives those of the classes, where the metric asks.
    """
    told, fraction = np.asarray(scores, dtype=np.float64), metric_kind(metric).fraction
    for made in _candidates(found, plain_name(metric), probabilities):
        if made is not None and _agree(made.scores, told, fraction=fraction):
            return made
    return None


def first_computed(found: Outcomes, metric: str) -> Contributions | None:
    """What can be computed of what runs made of examples, whether or not they report it: the metric, else accuracy."""
    return next((made for made in _candidates(found, plain_name(metric), lambda: None) if made is not None), None)


def _candidates(
    found: Outcomes, name: str, probabilities: Callable[[], Sequence[Values] | None]
) -> Iterator[Contributions | None]:
    if metrics.METRICS.has(name):
        asks = metrics.find(name).takes == "probabilities"
        answers = probabilities() if asks else found.answers()
        yield None if answers is None else of_metric(name, found.coded_labels(), answers)
    if isinstance(found, Correctness):
        yield of_means(found.correct)
        yield of_means(~found.correct)


def _agree(scores: Floats, told: Floats, *, fraction: bool) -> bool:
    """Whether scores are those that are told, but for rounding; those that are NaN do not count."""
    allowed = np.full(told.shape, _ROUNDED) if fraction else 2 * _ROUNDED * np.abs(told)
    return bool((np.abs(scores - told) <= allowed)[~np.isnan(told)].all())
