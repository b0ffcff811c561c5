"""The names of the report's own chapters, which blocks of studies and probes leave to it: each has a chapter, too."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from stabbench.config.messages import Problem

CHAPTERS = frozenset(
    {
        "bias-correction-factor", "cost", "data", "definitions", "early-stopping", "example-stability", "failed-runs",
        "failures", "generalisation", "gradient-norms", "gradients", "hyperparameters", "making", "noise", "over-tasks",
        "pairs", "scores", "stability", "stages", "statistics", "task-statistics", "train-once", "training",
    }
)  # fmt: skip
PLACES = frozenset({"contents", "filter", "main"})
"""Other places of the page that have a name."""


def chapter_problems(studies: Collection[str], probes: Collection[str]) -> Iterator[Problem]:
    """What is wrong with the names of studies and probes: a chapter's name is its anchor and its folder."""
    for section, names in (("studies", studies), ("probes", probes)):
        for name in names:
            if name in CHAPTERS | PLACES:
                yield f"{section}.{name}", "the report has a chapter or a place called so: call it otherwise"
    for name in probes:
        if name in studies:
            yield f"probes.{name}", "a study is called so, whose chapter this one's would overwrite: call one otherwise"
