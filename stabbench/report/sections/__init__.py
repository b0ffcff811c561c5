"""Chapters beside those of studies and probes: of the main grid's runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stabbench.report.content import Content
from stabbench.report.section import Section
from stabbench.report.sections import (
    bias_correction_factor,
    cost,
    early_stopping,
    example_stability,
    failed_runs,
    generalisation,
    gradient_norms,
    gradients,
    hyperparameters,
    making,
    noise,
    over_tasks,
    pairs,
    scores,
    stages,
    statistics,
    tables,
    task_statistics,
    train_once,
    training,
)

View = Callable[[Content], Section | None]
"""What makes a chapter, or None where there is nothing to show."""
OF_SCORES: Sequence[View] = (
    tables.stability,
    stages.section,
    over_tasks.section,
    scores.section,
    tables.failures,
    train_once.section,
    pairs.section,
    cost.section,
)
OF_RECORDS: Sequence[View] = (
    training.section,
    gradients.section,
    gradient_norms.section,
    failed_runs.section,
    early_stopping.section,
    bias_correction_factor.section,
    generalisation.section,
    task_statistics.section,
    hyperparameters.section,
    statistics.section,
    making.section,
)
"""Those that plain results, without records behind them, cannot fill."""
OF_PREDICTIONS: Sequence[View] = (noise.section, example_stability.section)
"""Those that need what runs predicted for each example."""
LAST: Sequence[View] = (tables.definitions, tables.data)
"""All in the order of the page within each of its parts."""


def views(content: Content) -> Iterator[Section]:
    """One after the other; to be taken inside `stabbench.report.figures.drawing.style`."""
    predicted = OF_PREDICTIONS if content.predicted else ()
    for view in (*OF_SCORES, *predicted, *(OF_RECORDS if content.recorded else ()), *LAST):
        section = view(content)
        if section is not None:
            yield section
