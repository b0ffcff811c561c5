"""For `dvc plots`: scores by seed and learning curves as small CSV files, and how DVC is to draw them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pandas as pd

from stabbench.analysis.frame import finished
from stabbench.files import write_text
from stabbench.report.content import Content
from stabbench.report.tables import csv


def write_plots(content: Content, folder: Path) -> None:
    """Write scores.csv (seed, score, a `cell` to group by), train_loss.csv and dev_score.csv (step, mean, std).

    Beside them scores.json and curves.json, the Vega-Lite templates that dvc.yaml names: a panel a task, a box and
    every seed's point (or a curve) a strategy, revisions side by side.
    """
    for name in ("scores", "curves"):
        template = resources.files("stabbench.report").joinpath("templates", f"dvc-{name}.json")
        write_text(folder / f"{name}.json", template.read_text(encoding="utf-8"))
    runs = finished(content.runs)
    scores = runs[["model", "task", "strategy", "seed", "score", "failed"]].assign(
        cell=_names(runs), place=runs["model"] + "/" + runs["task"]
    )
    write_text(folder / "scores.csv", csv(scores, digits=6))
    losses: list[pd.DataFrame] = []
    dev_scores: list[pd.DataFrame] = []
    for place, by_outcome in content.curves.items():
        for curves in by_outcome:
            for curve, tables in ((curves.train_loss, losses), (curves.dev_score, dev_scores)):
                table = pd.DataFrame({"step": curve.step.astype(int), "mean": curve.mean, "std": curve.std})
                tables.append(
                    table.assign(
                        curve=f"{place.name} ({curves.outcome})",
                        cell=place.name,
                        place=place.whole.name,
                        strategy=place.strategy,
                        outcome=curves.outcome,
                        runs=curves.runs,
                    )
                )
    columns = ["curve", "cell", "place", "strategy", "outcome", "runs", "step", "mean", "std"]
    for name, tables in (("train_loss", losses), ("dev_score", dev_scores)):
        table = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
        write_text(folder / f"{name}.csv", csv(table, digits=6))


def _names(runs: pd.DataFrame) -> pd.Series:
    return runs["model"] + "/" + runs["task"] + "/" + runs["strategy"]
