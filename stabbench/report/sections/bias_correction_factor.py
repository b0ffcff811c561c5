"""Fig. 6: the factor by which bias correction scales the learning rate of each update."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stabbench.plan import Cell
from stabbench.recipe import bias_correction_factor
from stabbench.report.content import Content
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, logarithmic, new_figure
from stabbench.report.figures.palette import INK, MUTED, STRATEGIES
from stabbench.report.section import CAUSES, Section, SectionFigure

UPDATES = 10_000


def section(content: Content) -> Section | None:
    """The curve from the optimizer's own function, with the lengths of this report's runs marked.

    None where the optimizer of no run is known to have such a factor.
    """
    cells = [item.cell for item in content.selection.cells if "adam_beta2" in item.cell.spec.recipe]
    pairs = sorted({(recipe.adam_beta1, recipe.beta2) for recipe in map(Cell.recipe, cells)})
    if not pairs:
        return None
    steps = np.arange(1, UPDATES + 1)
    curves = {pair: np.array([bias_correction_factor(int(step), *pair) for step in steps]) for pair in pairs}
    figure = new_figure(PAGE_WIDTH * 0.7, 2.6)
    axes = axes_of(figure, 1, 1)[0][0]
    for (pair, curve), (color, _) in zip(curves.items(), STRATEGIES, strict=False):
        axes.plot(steps, curve, color=color, label=f"β1 = {pair[0]:g}, β2 = {pair[1]:g}")
    axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
    lengths = sorted({int(steps) for steps in content.runs["steps"].dropna()})
    for length in lengths:
        axes.axvline(length, color=INK, linewidth=0.6, linestyle=":")
    axes.set_ylim(0, 1.05)
    logarithmic(axes, "x")
    axes.set_xlabel("update t (log scale; dotted: the lengths of this report's runs)")
    axes.set_ylabel("√(1 − β2ᵗ) / (1 − β1ᵗ)")
    axes.legend(loc="lower right")
    lowest = {pair: (int(steps[curve.argmin()]), float(curve.min())) for pair, curve in curves.items()}
    found = [
        f"With β1 = {pair[0]:g} and β2 = {pair[1]:g} the factor is {curve[0]:.3f} at the first update, lowest at "
        f"update {lowest[pair][0]} ({lowest[pair][1]:.3f})"
        + "".join(f", {curve[length - 1]:.3f} at {length}" for length in lengths if length <= UPDATES)
        + "."
        for pair, curve in curves.items()
    ]
    table = pd.DataFrame({"update": steps, **{f"factor_{a:g}_{b:g}": curve for (a, b), curve in curves.items()}})
    return Section(
        name="bias-correction-factor",
        title="The bias-correction factor",
        looks_for=(
            "Without bias correction every update is taken as if this factor were 1: early updates are then several "
            "times as large as the ones that Adam intends (paper, figure 6)."
        ),
        found=found,
        part=CAUSES,
        figures=[
            SectionFigure("bias-correction-factor", figure, "The factor over updates. " + " ".join(found), "factor")
        ],
        data={"factor": table[table["update"].isin(np.unique(np.geomspace(1, UPDATES, 400).astype(int)))]},
        facts={"runs_updates": lengths},
    )
