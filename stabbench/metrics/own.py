"""A metric of a user's own: a function of labels and predictions, under a decorator that says what is to be known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from stabbench.metrics.contract import Metric, MetricKind

Function = Callable[[Any, Any], float]


def metric(
    *,
    higher_is_better: bool,
    lowest: float = -math.inf,
    highest: float = math.inf,
    trivial: float | None = None,
    objective: str = "classification",
    takes: Literal["predictions", "probabilities"] = "predictions",
    words: str = "",
) -> Callable[[Function], type[Metric]]:
    """Make a metric of a function of labels `(n,)` and predictions `(n,)` (or probabilities `(n, C)`).

    Args:
        higher_is_better: whether the higher score is the better one; of errors and losses the lower is.
        lowest: the smallest score that there can be.
        highest: the largest one; scores with finite bounds are shares or correlations, which tables print × 100.
        trivial: what a constant prediction scores by definition; None where that hangs on the data. It stands for a
            score that is not a finite number.
        objective: whose labels it scores, such as `regression`.
        takes: what it scores.
        words: what tables call it; by default the function's name.

    A task names it as `./metrics.py:my_metric`.
    """
    kind_of_it = MetricKind(not higher_is_better, lowest, highest, trivial)

    def made(function: Function) -> type[Metric]:
        def score(self: Metric, labels: Any, predictions: Any) -> float:
            value = float(function(labels, predictions))
            if math.isfinite(value):
                return value
            if trivial is None:
                raise ValueError(f"{function.__name__} is {value}: say what a constant scores with trivial=…")
            return trivial

        members = {
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "objective": objective,
            "takes": takes,
            "kind": kind_of_it,
            "words": words or function.__name__.replace("_", " "),
            "score": score,
        }
        return type(function.__name__, (Metric,), members)

    return made
