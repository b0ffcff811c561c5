"""What is known of a prepared task, as task.json and plan files keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stabbench.metrics.contract import Metric, MetricKind
from stabbench.typed_json import renamed


@dataclass(frozen=True)
class BestConstant:
    """The best constant classifier on the dev labels, which each metric has of its own."""

    label: float
    """The one that a diverged run counts as having predicted: the most frequent label, or the labels' mean."""
    labels: Mapping[str, float]
    """What it always says, by metric."""
    scores: Mapping[str, float]
    """What that scores, by metric; fractions."""


@dataclass(frozen=True)
class SeenInTexts:
    """What the preparation saw (`stabbench.tasks.seen`)."""

    read: Mapping[str, int]
    """Examples of the source by split, before a sample was drawn."""
    official: Mapping[str, int] | None
    """Those of the published files, where there are any."""
    differs: bool
    """Whether something is not as in the published files and was taken on request."""
    splits: Mapping[str, Mapping[str, Any]]
    dev_in_train: Mapping[str, int]
    """Dev examples whose texts are in train too (`examples`), and those with another label there (`other_label`)."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class OwnMetric:
    """What is to be known of a metric that lies in a file, as `MetricKind` has it; no bound is None."""

    words: str
    lower: bool
    lowest: float | None
    highest: float | None
    trivial: float | None
    counted: bool

    @classmethod
    def of(cls, metric: Metric) -> OwnMetric:
        """What a metric says of itself."""
        kind = metric.kind
        lowest, highest = (bound if math.isfinite(bound) else None for bound in (kind.lowest, kind.highest))
        return cls(metric.words, kind.lower, lowest, highest, kind.trivial, kind.counted)

    @property
    def kind(self) -> MetricKind:
        """Its kind."""
        lowest = -math.inf if self.lowest is None else self.lowest
        highest = math.inf if self.highest is None else self.highest
        return MetricKind(self.lower, lowest, highest, self.trivial, self.counted)


@dataclass(frozen=True)
class TaskFacts:
    """What a plan keeps of a task."""

    dataset: str
    metric: str
    """The headline one."""
    metrics: tuple[str, ...]
    label_names: tuple[str, ...]
    counts: Mapping[str, int]
    """Examples by split."""
    sample: Mapping[str, int] | None
    """Size and seed where train is a sample; `dev_sample` likewise."""
    dev_sample: Mapping[str, int] | None
    label_shares: Mapping[str, tuple[float, ...]]
    """Shares of the labels by split; empty in plans of older versions, and where labels are numbers."""
    constant: BestConstant = field(metadata=renamed("majority"))
    content_hash: str
    seen: SeenInTexts | None = None
    """None where an older version prepared the task."""
    objective: Mapping[str, Any] | None = None
    """Its `name` and its settings; None for classification."""
    label_ranges: Mapping[str, tuple[float, ...]] | None = None
    """Smallest label, mean, std (over n) and largest label by split, where labels are numbers."""
    own_metrics: Mapping[str, OwnMetric] | None = None
    """Those of `metrics` that are not installed."""

    def label(self, value: float) -> str:
        """What a label is called."""
        return named(self.label_names, value)


def named(label_names: Sequence[str], label: float) -> str:
    """What a label is called: its name, or the number."""
    return label_names[int(label)] if label_names else f"{label:.4g}"


def label_range(labels: Any) -> tuple[float, ...]:
    """Smallest, mean, std (over n) and largest."""
    return tuple(float(value) for value in (labels.min(), labels.mean(), labels.std(), labels.max()))
