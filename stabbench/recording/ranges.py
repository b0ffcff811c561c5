"""Whether scores that somebody's code gives are in the range of their metric: per cent are no fractions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from stabbench.errors import UserError
from stabbench.metrics.contract import Metric, MetricKind
from stabbench.metrics.kinds import metric_kind

_ROUNDING = 1e-6
"""How far beyond an end of its range single precision may put a score."""
PER_CENT = 100.0


def check_range(
    where: Path | str,
    scores: Mapping[str, float | None],
    headline: str | None,
    scorers: Mapping[str, Metric] | None = None,
    prefix: str = "",
) -> None:
    """UserError, with the file, what was found and what is expected, for a score out of its metric's range.

    Of a metric whose name says nothing of a range only the `headline` one is looked at, as it is printed as a fraction.
    `prefix` is what stands before the metric's name in the file.
    """
    for name, score in scores.items():
        kind = scorers[name].kind if scorers is not None and name in scorers else metric_kind(name)
        if score is None or not math.isfinite(score) or not (kind.known or name == headline):
            continue
        if not kind.lowest - _ROUNDING <= score <= kind.highest + _ROUNDING:
            raise UserError(f"{where}: {prefix}{name} is {score:g}, expected {_expected(kind, name, score)}")


def _expected(kind: MetricKind, name: str, score: float) -> str:
    if not kind.fraction:
        return f"{kind.lowest:g} or more"
    ends = f"at most {kind.highest:g}"
    if math.isfinite(kind.lowest):
        ends = f"from {kind.lowest:g} to {kind.highest:g}"
    share = score / PER_CENT
    fits = kind.lowest <= share <= kind.highest
    unit = f": {share:g} for {score:g} %" if fits else ""
    loss = "" if kind.known else f"; if it is a loss, give it a name that says so, such as {name}_loss"
    return f"a fraction, {ends}{unit}{loss}"
