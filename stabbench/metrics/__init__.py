"""Metrics: what is known of each by its name, and how those that runs are scored by are computed."""

from __future__ import annotations

from stabbench.errors import UserError
from stabbench.metrics.contract import Metric, MetricKind
from stabbench.plugins import Registry, checked_class


def check_metric(found: object, label: str) -> type[Metric]:
    """The class itself, if it keeps to the contract of metrics; UserError otherwise."""
    metric = checked_class(found, Metric, label)  # type: ignore[type-abstract]
    for name, kind in (("objective", str), ("kind", MetricKind), ("words", str)):
        value = getattr(metric, name, None)
        if not isinstance(value, kind):
            raise UserError(f"{label}: `{name}` is {value!r}, expected a {kind.__name__}")
    return metric


METRICS = Registry("metric", "stabbench.metrics", check_metric)


def find(name: str) -> Metric:
    """The metric of that name; UserError where there is none."""
    metric: Metric = METRICS.shared(name)
    return metric
