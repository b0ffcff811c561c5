"""The paper's claims (Mosbach et al., 2021), and what a model's cells say of each.

A claim holds, holds in part, does not hold, or cannot be told; in which case it says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from benchmarks.evidence.data import EvidenceCell, Model
from benchmarks.evidence.mechanism import (
    few_updates,
    loss_of_guessing,
    low_loss_steadier,
    successful_forget,
    top_layers_forget,
    vanishing,
)
from benchmarks.evidence.outcomes import (
    beyond_noise,
    correction_prevents,
    default_fails,
    long_prevents,
    mixout_helps_less,
    more_rates_train,
    steadier,
)
from benchmarks.evidence.rules import DEFAULT, Found
from benchmarks.evidence.surfaces import barrier_between, valley_around_failed


@dataclass(frozen=True)
class Claim:
    """A claim of the paper with the function that looks for it in a cell."""

    key: str
    says: str
    look: Callable[[EvidenceCell], Found]

    @property
    def rule(self) -> str:
        """What makes it hold, in part or not at all."""
        return " ".join((self.look.__doc__ or "").split())


CLAIMS = (
    Claim("default-fails", "the default recipe fails under some seeds", default_fails),
    Claim("correction-prevents", "bias correction prevents failures", correction_prevents),
    Claim("rates", "over several learning rates bias correction makes fewer runs fail", more_rates_train),
    Claim("long-prevents", "20 epochs with bias correction prevent them", long_prevents),
    Claim("mixout", "Mixout helps less than that", mixout_helps_less),
    Claim("steadier", "the std is significantly smaller (Levene, p < .001)", steadier),
    Claim("beyond-noise", "– beyond the noise of the dev set", beyond_noise),
    Claim("vanishing", "in failed runs the gradients of the lower layers vanish", vanishing),
    Claim("few-updates", "few updates, rather than few examples, are the trouble", few_updates),
    Claim("guessing", "failed runs keep the loss of guessing", loss_of_guessing),
    Claim("low-loss", "a low training loss comes with steadier scores", low_loss_steadier),
    Claim("forgetting", "forgetting is not what makes runs fail: successful ones forget, too", successful_forget),
    Claim("top-layers", "it is the top layers that forget", top_layers_forget),
    Claim("valley", "failed runs end in a valley of higher loss and small gradients", valley_around_failed),
    Claim("barrier", "a barrier of the loss separates failed from successful runs", barrier_between),
)


def findings(models: Sequence[Model]) -> pd.DataFrame:
    """A row a claim and cell: `claim`, `model`, `cell`, `verdict`, `numbers`; claims in the paper's order.

    The claims are about what is wrong with devlin: a cell without it says nothing of them.
    """
    return pd.DataFrame(
        [
            (claim.key, model.folder.name, cell.name, *claim.look(cell))
            for claim in CLAIMS
            for model in models
            for cell in model.cells
            if cell.side(DEFAULT) is not None
        ],
        columns=["claim", "model", "cell", "verdict", "numbers"],
    )
