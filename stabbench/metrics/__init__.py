"""Metrics: what is known of each by its name, and how those that runs are scored by are computed."""

from __future__ import annotations

from inspect import isfunction

from stabbench.errors import UserError
from stabbench.metrics.contract import Metric, MetricKind
from stabbench.plugins import Registry, checked_class


def check_metric(found: object, label: str) -> type[Metric]:
    """The class itself, if it keeps to the contract of metrics; UserError otherwise."""
    if isfunction(found):
        raise UserError(f"{label} is a plain function: write `@stabbench.metric(higher_is_better=…)` above it")
    return checked_class(found, Metric, label, objective=str, kind=MetricKind, words=str)  # type: ignore[type-abstract]


METRICS = Registry("metric", "stabbench.metrics", check_metric)


def find(name: str) -> Metric:
    """The metric of that name; UserError where there is none."""
    metric: Metric = METRICS.shared(name)
    return metric
