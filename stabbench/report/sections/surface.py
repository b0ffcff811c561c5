"""Fig. 7 and 13: the loss surface through the pretrained, a failed and a successful model."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.surfaces import barrier, neighbourhood, radius_of
from stabbench.report.content import Content
from stabbench.report.figures.surface import surface_figure
from stabbench.report.grid import Grid
from stabbench.report.measurement import MeasuredProbe, run_name
from stabbench.report.section import Section, SectionFigure

LABELS = {"pretrained": "pretrained", "failed": "failed", "successful": "successful"}
FLAT = 0.01
"""Nats; a line that rises by less has no barrier to speak of."""


def section(probe: MeasuredProbe, content: Content) -> Section:
    """Loss and gradient norm in the plane; where nothing was measured, why."""
    title = f"Loss surface{probe.place}"
    looks_for = (
        "f(α, β) = L(θp + α·(θf − θp) + β·(θs − θp)), the loss in the plane through the pretrained model θp, a failed "
        "run θf and a successful one θs, and beside it the total gradient norm. In the paper the failed run lies in a "
        "valley of high loss and small gradients, with a barrier between it and the successful one (figures 7 and 13)."
    )
    if probe.reason is not None:
        return Section(probe.name, title, looks_for, [probe.reason], facts=_facts(probe))
    surface, line = probe.table("surface"), probe.table("line")
    points = probe.table("points").set_index("point")
    found = [
        _runs_sentence(probe),
        _loss_sentence(points, probe),
        _barrier_sentence(line),
        _gradient_sentence(surface, points),
        *probe.remarks(content),
    ]
    marks = {LABELS[str(name)]: (float(row["alpha"]), float(row["beta"])) for name, row in points.iterrows()}
    figure = surface_figure(surface, marks, ("failed", "successful"))
    return Section(
        name=probe.name,
        title=title,
        looks_for=looks_for,
        found=found,
        figures=[SectionFigure("surface", figure, "Loss and gradient norm in a plane. " + " ".join(found), "surface")],
        tables=[("The three models", _grid(points))],
        data={"surface": surface, "points": points.reset_index(), "line": line},
        facts=_facts(probe),
    )


def _facts(probe: MeasuredProbe) -> dict[str, object]:
    return {"options": dict(probe.options), "runs": list(probe.chosen), **probe.facts}


def _runs_sentence(probe: MeasuredProbe) -> str:
    failed, successful = probe.chosen
    facts = probe.facts
    head = (
        "both began with this head"
        if facts["shared_head"]
        else "the failed run began with this head, the successful one with another, since no two runs share one"
    )
    angle = "" if facts["cosine"] is None else f", the cosine of the angle between the two ways {facts['cosine']:.2f}"
    return (
        f"θp is the pretrained model with the new head of seed {facts['head_seed']}, θf the failed run "
        f"{run_name(failed)}, θs the successful run {run_name(successful)}; {head}. "
        f"‖θf − θp‖ is {facts['length_failed']:.3g}, ‖θs − θp‖ {facts['length_successful']:.3g}{angle}."
    )


def _loss_sentence(points: pd.DataFrame, probe: MeasuredProbe) -> str:
    loss = points["loss"]
    return (
        f"On {probe.facts['examples']} training examples the loss is {loss['pretrained']:.3g} at θp, "
        f"{loss['failed']:.3g} at θf and {loss['successful']:.3g} nats at θs."
    )


def _barrier_sentence(line: pd.DataFrame) -> str:
    top = barrier(line)
    if top is None:
        return "Along the straight line from θf to θs (dashed) the loss is not finite everywhere."
    if top.height < FLAT:
        return "Along the straight line from θf to θs (dashed) the loss never rises above its higher end: no barrier."
    return (
        f"Along the straight line from θf to θs (dashed) the loss rises to {top.loss:.3g} nats at {top.t:.0%} of the "
        f"way, {top.height:.2g} above the higher end: a barrier."
    )


def _gradient_sentence(surface: pd.DataFrame, points: pd.DataFrame) -> str:
    radius = radius_of(surface)
    norm = points["gradient_norm"]
    near = {
        name: neighbourhood(surface, float(row["alpha"]), float(row["beta"]), "gradient_norm", radius)
        for name, row in points.iterrows()
    }
    text = (
        f"The total gradient norm is {norm['pretrained']:.2g} at θp, {norm['failed']:.2g} at θf and "
        f"{norm['successful']:.2g} at θs"
    )
    (around_failed, failed), (around_successful, successful) = near["failed"], near["successful"]
    if around_failed and around_successful:
        text += (
            f"; its median over the points of the grid within {radius:.2g} of θf ({around_failed}) is "
            f"{failed:.2g}, of θs ({around_successful}) {successful:.2g}"
        )
    return text + "."


def _grid(points: pd.DataFrame) -> Grid:
    rows = [[LABELS[str(name)], f"{row['loss']:.4g}", f"{row['gradient_norm']:.3g}"] for name, row in points.iterrows()]
    return Grid(["model", "loss (nats)", "total gradient norm"], rows)
