"""For `dvc plots`: scores by seed and learning curves as small CSV files, and how DVC is to draw them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pandas as pd

from stabbench.analysis.curves import Curve, LearningCurves
from stabbench.analysis.frame import CELL, finished
from stabbench.analysis.place import Place
from stabbench.files import write_text
from stabbench.records.content import UNJUDGED
from stabbench.report.content import Content
from stabbench.report.shown import HUNDREDTHS, Shown
from stabbench.report.tables import csv


def write_plots(content: Content, folder: Path) -> None:
    """Write scores.csv (seed, score, a `cell` to group by), train_loss.csv and dev_score.csv (step, mean, std).

    A cell with a run of which no score is known is left out of scores.csv: its box would be that of the others.
    Beside them scores.json and curves.json, the Vega-Lite templates that dvc.yaml names: a panel a task, a box and
    every seed's point (or a curve) a strategy, revisions side by side.
    """
    for name in ("scores", "curves"):
        template = resources.files("stabbench.report").joinpath("templates", f"dvc-{name}.json")
        text = _in_units(template.read_text(encoding="utf-8"), content.units)
        write_text(folder / f"{name}.json", _with_unjudged(text) if content.runs["failed"].isna().any() else text)
    runs = finished(content.runs)
    known = runs.groupby(CELL, observed=True)["score"].transform(lambda scores: scores.notna().all())
    runs = runs[known.astype(bool)]
    place = runs["model"] + "/" + runs["task"]
    scores = runs[["model", "task", "strategy", "seed", "score", "failed"]]
    scores = scores.assign(cell=place + "/" + runs["strategy"], place=place)
    if content.units != HUNDREDTHS:
        scores = scores.assign(times=[Shown.of(content.scoring, str(metric)).factor for metric in runs["metric"]])
    write_text(folder / "scores.csv", csv(scores, digits=6))
    columns = ["curve", "cell", "place", "strategy", "outcome", "runs", "step", "mean", "std"]
    for name in ("train_loss", "dev_score"):
        tables = [
            _rows(cell, curves, getattr(curves, name)) for cell, found in content.curves.items() for curves in found
        ]
        table = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
        write_text(folder / f"{name}.csv", csv(table, digits=6))


def _in_units(template: str, units: str) -> str:
    """A template for scores in these units: where some are no fractions, each row says by what it is drawn times.

    A row of a revision without such scores does not say it.
    """
    if units == HUNDREDTHS:
        return template
    times = "(isValid(datum.times) ? toNumber(datum.times) : 100)"
    return template.replace("100 * toNumber(", f"{times} * toNumber(").replace("score × 100", f"score ({units})")


def _with_unjudged(template: str) -> str:
    """A template for runs of which some have no `failed`: nobody knows whether these did."""
    outcome = f"'failed' : isValid(datum.failed) && datum.failed !== '' ? 'successful' : '{UNJUDGED}'"
    domain = template.replace('["successful", "failed"]', f'["successful", "failed", "{UNJUDGED}"]')
    return domain.replace("'failed' : 'successful'", outcome).replace(
        '["circle", "cross"]', '["circle", "cross", "circle"]'
    )


def _rows(cell: Place, curves: LearningCurves, curve: Curve) -> pd.DataFrame:
    return pd.DataFrame({"step": curve.step.astype(int), "mean": curve.mean, "std": curve.std}).assign(
        curve=f"{cell.name} ({curves.outcome})",
        cell=cell.name,
        place=cell.whole.name,
        strategy=cell.strategy,
        outcome=curves.outcome,
        runs=curves.runs,
    )
