"""The perplexity of chosen runs with their top layers put back, k = 0 … L, and with the embeddings too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from stabbench.execution.loading import model_folder
from stabbench.models.families import read_architecture
from stabbench.models.tensor_files import read_tensors
from stabbench.probes.contract import Measurement, ProbeContext
from stabbench.probes.forgetting.choice import ForgettingOptions
from stabbench.probes.forgetting.language_model import LanguageModel, NoHeadError, masked_batches, token_count
from stabbench.probes.runs import FinishedRun, described, with_weights
from stabbench.training.precision import compute_type

LARGEST_LOSS = 700.0
"""In nats; the exponential of more is not a finite number."""


def measure(
    chosen: Sequence[FinishedRun],
    options: ForgettingOptions,
    text: Callable[[], tuple[str, list[str]]],
    context: ProbeContext,
) -> Measurement:
    """One row a run and k; `text` gives the held-out text's name and its lines.

    The last row of a run has its embeddings put back too: but for rounding it is the reference.
    """
    cell, settings = chosen[0].cell, context.settings
    place = {"model": cell.model, "task": cell.task}
    folder = model_folder(cell, context.root)
    architecture = read_architecture(folder, cell.spec.task.labels)
    if architecture.shares_layers:
        reason = f"All layers of {cell.model} share their weights: putting back the top k of them is not defined."
        return Measurement(facts=place, reason=reason)
    dtype = compute_type(cell.recipe().precision)
    try:
        model = LanguageModel(folder, architecture, dtype, settings.device, settings.workers)
    except NoHeadError as error:
        return Measurement(facts=place, reason=f"{cell.model} {error}, so there is no perplexity to measure.")
    name, lines = text()
    batches = masked_batches(
        folder,
        lines,
        max_tokens=options.max_tokens,
        max_length=options.max_length,
        probability=options.mask_probability,
        seed=options.mask_seed,
    )
    reference = model.loss(batches)
    runs = with_weights(chosen, context)
    stages = [*((top, False) for top in range(architecture.layers + 1)), (architecture.layers, True)]
    rows: list[dict[str, Any]] = []
    for run in runs:
        weights = read_tensors(run.kept.folder)
        for top, embeddings in stages:
            context.progress("layers put back", len(rows), len(runs) * len(stages))
            model.put_back(weights, top, embeddings=embeddings)
            head = {"strategy": run.cell.strategy, "seed": run.seed, "failed": run.record.status == "failed"}
            rows.append({**head, "top_layers": top, "embeddings": embeddings, **_point(model.loss(batches))})
    facts = {
        **place,
        "layers": architecture.layers,
        "text": name,
        "tokens": token_count(batches),
        "masked_tokens": sum(len(batch.targets) for batch in batches),
        "reference": _point(reference),
    }
    return Measurement([described(run) for run in runs], facts, {"perplexity": pd.DataFrame(rows)})


def _point(loss: float) -> dict[str, float]:
    return {"loss": loss, "perplexity": math.exp(min(loss, LARGEST_LOSS))}
