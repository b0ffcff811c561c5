"""What is known of a prepared task, as task.json and plan files keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stabbench.typed_json import renamed


@dataclass(frozen=True)
class BestConstant:
    """The best constant classifier on the dev labels, which each metric has of its own."""

    label: int
    """The most frequent label."""
    labels: Mapping[str, int]
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
    """Shares of the labels by split; empty in plans of older versions."""
    constant: BestConstant = field(metadata=renamed("majority"))
    content_hash: str
    seen: SeenInTexts | None = None
    """None where an older version prepared the task."""
