"""The surface of two chosen runs: their weights, the plane through them, and its points as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stabbench.execution.loading import load_inputs
from stabbench.files import sha256_of_json
from stabbench.models.weights import initial_weights
from stabbench.probes.contract import Measurement, ProbeContext
from stabbench.probes.kept import kept_weights
from stabbench.probes.runs import FinishedRun, described, with_weights
from stabbench.probes.surface.choice import SurfaceOptions, head_seed, share_head
from stabbench.probes.surface.plane import PlaneInputs, Point, distances
from stabbench.probes.surface.rows import Values, measure_groups
from stabbench.randomness import Draws
from stabbench.training.precision import compute_type

VERSION = 1
"""Raised whenever the numbers that a plane gives change: rows kept from before are then measured again."""
LINE_POINTS = 41
CORNERS = {"pretrained": (0.0, 0.0), "failed": (1.0, 0.0), "successful": (0.0, 1.0)}


def measure(
    failed: FinishedRun, successful: FinishedRun, options: SurfaceOptions, context: ProbeContext
) -> Measurement:
    """Tables: `surface` (alpha, beta, loss, gradient_norm), `points` (the three models) and `line`.

    `line` goes straight from the failed run (t = 0) to the successful one (t = 1). θp has the head that the failed run
    began with; `shared_head` says whether the successful one began with it too.
    """
    inputs = load_inputs(failed.cell, context.root)
    runs = with_weights([failed, successful], context)
    recipe = failed.cell.recipe()
    dtype = compute_type(recipe.precision)
    start = initial_weights(inputs.pretrained, inputs.architecture, head_seed(failed), dtype)
    first, second = (kept_weights(run, inputs.architecture, dtype) for run in runs)
    chosen = Draws(options.example_seed, "surface").permutation("examples", len(inputs.train))[: options.examples]
    texts = inputs.train.take(np.sort(chosen))
    corners = start, first, second
    whole = PlaneInputs(inputs.architecture, corners, texts, not recipe.legacy_segments, inputs.objective)
    groups = _groups(options)
    key = {
        "version": VERSION,
        "runs": [[run.record.fingerprint, run.kept.result_digest] for run in runs],
        "examples": [options.examples, options.example_seed],
        "groups": groups,
        "device": context.settings.device.partition(":")[0],
    }
    found = measure_groups(
        whole.cut(),
        groups,
        context.store.measurements(f"surface-{sha256_of_json(key)}"),
        context.settings,
        lambda done, total: context.progress("rows", done, total),
    )
    facts = {
        "model": failed.cell.model,
        "task": failed.cell.task,
        "examples": len(texts),
        "head_seed": head_seed(failed),
        "shared_head": share_head(failed, successful),
        **({"objective": dict(objective)} if (objective := failed.cell.task_facts.objective) else {}),
        **distances(whole),
    }
    return Measurement([described(run) for run in runs], facts, _tables(groups, found))


def _groups(options: SurfaceOptions) -> dict[str, list[Point]]:
    axis = np.linspace(-options.extent, options.extent, options.points).tolist()
    line = np.linspace(0, 1, LINE_POINTS).tolist()
    rows = {f"row-{number:04d}": [(alpha, beta) for alpha in axis] for number, beta in enumerate(axis)}
    return {"points": list(CORNERS.values()), "line": [(1 - t, t) for t in line], **rows}


def _tables(groups: dict[str, list[Point]], found: dict[str, Values]) -> dict[str, pd.DataFrame]:
    frames = {name: _frame(points, found[name]) for name, points in groups.items()}
    points, line = frames.pop("points"), frames.pop("line")
    points.insert(0, "point", list(CORNERS))
    line.insert(0, "t", line["beta"])
    return {"surface": pd.concat(frames.values(), ignore_index=True), "points": points, "line": line}


def _frame(points: list[Point], values: Values) -> pd.DataFrame:
    frame = pd.DataFrame(points, columns=["alpha", "beta"])
    return frame.assign(loss=[loss for loss, _ in values], gradient_norm=[norm for _, norm in values])
