"""The chapter of the crossed study: shares of each factor with intervals, and all scores by level."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from stabbench.analysis.frame import MISSING, frame
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.variance_components import COMPONENTS, FACTORS, RESAMPLES, VarianceShares, variance_shares
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.crossed import levels_figure, shares_figure
from stabbench.report.figures.palette import MUTED, strategy_colors
from stabbench.report.grid import Grid
from stabbench.report.numbers import counted, listed, share
from stabbench.report.section import Section, SectionFigure
from stabbench.report.shown import Shown
from stabbench.studies.crossed.options import CrossedOptions
from stabbench.studies.settings_tables import scoring_of
from stabbench.tensor_roles import HEAD


def section(name: str, options: CrossedOptions, selection: Selection, content: Content) -> Section:
    """Shares of each factor with intervals, and all scores by level."""
    bare = Section(
        name=name,
        title="Where the variance comes from",
        looks_for=(
            f"{options.strategy} on {options.task} with {options.model}: {options.levels} initial heads × "
            f"{options.levels} data orders × {options.levels} dropout seeds, every combination once. A factor's "
            "first-order share is the part of the scores' variance that it explains alone, its total share adds "
            "the interactions that it takes part in. Dodge et al. (2020) found that heads and data orders matter "
            "about equally."
        ),
        found=[],
    )
    runs, scoring = _with_levels(frame(selection), selection), scoring_of(selection)
    shown = Shown.of(scoring, str(runs["metric"].iloc[0]), [runs["score"].std()], runs["score"].abs().max())
    missing = int((runs["status"] == MISSING).sum())
    if missing:
        text = f"{missing} of {len(runs)} runs are missing: the shares need every combination."
        return dataclasses.replace(bare, found=[text], data={"runs": runs})
    scores = runs["score"].to_numpy(dtype=np.float64).reshape([options.levels] * len(FACTORS))
    shares = variance_shares(scores, np.random.default_rng(0))
    summary = _summary(runs, shown)
    if shares is None:
        text = "The score is the same in all runs, so there is no variance to share out: not estimable."
        return dataclasses.replace(bare, found=[summary, text], data={"runs": runs})
    color = strategy_colors(content.strategies).get(options.strategy, MUTED)
    names = _names(scoring)
    found = [summary, *_found(shares, names)]
    return dataclasses.replace(
        bare,
        found=found,
        figures=[
            SectionFigure("variance-shares", shares_figure(shares, names), found[1], "components"),
            SectionFigure(
                "scores-by-level", levels_figure(runs, names, color, scoring), f"Scores by level. {summary}", "runs"
            ),
        ],
        tables=[(_caption(options.levels, shown), _grid(shares, names, shown.factor))],
        data={"runs": runs, "components": _components(shares)},
        facts={"levels": options.levels, "resamples": RESAMPLES, "interactions": shares.interactions},
    )


def _with_levels(runs: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """The frame with each run's level of the factors."""
    (selected,) = selection.cells
    return runs.assign(
        **{factor: [selected.cell.streams[str(number)][factor] for number in runs["seed"]] for factor in FACTORS}
    )


def _summary(runs: pd.DataFrame, shown: Shown) -> str:
    scores = runs["score"]
    return (
        f"Over {counted(len(runs), 'run')} the std is {shown.text(scores.std())} and the mean "
        f"{shown.text(scores.mean())}; {int(runs['failed'].sum())} failed. The scores take "
        f"{counted(scores.nunique(), 'value')}."
    )


def _names(scoring: Scoring) -> dict[str, str]:
    """What the factors are called; a head that is a classifier's says so."""
    head = scoring.head if scoring.head == HEAD else f"{scoring.head} {HEAD}"
    return {"head": head, "order": "data order", "dropout": "dropout"}


def _found(shares: VarianceShares, names: Mapping[str, str]) -> list[str]:
    parts = [
        f"the {names[factor]} {share(shares.first_order[index])} ({_interval(shares.first_order_interval[index])}), "
        f"in total {share(shares.total[index])} ({_interval(shares.total_interval[index])})"
        for index, factor in enumerate(FACTORS)
    ]
    texts = [
        f"Of the variance {listed(parts)}; all interactions together {share(shares.interactions)} "
        f"({_interval(shares.interactions_interval)})."
    ]
    negative = [" × ".join(names[factor] for factor in term) for term in _negative(shares)]
    if negative:
        texts.append(f"Estimated below 0 and counted as 0 in the shares: {listed(negative)}.")
    return texts


def _negative(shares: VarianceShares) -> list[tuple[str, ...]]:
    return [term for term, value in zip(COMPONENTS, shares.components, strict=True) if value < 0]


def _interval(bounds: np.ndarray) -> str:
    return f"{share(bounds[0])} to {share(bounds[1])}"


def _caption(levels: int, shown: Shown) -> str:
    unit = "× 10⁴ (score × 100, squared)" if shown.kind.fraction else "in the score's unit, squared"
    return (
        f"Random-effects components by the method of moments, {unit}. Shares count negative "
        "components as 0. Intervals: 95 %, Bayesian bootstrap over the levels of each factor; with "
        f"{levels} levels they are wide and hold the true share less often than their name says."
    )


def _components(shares: VarianceShares) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "component": [" × ".join(term) for term in COMPONENTS],
            "variance": shares.components,
            "share": np.maximum(shares.components, 0) / np.maximum(shares.components, 0).sum(),
        }
    )


def _grid(shares: VarianceShares, names: Mapping[str, str], times: float) -> Grid:
    """A row a component, its variance in the unit of scores that are printed × `times`."""
    table, digits = _components(shares), ".2f" if times > 1 else ".4g"
    rows = [
        [" × ".join(names[factor] for factor in term), f"{times**2 * variance:{digits}}", share(part)]
        for term, variance, part in zip(COMPONENTS, table["variance"], table["share"], strict=True)
    ]
    for index, row in enumerate(rows):
        row += (
            [
                _interval(shares.first_order_interval[index]),
                share(shares.total[index]),
                _interval(shares.total_interval[index]),
            ]
            if index < len(FACTORS)
            else [""] * 3
        )
    return Grid(["component", "variance", "share", "95 % interval", "total share", "95 % interval"], rows)
