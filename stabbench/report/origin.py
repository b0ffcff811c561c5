"""Where the runs of a report come from, in the words of its captions and definitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stabbench.analysis.reported import when_scored
from stabbench.analysis.scoring import Scoring


@dataclass(frozen=True)
class Origin:
    """What is known of the runs beside their numbers."""

    score: str
    """What a score is, after "the"."""
    scored_on: str
    """The split of the data, before a metric's name on an axis; empty where it is not known."""
    failed: str
    """Which runs count as failed, after "runs"; empty where nobody says."""
    definitions: Sequence[str]
    """What a reader has to know of the scores, a sentence or two each."""
    made_from: str
    """After "Made by stabbench from"."""


def of_records(scoring: Scoring, metrics: Collection[str], reported: Sequence[str] = ()) -> Origin:
    """That of runs that stabbench made itself, of which `metrics` are the headline ones.

    `reported` are the weights that their cells report, in words (`analysis.reported`), where these are not their last.
    """
    lower = set(metrics) & scoring.lower
    relation = (
        "at most" if not lower else "at least" if lower == set(metrics) else "at most (lower is better: at least)"
    )
    rule = "at the last step, never that of the best checkpoint."
    if reported:
        rule = (
            "of the weights that a run reports, as its recipe declared. Where dev chose them (best on dev, early "
            "stopping), it is optimistic: the best of several looks at the examples that it is computed on. The last "
            "evaluation's is last_score in scores.csv."
        )
    return Origin(
        score=f"score on dev {when_scored(reported)}",
        scored_on="dev",
        failed=f"whose score is {relation} the {scoring.constant}'s, or which diverged",
        definitions=(
            f"The score is the headline metric on dev {rule} A diverged run counts with the "
            f"{scoring.constant}'s score.",
            f"collapsed: {scoring.collapsed}.",
        ),
        made_from="the records of the runs alone",
    )
