"""A metric of a user's own: a function of labels and predictions, under a decorator that says what is to be known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

from stabbench.metrics.contract import Metric, MetricKind

Function = Callable[[Any, Any], float]
Taken = Literal["predictions", "probabilities"]


def metric(
    *,
    higher_is_better: bool,
    lowest: float = -math.inf,
    highest: float = math.inf,
    trivial: float | None = None,
    objective: str = "classification",
    takes: Taken = "predictions",
    words: str = "",
) -> Callable[[Function], type[Metric]]:
    """Make a metric of a function of labels `(n,)` and predictions `(n,)` (or probabilities `(n, C)`).

    Args:
        higher_is_better: whether the higher score is the better one; of errors and losses the lower is.
        lowest: the smallest score that there can be.
        highest: the largest one. Where it is at most 1 and the smallest at least -1 (or without end), scores are shares
            or correlations, which tables print × 100.
        trivial: what a constant prediction scores by definition; None where that hangs on the data. It stands for a
            score that is not a finite number.
        objective: whose labels it scores, such as `regression`.
        takes: what it scores.
        words: what tables call it; by default the function's name.

    A task names it as `./metrics.py:my_metric`. ValueError for arguments that do not go together; the metric raises one
    for a score out of its range, and in the place of whatever the function raises.
    """
    if not lowest < highest:
        raise ValueError(f"found lowest {lowest} and highest {highest}, expected the first to be smaller")
    if trivial is not None and not (isinstance(trivial, (int, float)) and lowest <= trivial <= highest):
        raise ValueError(f"found trivial {trivial!r}, expected a number from {lowest} to {highest}")
    if takes not in get_args(Taken):
        raise ValueError(f"found takes {takes!r}, expected {' or '.join(get_args(Taken))}")
    share = highest <= 1 and (lowest >= -1 or lowest == -math.inf)
    kind_of_it = MetricKind(not higher_is_better, lowest, highest if share else math.inf, trivial)

    def made(function: Function) -> type[Metric]:
        def score(self: Metric, labels: Any, predictions: Any) -> float:
            try:
                value = float(function(labels, predictions))
            except Exception as error:
                raise ValueError(f"the metric {function.__name__} raises {error!r}") from error
            if math.isfinite(value):
                if not lowest <= value <= highest:
                    raise ValueError(f"{function.__name__} is {value:g}, expected from {lowest:g} to {highest:g}")
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
