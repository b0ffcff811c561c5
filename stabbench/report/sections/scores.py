"""Fig. 1: the score of every seed."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.frame import finished
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.distribution import distribution_panel, stability_figure
from stabbench.report.section import RESULTS, Data, SavedFigure, Section, SectionFigure


def section(content: Content) -> Section:
    """A figure a model and task on the page, all of them in one as a file."""
    panels = [_panel(content, place) for place in content.drawn]
    block = {"unscored": bool(finished(content.runs)["score"].isna().any())}
    whole = SavedFigure("stability", stability_figure(content))
    return Section("scores", "The score of every seed", part=RESULTS, figures=panels, files=[whole], block=block)


def _panel(content: Content, place: Place) -> SectionFigure:
    heading = content.heading(place)
    mine = (content.runs["model"] == place.model) & (content.runs["task"] == place.task)
    names = ["model", "task", "strategy", "seed", "metric", "score", "status", "majority"]
    shown = finished(content.runs.loc[mine, names])
    shown_as = content.shown_at(place)
    description = f"Scores of every seed on {place.task} with {place.model}: " + "; ".join(
        f"{row['strategy']} median {shown_as.text(row['median'])}, std {shown_as.text(row['std'])}, "
        f"{'an unknown number' if pd.isna(row['failed']) else row['failed']} of {row['n']} failed"
        for _, row in content.rows(place).iterrows()
    )
    return SectionFigure(
        f"scores-{heading}",
        distribution_panel(content, place),
        description,
        Data(f"scores-{place.stem}", shown, digits=10, file="tables/scores.csv"),
        place,
        heading,
        name=f"distribution-{place.stem}",
    )
