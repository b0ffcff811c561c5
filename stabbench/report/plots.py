"""Small CSV files for `dvc plots`: scores by seed, and learning curves."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stabbench.analysis.frame import finished
from stabbench.files import write_text
from stabbench.report.content import Content
from stabbench.report.tables import csv


def write_plots(content: Content, folder: Path) -> None:
    """Write scores.csv (seed, score, a `cell` to group by), train_loss.csv and dev_score.csv (step, mean, std)."""
    runs = finished(content.runs)
    scores = runs[["model", "task", "strategy", "seed", "score", "failed"]].assign(cell=_names(runs))
    write_text(folder / "scores.csv", csv(scores, digits=6))
    losses: list[pd.DataFrame] = []
    dev_scores: list[pd.DataFrame] = []
    for cell, by_outcome in content.curves.items():
        for curves in by_outcome:
            for curve, tables in ((curves.train_loss, losses), (curves.dev_score, dev_scores)):
                table = pd.DataFrame({"step": curve.step.astype(int), "mean": curve.mean, "std": curve.std})
                tables.append(
                    table.assign(
                        curve=f"{cell} ({curves.outcome})", cell=cell, outcome=curves.outcome, runs=curves.runs
                    )
                )
    columns = ["curve", "cell", "outcome", "runs", "step", "mean", "std"]
    for name, tables in (("train_loss", losses), ("dev_score", dev_scores)):
        table = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
        write_text(folder / f"{name}.csv", csv(table, digits=6))


def _names(runs: pd.DataFrame) -> pd.Series:
    return runs["model"] + "/" + runs["task"] + "/" + runs["strategy"]
