"""The chapter of the ablation: box plots of every setting, and training loss against dev score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from stabbench.analysis.frame import finished
from stabbench.analysis.generalisation import correlation, fitted, share_between
from stabbench.analysis.spread import spread
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.palette import MUTED, Color
from stabbench.report.figures.settings import ablation_figure, loss_and_score_figure
from stabbench.report.numbers import counted, epochs_text, p_equation, share, significant
from stabbench.report.section import Section, SectionFigure
from stabbench.report.shown import Shown
from stabbench.studies.ablation.options import AblationOptions
from stabbench.studies.settings import correction_text
from stabbench.studies.settings_tables import (
    Measured,
    correction_found,
    effects_table,
    measured,
    setting_color,
    setting_text,
    settings_caption,
    settings_grid,
    strategy_like,
)

OTHERS = "other settings"


def section(name: str, options: AblationOptions, selection: Selection, content: Content) -> Section:
    """Box plots of every setting, and training loss against dev score over all runs."""
    bare = Section(
        name=name,
        title="Ablation: learning rate, epochs, bias correction",
        looks_for=(
            f"{options.strategy} on {options.task} with {options.model}; only learning rate, epochs and bias "
            "correction change. In the paper (figure 9) three epochs without the correction are the least stable, "
            "the correction allows larger rates, and with more epochs it does best; runs that fit the training "
            "set still differ on dev, and a training loss near zero does no harm there (figure 8). A setting has "
            "the colour of the main grid's strategy that trains so, at whatever rate, and is grey where there is "
            "none; a star marks the recommended one, crosses are failed runs."
        ),
        found=["No run of this study has finished."],
    )
    found_runs = measured(selection, content)
    if found_runs is None:
        return bare
    runs, cells, effects = found_runs.runs, found_runs.cells, found_runs.effects
    marked = _marked(options, cells)
    found = [*_settings_found(found_runs, marked), *correction_found(effects)]
    found += _runs_found(found_runs, options.low_training_loss)
    return dataclasses.replace(
        bare,
        found=found,
        figures=_figures(options, content, found_runs, marked),
        tables=[(settings_caption(found_runs), settings_grid(found_runs)), *effects_table(found_runs)],
        data={"settings": cells, "runs": runs, "correction": effects},
        facts={"recommended": sorted(marked), "generalisation": _facts(runs, options.low_training_loss)},
    )


def _marked(options: AblationOptions, cells: pd.DataFrame) -> set[str]:
    if options.recommended is None:
        return set()
    return {str(row["strategy"]) for _, row in cells.iterrows() if options.recommended.is_in(row)}


def _settings_found(found: Measured, marked: Collection[str]) -> list[str]:
    cells, shown = found.cells, found.shown
    eligible = cells[cells["eligible"]].sort_values("std", kind="stable")
    hopeless = int(((cells["n"] > 0) & (cells["failed"] == cells["n"])).sum())
    left_out = f" ({counted(hopeless, 'setting')} all of whose runs failed left out)" if hopeless else ""
    if len(eligible) < 2:
        return [f"Fewer than two of {counted(len(cells), 'setting')} can be compared{left_out}."]
    first, last = eligible.iloc[0], eligible.iloc[-1]
    texts = [
        f"Of {counted(len(eligible), 'setting')}{left_out} the std is lowest at {_measured(first, shown)}, and highest "
        f"at {_measured(last, shown)}."
    ]
    ranks = {name: f"has the std of rank {rank} from below" for rank, name in enumerate(eligible["strategy"], start=1)}
    for _, row in cells[cells["strategy"].isin(marked)].iterrows():
        texts.append(
            f"The recommended setting, {_measured(row, shown)}, {ranks.get(row['strategy'], 'is not among them')}."
        )
    return texts


def _measured(row: pd.Series, shown: Shown) -> str:
    return (
        f"{setting_text(row)} (std {shown.text(row['std'])}, mean {shown.text(row['mean'])}, "
        f"{row['failed']} of {row['n']} failed)"
    )


def _runs_found(found: Measured, threshold: float) -> list[str]:
    runs, shown, texts = found.runs, found.shown, []
    lower = " (lower is better)" if shown.kind.lower else ""
    done = finished(runs)
    between = share_between(done["score"].to_numpy(dtype=np.float64), done["failed"].to_numpy(dtype=bool))
    if not math.isnan(between):
        texts.append(f"Of the variance over all runs {share(between)} lies between failed and successful ones.")
    general = correlation(runs)
    if math.isnan(general.rho):
        texts.append(f"Training loss and dev score cannot be correlated over {counted(general.n, 'run')}.")
    else:
        texts.append(
            f"Over {general.n} runs Spearman's correlation of final training loss and dev score{lower} is "
            f"{general.rho:.2f} ({p_equation(general.p)}, runs of different settings taken as independent)."
        )
    low = _below(runs, threshold)
    below = spread(low["score"].to_numpy(dtype=np.float64))
    if below.n < 2:
        texts.append(f"{counted(below.n, 'run')} came below a training loss of {threshold:g}{found.unit}.")
    else:
        texts.append(
            f"The {below.n} runs below a training loss of {threshold:g}{found.unit} score {shown.text(below.min)} to "
            f"{shown.text(below.max)} on dev, std {shown.text(below.std)}; {int(low['failed'].sum())} of them failed."
        )
    return texts


def _below(runs: pd.DataFrame, threshold: float) -> pd.DataFrame:
    done = fitted(runs)
    return done[done["train_loss_final"] < threshold]


def _facts(runs: pd.DataFrame, threshold: float) -> dict[str, Any]:
    general, low = correlation(runs), _below(runs, threshold)
    below = dataclasses.asdict(spread(low["score"].to_numpy(dtype=np.float64)))
    return {
        "runs": general.n,
        "correlation": significant(general.rho),
        "p": significant(general.p),
        "threshold": threshold,
        "below": {name: significant(value) for name, value in below.items()},
        "failed_below": int(low["failed"].sum()),
    }


def _figures(
    options: AblationOptions, content: Content, found: Measured, marked: Collection[str]
) -> list[SectionFigure]:
    runs, scoring = found.runs, found.scoring

    def color(epochs: float, correction: bool) -> Color:
        return setting_color(content, options.strategy, epochs, correction, MUTED)

    boxes = ablation_figure(runs, color, marked, scoring)
    figures = [
        SectionFigure("ablation", boxes, "Scores of every seed by learning rate, epochs and bias correction.", "runs")
    ]
    if len(fitted(runs)):
        groups = {
            pair: _group(content, options, *pair) for pair in zip(runs["epochs"], runs["bias_correction"], strict=True)
        }
        points = fitted(runs)
        pairs = zip(points["epochs"], points["bias_correction"], strict=True)
        points = points.assign(group=[groups[pair] for pair in pairs])
        colors = {name: color(*pair) for pair, name in sorted(groups.items(), key=lambda item: item[1] == OTHERS)}
        drawn = loss_and_score_figure(points, colors, options.low_training_loss, scoring)
        figures.append(
            SectionFigure("generalisation", drawn, "Dev score against final training loss, a point a run.", "runs")
        )
    return figures


def _group(content: Content, options: AblationOptions, epochs: float, correction: bool) -> str:
    like = strategy_like(content, options.strategy, {"epochs": epochs, "bias_correction": correction})
    return OTHERS if like is None else f"{epochs_text(epochs)}, {correction_text(correction)} ({like})"
