"""Data that the page carries within itself: the numbers behind each figure as CSV, in links that need no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from stabbench.analysis.frame import finished
from stabbench.analysis.gradients import Pair
from stabbench.analysis.layers import layer_norms
from stabbench.analysis.matrices import thinned
from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.figures.gradient_norms import POINTS

LARGEST = 200_000
"""Characters; a table that is longer stays a file beside the page."""


@dataclass(frozen=True)
class Download:
    """A link: what the file is called and where its content is."""

    name: str
    href: str


def table_link(name: str, table: pd.DataFrame, *, digits: int = 6, file: str = "") -> Download | None:
    """A link to `<name>.csv` with its content in it; to the `file` beside the page where it is too long, else None."""
    if table.size > LARGEST:  # a character a number at the least
        return Download(f"{name}.csv", file) if file else None
    text = table.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n")
    if len(text) <= LARGEST:
        return Download(f"{name}.csv", "data:text/csv;charset=utf-8," + quote(text, safe=" ,:;()[]+=.-_!*'@$"))
    return Download(f"{name}.csv", file) if file else None


def score_rows(content: Content, model: str, task: str) -> pd.DataFrame:
    """The finished runs of a model and task: what the figure of their scores shows."""
    mine = (content.runs["model"] == model) & (content.runs["task"] == task)
    names = ["model", "task", "strategy", "seed", "metric", "score", "status", "majority"]
    return finished(content.runs.loc[mine, names])


def curve_rows(content: Content, cell: str) -> pd.DataFrame:
    """The learning curves of a cell: mean and std over its runs of each outcome, by updates."""
    rows = [
        pd.DataFrame({"curve": name, "outcome": curves.outcome, "runs": curves.runs, "step": curve.step.astype(int)})
        .assign(mean=curve.mean, std=curve.std)
        for curves in content.curves[cell]
        for name, curve in (("train_loss", curves.train_loss), ("dev_score", curves.dev_score))
    ]  # fmt: skip
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def gradient_rows(pair: Pair) -> pd.DataFrame:
    """Gradient norms by layer of a failed and a successful run, as the figure has them."""
    parts = []
    for outcome, run in (("failed", pair.failed), ("successful", pair.successful)):
        norms = thinned(layer_norms(run.record.gradnorms(), run.tensors), POINTS)
        long = norms.rename_axis("step").reset_index().melt("step", var_name="layer", value_name="norm")
        place = {"outcome": outcome, "strategy": run.strategy, "seed": run.seed}
        parts.append(pd.DataFrame(place, index=long.index).join(long))
    return pd.concat(parts, ignore_index=True)


def figure_downloads(content: Content) -> Mapping[tuple[str, str], Sequence[Download]]:
    """The data behind the page's own figures, by kind and heading (or cell)."""
    found: dict[tuple[str, str], Download | None] = {}
    for model, task in content.drawn:
        heading, name = content.heading(model, task), f"{model}-{task}"
        rows = score_rows(content, model, task)
        found["scores", heading] = table_link(f"scores-{name}", rows, digits=10, file="tables/scores.csv")
    for model, task in content.traced:
        heading, name = content.heading(model, task), f"{model}-{task}"
        for item in content.cells(model, task):
            curves = curve_rows(content, item.cell.name)
            stem = f"training-curves-{name}-{item.cell.strategy}"
            found["training", f"{heading}/{item.cell.strategy}"] = table_link(stem, curves)
        pair, _ = findings.gradients(content, model, task)
        if pair is not None:
            found["gradients", heading] = table_link(f"gradient-norms-{name}", gradient_rows(pair))
    return {key: [link] for key, link in found.items() if link is not None}


def drawn_rows(figure: Figure) -> pd.DataFrame:
    """Every line and point of a figure with its panel, series and co-ordinates, as drawn."""
    names = _legend(figure)
    parts = []
    for number, axes in enumerate(figure.axes, start=1):
        panel = axes.get_title(loc="left") or axes.get_ylabel() or f"panel {number}"
        for kind, color, label, xy in _marks(axes):
            series = label if label and not label.startswith("_") else names.get(color, "")
            part = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1]})
            part = part.assign(
                panel=panel, series=series, kind=kind, x_axis=axes.get_xlabel(), y_axis=axes.get_ylabel()
            )
            parts.append(part[["panel", "series", "kind", "x_axis", "x", "y_axis", "y"]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _marks(axes: Axes) -> Iterator[tuple[str, str, str, np.ndarray]]:
    for line in axes.lines:
        if line.get_transform().contains_branch(axes.transData):
            yield (
                "line",
                to_hex(to_rgba(line.get_color())),
                str(line.get_label()),
                np.asarray(line.get_xydata(), dtype=float),
            )
    for points in axes.collections:
        if isinstance(points, PathCollection) and len(points.get_facecolor()):
            offsets = np.ma.getdata(points.get_offsets()).astype(float)
            yield "point", to_hex(tuple(np.asarray(points.get_facecolor())[0])), str(points.get_label()), offsets


def _legend(figure: Figure) -> Mapping[str, str]:
    """What each colour of the figure's legends means, where it means one thing."""
    found: dict[str, set[str]] = {}
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()) is not None)]
    for legend in legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False):
            color = getattr(handle, "get_color", None)
            if color is not None:
                found.setdefault(to_hex(color()), set()).add(text.get_text())
    return {color: next(iter(texts)) for color, texts in found.items() if len(texts) == 1}
