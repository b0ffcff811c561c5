"""Child-Tuning (Xu et al., 2021): at every update only a part of the network learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.models.kernel import passes
from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if

LEAST = 1e-3
MASK = "child_tuning.mask."


@dataclass(frozen=True)
class ChildTuningOptions:
    """`probability`, p: the share of the gradient's entries that is kept."""

    probability: float = 0.3

    def __post_init__(self) -> None:
        refuse_if(not LEAST <= self.probability <= 1, self, "probability", f"a number from {LEAST:g} to 1")


class ChildTuningF(Strategy):
    """Task-free: g ← g·Bern(p)/p, entry by entry, drawn anew at every update (section 3.2).

    It acts after clipping and before Adam, on every tensor, as in the authors' code; decay acts on all weights as
    before. p = 0.3 is in the authors' grid (0.2, 0.3, 0.4). 3 epochs with bias correction, which their optimizer has.
    """

    description = "gradients masked at random, 3 epochs, bias correction"
    reference = "Xu et al. (2021), Child-Tuning-F"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = ChildTuningOptions
    clips_after_hook = True

    def before_update(self, weights: Weights, gradients: Tensors, state: Tensors, ctx: Context) -> None:
        """Mask every gradient."""
        places, probability = [ctx.place + name for name in gradients], ctx.options.probability
        if passes.thin(list(gradients.values()), ctx.draws[0], places, ctx.step, probability):
            return
        for name, gradient in gradients.items():
            gradient.mul_(ctx.scaled_bernoulli(name, probability, gradient.shape[1:]))


class ChildTuningD(Strategy):
    """Task-driven: only the entries that matter most to the task keep their gradient, the same ones throughout.

    What matters is told by the diagonal of the Fisher information at the start: the squared gradient of a batch's mean
    cross-entropy, averaged over the batches of one pass over the training set (section 3.3). As in the authors' code,
    the pass is a shuffled one (here that of the run's own first epoch) with dropout on; the entries of all tensors of
    the layers are ranked together, and those at or above the (1 − p) quantile are kept (p = 0.3); embeddings, pooler
    and classifier learn freely; the mask acts after clipping, and what it keeps is not scaled up. The authors clip each
    tensor's gradient within the pass, too, of which their paper says nothing: that is left out.
    """

    description = "gradients of the entries with the most Fisher information, 3 epochs, bias correction"
    reference = "Xu et al. (2021), Child-Tuning-D"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = ChildTuningOptions
    clips_after_hook = True

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Find the mask."""
        layers = range(1, ctx.architecture.layers + 1)
        names = [name for name, facts in ctx.facts.items() if facts.depth in layers]
        information = self._information(weights, names, ctx)
        least = _quantiles([information[name] for name in names], 1 - ctx.options.probability)
        for name in names:
            values = information[name]
            state[MASK + name] = values >= least.view(-1, *[1] * (values.dim() - 1))

    def _information(self, weights: Weights, names: list[str], ctx: Context) -> dict[str, Tensor]:
        """Mean squared gradients by tensor, `[S, …]`."""
        leaves = {name: weights[name].detach().requires_grad_() for name in names}
        total = {name: torch.zeros_like(leaf, requires_grad=False) for name, leaf in leaves.items()}
        for model, batch in ctx.first_epoch({**weights, **leaves}):
            with torch.enable_grad():
                loss = ctx.objective.loss(model(batch), batch.labels).sum()
                found = torch.autograd.grad(loss, list(leaves.values()))
            for name, gradient in zip(names, found, strict=True):
                total[name].addcmul_(gradient, gradient, value=1 / ctx.steps_per_epoch)
        return total

    def before_update(self, weights: Weights, gradients: Tensors, state: Tensors, ctx: Context) -> None:
        """Mask the layers' gradients."""
        names = [name for name in gradients if MASK + name in state]
        masked, kept = [gradients[name] for name in names], [state[MASK + name] for name in names]
        if passes.mask(masked, kept):
            return
        for gradient, mask in zip(masked, kept, strict=True):
            gradient.mul_(mask)


def _quantiles(tensors: list[Tensor], share: float) -> Tensor:
    """Each run's `share` quantile over the entries of all tensors together, the nearest entry above: shape `(S,)`."""
    runs = zip(*(tensor.flatten(1).unbind(0) for tensor in tensors), strict=True)
    found = []
    for parts in runs:
        entries = torch.cat(parts)
        found.append(entries.kthvalue(math.ceil(share * (len(entries) - 1)) + 1).values)
    return torch.stack(found)
