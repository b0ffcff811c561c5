"""What a task source is: it reads labelled texts, and says what they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pandas as pd

from stabbench.datasets import Dataset
from stabbench.metrics.contract import Metric

if TYPE_CHECKING:
    from stabbench.tasks.split_file import SplitFile

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True)
class Wanted:
    """What a source is asked for: a task by its name in params.yaml, whose folder is `root`."""

    task: str
    root: Path = Path()
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    """How many examples of each split will be drawn; None or nothing for all."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """What a source has read.

    `frames` holds `train` and `dev` as `stabbench.tasks.prepared.examples_frame` makes them, all examples in a fixed
    order. `origin` says in JSON where they are from, without anything that differs between machines.
    """

    dataset: Dataset
    frames: Mapping[str, pd.DataFrame]
    origin: Mapping[str, Any] | None = None
    files: Mapping[str, SplitFile] = field(default_factory=dict)
    """The official files that they were read from."""
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many rows of a split are no examples and not in `frames`, by why ("without a gold label"); it is told."""
    scaled: bool = False
    """Whether a model is trained on the labels less their mean, over their standard deviation (`Objective.fitted`)."""
    own_metrics: Mapping[str, Metric] = field(default_factory=dict)
    """Those of the data set's metrics that are not installed, by name."""
    warnings: Sequence[str] = ()
    """Sentences about what a user should know, which `prepare` shows and the report repeats."""
    places: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    """What messages call an example of a split by its number (`line 3`), where it is from a place of its own."""
    metric_code: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Where each of them is (`plugin`), and what tells its code apart (`code`)."""
    unofficial: bool = False
    """Whether they are taken though they are not the official ones."""


class Source(ABC, Generic[OptionsT]):
    """Where examples come from, known by its entry point in `stabbench.task_sources` or as `./file.py:Class`."""

    description: ClassVar[str] = ""
    """One line for listings."""
    Options: ClassVar[type[Any]]
    """A frozen dataclass of what a block of `tasks` tells it; it may refuse values with a ValueError."""

    @abstractmethod
    def read(self, options: OptionsT, wanted: Wanted) -> Labelled:
        """All examples of both splits; the same bytes whenever the source holds the same.

        UserError, with all mistakes at once, for whatever is missing or cannot be used; nothing is left out in silence.
        """
