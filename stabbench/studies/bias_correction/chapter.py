"""The chapter of bias correction: box plots, without beside with it at every rate."""

from __future__ import annotations

import dataclasses

import pandas as pd

from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.palette import INK, MUTED
from stabbench.report.figures.settings import correction_figure
from stabbench.report.numbers import epochs_text, exponent, listed, p_equation
from stabbench.report.section import Section, SectionFigure
from stabbench.report.shown import Shown
from stabbench.studies.bias_correction.options import BiasCorrectionOptions
from stabbench.studies.settings_tables import (
    effects_table,
    measured,
    setting_color,
    settings_caption,
    settings_grid,
)


def section(name: str, options: BiasCorrectionOptions, selection: Selection, content: Content) -> Section:
    """Box plots, without beside with bias correction at every rate."""
    bare = Section(
        name=name,
        title="Bias correction and learning rate",
        looks_for=(
            f"{options.strategy} on {options.task} for {epochs_text(options.epochs)} at several learning rates, "
            "without and with bias correction. In the paper (figure 5) the correction makes BERT and ALBERT more "
            "stable and lets them take larger rates; RoBERTa gains less."
        ),
        found=["No run of this study has finished."],
    )
    found_runs = measured(selection, content)
    if found_runs is None:
        return bare
    runs, cells, effects = found_runs.runs, found_runs.cells, found_runs.effects
    drawn = correction_figure(
        runs,
        lambda epochs, correction: setting_color(
            content, options.strategy, epochs, correction, INK if correction else MUTED
        ),
        found_runs.scoring,
    )
    found = [_found(str(model), part, found_runs.shown) for model, part in effects.groupby("model", sort=False)]
    description = f"Scores of every seed on {options.task}, without and with bias correction. {' '.join(found)}"
    return dataclasses.replace(
        bare,
        found=found or ["No rate has finished runs both without and with bias correction."],
        figures=[SectionFigure("bias-correction", drawn, description, "runs")],
        tables=[
            (settings_caption(found_runs), settings_grid(found_runs, models=True)),
            *effects_table(found_runs),
        ],
        data={"settings": cells, "runs": runs, "correction": effects},
        facts={"rates": {model: list(rates) for model, rates in options.models.items()}},
    )


def _found(model: str, effects: pd.DataFrame, shown: Shown) -> str:
    parts = [
        f"at {exponent(row['learning_rate'])} {row['failed_without']}/{row['n_without']} and "
        f"{row['failed_with']}/{row['n_with']} failed ({p_equation(row['p_fisher'])}), std "
        f"{shown.text(row['std_without'])} and {shown.text(row['std_with'])} ({p_equation(row['p_levene'])})"
        for _, row in effects.iterrows()
    ]
    return (
        f"{model}, without and with bias correction: {'; '.join(parts)}. Without it {_reach(effects, 'without')}; "
        f"with it {_reach(effects, 'with')}."
    )


def _reach(effects: pd.DataFrame, side: str) -> str:
    """Rates at which no run failed."""
    free = effects.loc[effects[f"failed_{side}"] == 0, "learning_rate"]
    return f"no run failed at {listed([exponent(rate) for rate in free])}" if len(free) else "runs failed at every rate"
