"""Fig. 10 to 12: gradient norms by weight matrix, a failed run beside a successful one."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.early_gradients import early_norms, failure_prediction
from stabbench.analysis.gradients import Pair
from stabbench.analysis.matrices import OUTSIDE, matrix_contrast
from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.figures.gradient_matrices import matrices_figure
from stabbench.report.grid import Grid
from stabbench.report.numbers import p_value
from stabbench.report.section import CAUSES, Data, Section, SectionFigure
from stabbench.tensor_roles import SHARED


def section(content: Content) -> Section:
    """A figure a model and task that has a failed and a successful run; a sentence where it has not."""
    found, figures, tables = [], [], []
    for place in content.traced:
        pair, text = findings.gradients(content, place)
        if pair is None:
            found.append(text)
            continue
        contrast = matrix_contrast(pair)
        tables.append(contrast.assign(model=place.model, task=place.task))
        found.append(f"{content.heading(place)}: {_sentence(pair, contrast)}")
        description = f"Gradient norms by weight matrix on {place.task} with {place.model}. {found[-1]}"
        stem = f"gradient-matrices-{place.stem}"
        figure, drawn = matrices_figure(pair)
        figures.append(SectionFigure(stem, figure, description, Data(stem, drawn), place, content.heading(place)))
    norms = early_norms(content.traced_cells)
    prediction = failure_prediction(norms)
    columns = ["model", "task", "kind", "layer", "failed", "successful", "ratio"]
    return Section(
        name="gradient-norms",
        title="Gradient norms by weight matrix",
        looks_for=(
            "In the paper's failed runs the gradients of all weight matrices of the lower layers vanish, while pooler "
            "and classifier keep theirs (figures 10 to 12). The same two runs as by layer; layers from dark (lowest) "
            "to light (highest); lines of many points are medians over short windows."
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
    several = prediction["model"].nunique() > 1
    rows = [
        [
            f"{row['model']}: {row['task']}" if several else str(row["task"]),
            str(row["strategy"]),
            f"{row['failed']}/{row['failed'] + row['successful']}",
            f"{row['norm_failed']:.2g}",
            f"{row['norm_successful']:.2g}",
            f"{row['auc']:.2f}",
            p_value(row["p_auc"]),
        ]
        for _, row in prediction.iterrows()
    ]
    return Grid(["task", "strategy", "failed", "norm, failed", "norm, successful", "AUC", "p"], rows, texts=2)


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
