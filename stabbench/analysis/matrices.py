"""Gradient norms by weight matrix: the same matrix of every layer side by side (paper, Fig. 10 to 12)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stabbench.analysis.gradients import Pair, Run, second_half
from stabbench.analysis.layers import depth_of
from stabbench.tensor_roles import ADDED, TensorRoles

OUTSIDE = "outside the layers"
"""The kind of embeddings, pooler and classifier: one line each."""
KINDS = ("query", "key", "value", "attention output", "intermediate", "output")
"""The matrices of a layer that most models have; those of others are called by their place."""


def matrix_of(parameter: str, tensors: TensorRoles) -> tuple[str, str] | None:
    """(kind, layer) of a weight matrix; None for biases, norms and what strategies add.

    Embeddings, pooler and classifier are of the kind `OUTSIDE`, each its own layer.
    """
    role = tensors.of(parameter)
    if role.part:
        return role.part, role.layer
    return (OUTSIDE, role.layer) if role.decays and role.kind != ADDED else None


def matrix_norms(gradnorms: pd.DataFrame, tensors: TensorRoles) -> dict[str, pd.DataFrame]:
    """For each kind that the model has: L2 norm before clipping, a row a step, a column a layer, lowest first.

    Several tensors of one place (the embedding tables) are joined as the root of the sum of their squares.
    """
    names = gradnorms["parameter"].astype(str)
    places = {name: matrix_of(name, tensors) for name in names.unique()}
    kept = names.map(lambda name: places[name] is not None).to_numpy(dtype=bool)
    found = [place for name in names[kept] if (place := places[name]) is not None]
    table = pd.DataFrame(
        {
            "step": gradnorms["step"].to_numpy()[kept],
            "kind": [kind for kind, _ in found],
            "layer": [layer for _, layer in found],
            "square": gradnorms["norm"].to_numpy(dtype=np.float64)[kept] ** 2,
        }
    )
    norms = {}
    others = [kind for kind in dict.fromkeys(table["kind"]) if kind not in KINDS and kind != OUTSIDE]
    for kind in (*KINDS, *others, OUTSIDE):
        part = table[table["kind"] == kind]
        if part.empty:
            continue
        squares = part.pivot_table(index="step", columns="layer", values="square", aggfunc="sum", dropna=False)
        order: list[str] = sorted((str(name) for name in squares.columns), key=depth_of)
        norms[kind] = squares[order].pow(0.5)
    return norms


def matrix_contrast(pair: Pair) -> pd.DataFrame:
    """Median norm of every matrix over the second half of training in both runs.

    Columns kind, layer, failed, successful and ratio, which is failed over successful, NaN where the latter is 0; a
    row a matrix that both runs have.
    """
    failed, successful = (_medians(run) for run in (pair.failed, pair.successful))
    rows = [(*place, failed[place], successful[place]) for place in failed if place in successful]
    table = pd.DataFrame(rows, columns=["kind", "layer", "failed", "successful"])
    return table.assign(ratio=table["failed"] / table["successful"].where(table["successful"] > 0))


def _medians(run: Run) -> dict[tuple[str, str], float]:
    steps = run.record.result.total_steps
    norms = matrix_norms(run.record.gradnorms(), run.tensors)
    halves = {kind: second_half(table, steps) for kind, table in norms.items()}
    return {(kind, str(layer)): float(median) for kind, half in halves.items() for layer, median in half.items()}


def thinned(norms: pd.DataFrame, points: int) -> pd.DataFrame:
    """At most `points` rows: medians over windows of equally many steps, at the window's first step."""
    window = -(-len(norms) // points)
    if window <= 1:
        return norms
    places = np.arange(len(norms)) // window
    medians = norms.groupby(places).median()
    medians.index = norms.index[::window]
    return medians
