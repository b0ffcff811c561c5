"""Where the runs of a report come from, in the words of its captions and definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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


RECORDS = Origin(
    score="score on dev at the last step",
    scored_on="dev",
    failed="whose score is at most the best constant classifier's, or which diverged",
    definitions=(
        "The score is the headline metric on dev at the last step, never that of the best checkpoint. A diverged run "
        "counts with the best constant classifier's score.",
        "collapsed: at least 99 % of the predictions are one class, or the training loss of the last epoch is at least "
        "0.95 times the labels' entropy.",
    ),
    made_from="the records of the runs alone",
)
"""Runs that stabbench made itself."""
