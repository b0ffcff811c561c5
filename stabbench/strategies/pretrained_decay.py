"""Weight decay towards the pretrained weights instead of towards 0."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stabbench.models.kernel import passes
from stabbench.strategies.contract import Context, Strategy, Tensors, refuse_if

OWED = "pretrained_decay.owed."


@dataclass(frozen=True)
class PretrainedDecayOptions:
    """`decay`, λ: the share of the way back to the pretrained value, by unit of learning rate."""

    decay: float = 1e-3

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.decay < float("inf"), self, "decay", "a number of 0 or more")


class PretrainedDecay(Strategy):
    """w ← w − lr·λ·(w − w0) with the pretrained value w0, in the place of plain weight decay (λ = 1e-3).

    It applies to the tensors that plain decay applies to (no biases, no LayerNorm weights), after the step, where this
    engine's own decay stands; the authors' code has it before the step, which differs in the second order of lr. New
    tensors have w0 = 0: their decay is the plain one with λ, as the authors intend (their code, by a slip in an index,
    pulls the head to its random start). Plain weight decay is 0 whatever params.yaml says. A row of the word table that
    no text uses has no gradient and is at w0 from the start, where it stays: the table may be cut to the rows in use.
    3 epochs with bias correction, as Zhang et al. train.

    At a rate of 2e-5 the default pull is 2e-8 of the way, less than half of a weight's last place in fp32: added to the
    weights by itself it would be rounded away at every update, and change no bit. So what rounding keeps is owed, and
    is paid with the pulls that follow.
    """

    description = "weight decay towards the pretrained weights, 3 epochs, bias correction"
    reference = "Zhang et al. (2021), section 7; Wiese et al. (2017)"
    recipe = {"epochs": 3.0, "bias_correction": True, "weight_decay": 0.0}
    Options = PretrainedDecayOptions
    version = "2"

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """No plain decay beside."""
        return 1.0, 0.0

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Nothing is owed yet."""
        for name, facts in ctx.facts.items():
            if facts.decays:
                state[OWED + name] = torch.zeros_like(weights[name])

    def after_update(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Go a part of the way back, at the tensor's own rate, and remember what rounding kept of it."""
        names = [name for name, facts in ctx.facts.items() if facts.decays]
        moved, debts = [weights[name] for name in names], [state[OWED + name] for name in names]
        targets = [ctx.pretrained.get(name) for name in names]
        shares = [ctx.rate(name) * ctx.options.decay for name in names]
        if passes.move_and_owe(moved, targets, debts, shares):
            return
        for weight, target, owed, share in zip(moved, targets, debts, shares, strict=True):
            owed.add_(-weight if target is None else target - weight, alpha=share)
            before = weight.clone()
            owed.sub_(weight.add_(owed).sub(before))
