"""How much the runs of a cell agree about single examples: disagreement, Fleiss' κ, Jensen-Shannon divergence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Of runs about classes, over pairs of runs and over examples; NaN under two runs."""

    runs: int
    disagreement: float
    """Share of the examples to which two runs give different classes, on average over pairs ("churn", flips)."""
    kappa: float
    """Fleiss' κ: 1 where all agree, 0 where they agree as often as by chance; NaN where all say one class."""
    changing: float
    """Share of the examples to which not all runs give the same class."""
    divergence: float
    """Jensen-Shannon divergence of two runs' probabilities, in bits, on average; NaN where these are not known."""


def agreement(predicted: npt.NDArray[Any], probabilities: Sequence[Floats] | None = None) -> Agreement:
    """Of predicted classes `(runs, examples)` and, where known, probabilities `(examples, classes)` of each run.

    Fleiss (1971); Lin (1991) for the divergence, which is between 0 and 1 bit.
    """
    runs, examples = predicted.shape
    if runs < 2:
        return Agreement(runs, math.nan, math.nan, math.nan, math.nan)
    classes, codes = np.unique(predicted, return_inverse=True)
    rows = np.tile(np.arange(examples), runs)
    counts = np.bincount(rows * len(classes) + codes.ravel(), minlength=examples * len(classes))
    counts = counts.reshape(examples, len(classes)).astype(np.float64)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (runs * (runs - 1))
    observed, by_chance = float(agreeing.mean()), float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return Agreement(
        runs,
        1 - observed,
        (observed - by_chance) / (1 - by_chance) if len(classes) > 1 else math.nan,
        float((counts.max(axis=1) < runs).mean()),
        math.nan if probabilities is None else _divergence(np.stack(probabilities)),
    )


def _divergence(probabilities: Floats) -> float:
    """The mean over pairs of runs and over examples, of `(runs, examples, classes)`."""
    runs, own = len(probabilities), special.entr(probabilities).sum(axis=2)
    total = 0.0
    for first in range(runs - 1):
        middle = special.entr((probabilities[first] + probabilities[first + 1 :]) / 2).sum(axis=2)
        total += float((middle - (own[first] + own[first + 1 :]) / 2).mean(axis=1).sum())
    return max(0.0, total / (runs * (runs - 1) / 2) / math.log(2))
