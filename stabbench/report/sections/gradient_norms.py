"""Fig. 10 to 12: gradient norms by weight matrix, a failed run beside a successful one."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.analysis.early_gradients import early_norms, failure_prediction
from stabbench.analysis.gradients import Pair, has_norms
from stabbench.analysis.matrices import OUTSIDE, matrix_contrast, matrix_norms, thinned
from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.gradient_norms import draw_norms, legend_entries, norm_rows
from stabbench.report.grid import Grid, cell_columns
from stabbench.report.numbers import p_value
from stabbench.report.section import CAUSES, Section, SectionFigure
from stabbench.report.unknowns import not_known, trained_elsewhere
from stabbench.tensor_roles import SHARED

KINDS_A_ROW = 2
POINTS = 60
"""Of a line; longer ones are medians over windows."""


def section(content: Content) -> Section:
    """A figure a model and task that has a failed and a successful run; a sentence where it has not."""
    found, figures, tables = [], [], []
    for place in content.traced:
        pair, text = findings.gradients(content, place)
        if pair is None:
            found.append(text)
            continue
        contrast = matrix_contrast(pair)
        if contrast.empty:
            found.append(f"{content.heading(place)}: which weight matrices the two runs share is not known.")
            continue
        tables.append(contrast.assign(model=place.model, task=place.task))
        found.append(f"{content.heading(place)}: {_sentence(pair, contrast)}")
        description = f"Gradient norms by weight matrix on {place.task} with {place.model}. {found[-1]}"
        drawn = _figure(pair)
        figures.append(SectionFigure.of_place("gradient-matrices", place, drawn, description, content.heading(place)))
    elsewhere = [item for item in content.traced_cells if item.records and trained_elsewhere(item.cell)]
    without = [item.cell for item in elsewhere if not any(map(has_norms, item.records.values()))]
    found += not_known(content, "gradient norms are", without)
    norms = early_norms(content.traced_cells)
    prediction = failure_prediction(norms)
    columns = ["model", "task", "kind", "layer", "failed", "successful", "ratio"]
    return Section(
        name="gradient-norms",
        title="Gradient norms by weight matrix",
        looks_for=(
            "In the paper's failed runs the gradients of all weight matrices of the lower layers vanish, while pooler "
            f"and {content.scoring.head} keep theirs (figures 10 to 12). The same two runs as by layer; layers from "
            "dark (lowest) to light (highest); lines of many points are medians over short windows."
        ),
        found=found,
        part=CAUSES,
        figures=figures,
        tables=[(_PREDICTION, _grid(prediction))] if len(prediction) else [],
        data={
            "matrices": pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns),
            "early-norms": norms,
            "failure-prediction": prediction,
        },
    )


_PREDICTION = (
    "Early gradients as a predictor of failure: median norm of the bottom quarter of the layers from the end of the "
    "warm-up to a third of training, and the probability (AUC) that it is smaller in a failed run than in a "
    "successful one; 0.5 tells nothing. p: Mann-Whitney."
)


def _grid(prediction: pd.DataFrame) -> Grid:
    columns = {
        **cell_columns(several=prediction["model"].nunique() > 1),
        "failed": lambda row: f"{row['failed']}/{row['failed'] + row['successful']}",
        "norm, failed": lambda row: f"{row['norm_failed']:.2g}",
        "norm, successful": lambda row: f"{row['norm_successful']:.2g}",
        "AUC": lambda row: f"{row['auc']:.2f}",
        "p": lambda row: p_value(row["p_auc"]),
    }
    return Grid.of(prediction.to_dict("records"), columns, texts=2)


def _sentence(pair: Pair, contrast: pd.DataFrame) -> str:
    known = contrast[contrast["ratio"].notna()]
    inner, outer = known[known["kind"] != OUTSIDE], known[known["kind"] == OUTSIDE]
    failed, successful = (f"{run.strategy} seed {run.seed}" for run in (pair.failed, pair.successful))
    text = f"median norm over the second half of training, {failed} (failed) over {successful}"
    if len(inner):
        ends = inner.sort_values("ratio", kind="stable").iloc[[0, -1]]
        lowest, highest = (f"{_times(row['ratio'])} in {row['kind']} of {row['layer']}" for _, row in ends.iterrows())
        below = int((inner["ratio"] < 0.1).sum())
        text += (
            f": smallest {lowest}, largest {highest}; {below} of {len(inner)} matrices of the encoder's layers are "
            "under a tenth"
        )
    if len(outer):
        text += "; " + ", ".join(f"{row['layer']} {_times(row['ratio'])}" for _, row in outer.iterrows())
    if SHARED in set(contrast["layer"]):
        text += ". The model shares one layer's weights, which is drawn once"
    return f"{text}."


def _times(ratio: float) -> str:
    return f"{ratio:.2g}×"


def _figure(pair: Pair) -> tuple[Figure, pd.DataFrame]:
    """Two panels a kind of matrix, failed left and successful right, a line a layer, one logarithmic axis for all.

    Beside the figure a table of what it shows.
    """
    failed, successful = (matrix_norms(run.record.gradnorms(), run.tensors) for run in (pair.failed, pair.successful))
    kinds = [kind for kind in failed if kind in successful]
    rows = len(kinds) // KINDS_A_ROW + 1  # there is always room for the legend
    figure = new_figure(PAGE_WIDTH, 0.4 + 1.5 * rows)
    grid = axes_of(figure, rows, 2 * KINDS_A_ROW, sharex=True, sharey=True)
    panels = [grid[row][2 * column : 2 * column + 2] for row in range(rows) for column in range(KINDS_A_ROW)]
    sides = (("failed", pair.failed, failed), ("successful", pair.successful, successful))
    parts = []
    for kind, beside in zip(kinds, panels, strict=False):
        beside[0].set_title(kind, fontsize=8)
        for axes, (outcome, run, norms) in zip(beside, sides, strict=True):
            lines = thinned(norms[kind], POINTS)
            draw_norms(axes, lines)
            axes.set_title(outcome, loc="right", fontsize=8, fontweight="normal")
            parts.append(norm_rows(lines, run, outcome).assign(kind=kind))
    for unused in panels[len(kinds) :]:
        for axes in unused:
            axes.axis("off")
    _legend(panels[len(kinds)][0], [axes for pair in panels[: len(kinds)] for axes in pair])
    for column in range(2 * KINDS_A_ROW):
        row = rows - 1 if 2 * len(kinds) > (rows - 1) * 2 * KINDS_A_ROW + column else rows - 2
        if row < 0:  # a model of one kind of matrix
            continue
        lowest = grid[row][column]
        lowest.set_xlabel("updates")
        lowest.tick_params(labelbottom=True)
    figure.supylabel("gradient norm (L2, before clipping, log scale)", fontsize=8)
    columns = ["kind", "layer", "outcome", "strategy", "seed", "step", "norm"]
    return figure, pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _legend(axes: Axes, panels: list[Axes]) -> None:
    lines = {str(line.get_label()): line for panel in panels for line in panel.lines}
    labels = list(lines)
    chosen = legend_entries(labels)
    legend = axes.legend(
        [lines[labels[index]] for index in chosen], [labels[index] for index in chosen], loc="upper left", ncols=2
    )
    legend.set_in_layout(False)
