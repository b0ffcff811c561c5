"""Which runs the forgetting is measured of: the options, and the choice that they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from stabbench.config.values import Block, Count, Name, Names
from stabbench.probes.runs import FinishedRun


class ForgettingOptions(Block):
    """Which runs, and on which text."""

    model: Name | None = None
    task: Name | None = None
    """Null: the grid's first model and task that have failed and successful runs."""
    strategies: Names | None = None
    """Where to look for runs; null: all of the grid."""
    failed: Count = 3
    successful: Count = 3
    texts: str | None = None
    """`grammar` (held-out text of the embedded model's grammar), `wikitext-2` (its test text) or a text file, `./…`;
    null: the grammar for a model that was pretrained on it (`embedded`, `package:stabbench`), else WikiText-2."""
    max_tokens: Count = 20_000
    """Tokens of the text that are used, from its beginning."""
    max_length: Annotated[int, Field(ge=8)] = 128
    """Tokens of a sequence; longer texts are cut into pieces."""
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.15
    mask_seed: Annotated[int, Field(ge=0)] = 0


def choose(runs: Sequence[FinishedRun], failed: int, successful: int) -> list[FinishedRun]:
    """`failed` failed and `successful` successful runs, those of strategies first that have enough of both."""
    enough = {
        name: sum(run.failed for run in group) >= failed and sum(not run.failed for run in group) >= successful
        for name in {run.cell.strategy for run in runs}
        if (group := [run for run in runs if run.cell.strategy == name])
    }
    ordered = sorted(runs, key=lambda run: not enough[run.cell.strategy])
    return [
        *[run for run in ordered if run.failed][:failed],
        *[run for run in ordered if not run.failed][:successful],
    ]
