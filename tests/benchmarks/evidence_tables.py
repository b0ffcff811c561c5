"""Invented tables of a report, for what is said of the paper's claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.evidence.data import EvidenceCell, models
from stabbench.files import write_json, write_text

PLACE = {"model": "deep", "task": "yields"}


def write_table(folder: Path, path: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table about the model and the task of `PLACE`."""
    write_text(folder / path, pd.DataFrame([{**PLACE, **row} for row in rows]).to_csv(index=False))


def stability(**failed: tuple[int, int]) -> list[dict[str, Any]]:
    """Rows of stability.csv: of each strategy how many of how many runs failed."""
    return [{"strategy": name.replace("_", "-"), "n": n, "failed": k} for name, (k, n) in failed.items()]


def pair(first: str, second: str, failed: tuple[int, int], p: float, **numbers: float) -> dict[str, Any]:
    """A row of pairwise.csv: 25 runs a side."""
    sides = {"strategy_a": first, "strategy_b": second, "n_a": 25, "n_b": 25}
    counts = {"failed_a": failed[0], "failed_b": failed[1], "p_fisher": p}
    return {**sides, **counts, "std_ratio": None, "std_ratio_low": None, "std_ratio_high": None, **numbers}


def perplexity(folder: Path, losses: Mapping[tuple[bool, int], Sequence[float]], before: float = 1.0) -> None:
    """The probe's table: of each run (failed, seed) the loss with 0, 1, … top layers put back."""
    rows = [
        {"strategy": "devlin", "seed": seed, "failed": failed, "top_layers": k, "embeddings": False, "loss": loss,
         "perplexity": 2.72**loss}
        for (failed, seed), run in losses.items()
        for k, loss in enumerate(run)
    ]  # fmt: skip
    layers = len(next(iter(losses.values()))) - 1
    write_text(folder / "studies/forgetting/perplexity.csv", pd.DataFrame(rows).to_csv(index=False))
    facts = {"layers": layers, "reference": {"loss": before, "perplexity": 2.72**before}, **PLACE}
    write_json(folder / "studies/forgetting/facts.json", facts)


def plane(folder: Path, losses: Sequence[float], norms: tuple[float, float]) -> None:
    """The probe surface: losses from the failed run to the successful one, and gradient norms around the two."""
    line = {"t": [k / (len(losses) - 1) for k in range(len(losses))], "loss": losses}
    steps = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    points = [
        {"alpha": alpha, "beta": beta, "gradient_norm": norms[0] if alpha > beta else norms[1]}
        for alpha in steps
        for beta in steps
    ]
    corners = [
        {"point": "failed", "alpha": 1, "beta": 0, "loss": losses[0]},
        {"point": "successful", "alpha": 0, "beta": 1, "loss": losses[-1]},
    ]
    write_text(folder / "studies/surface/points.csv", pd.DataFrame(corners).to_csv(index=False))
    write_text(folder / "studies/surface/line.csv", pd.DataFrame(line).to_csv(index=False))
    write_text(folder / "studies/surface/surface.csv", pd.DataFrame(points).to_csv(index=False))
    write_json(folder / "studies/surface/facts.json", PLACE)


def cell(
    folder: Path, rows: Sequence[Mapping[str, Any]] = ({"strategy": "devlin", "n": 25, "failed": 9},)
) -> EvidenceCell:
    """The only cell of a model in `folder`, with these rows of stability.csv."""
    write_table(folder, "tables/stability.csv", rows)
    write_text(folder / "model.yaml", "title: A deep model\n")
    ((found,),) = (model.cells for model in models(folder.parent))
    return found
