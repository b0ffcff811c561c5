"""Several strategies as one: hooks chained in the given order, scales multiplied."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

from torch import Tensor

from stabbench.errors import UserError
from stabbench.models.batch import Batch
from stabbench.strategies.contract import (
    HOOKS,
    BoundModel,
    Context,
    Strategy,
    Tensors,
    Weights,
    is_recipe_only,
    overrides,
)
from stabbench.strategies.hooks import Hook, hook_of
from stabbench.strategies.unkeyed import KeyedDraws
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective

SINGLE_OWNER = ("loss", "scored_weights")


def check_claims(strategies: Sequence[tuple[str, type[Strategy]]], settled: Container[str] = ()) -> None:
    """UserError where two of the named strategies claim the same thing.

    That is: both own a hook that can have one owner only; one has the other's code; or their recipes give a field
    different values, which is not among those `settled` in params.yaml.
    """
    for (name, first), (other, second) in combinations(strategies, 2):
        for hook in SINGLE_OWNER:
            if overrides(first, hook) and overrides(second, hook):
                raise UserError(f"strategies {name} and {other} both define `{hook}`: they cannot be composed")
        for one, base in ((first, second), (second, first)):
            if issubclass(one, base) and not is_recipe_only(base):
                raise UserError(f"strategies {name} and {other} are one method ({base.__name__}): name one of them")
        for key in first.recipe.keys() & second.recipe.keys():
            values = first.recipe[key], second.recipe[key]
            if values[0] != values[1] and key not in settled:
                raise UserError(
                    f"strategies {name} and {other} ask for different values of {key} ({values[0]} and {values[1]}): "
                    f"say which one under `recipe` in params.yaml, such as `recipe: {{{key}: {values[0]}}}`"
                )


class Owner(NamedTuple):
    """Member number `member`'s own hook, and what names it in errors."""

    function: Hook
    member: int
    name: str


@dataclass(frozen=True)
class Composition:
    """Strategies with the fixed facts of their contexts; empty for a recipe without code."""

    members: tuple[tuple[Strategy, Context], ...]
    objective: Objective = field(default_factory=objectives.find)

    @cached_property
    def hooks(self) -> Mapping[str, tuple[Owner, ...]]:
        """Who has a hook of its own, in order. Signatures are read once; a hook that nobody has costs nothing."""
        return {
            hook: tuple(
                Owner(hook_of(strategy, hook), number, f"strategy {type(strategy).__name__}: hook `{hook}`")
                for number, (strategy, _) in enumerate(self.members)
                if overrides(type(strategy), hook)
            )
            for hook in HOOKS
        }

    def overrides(self, *hooks: str) -> bool:
        """Whether any member has one of these hooks of its own."""
        return any(self.hooks[hook] for hook in hooks)

    @cached_property
    def clips_after_hooks(self) -> bool:
        """Whether no `before_update` minds that gradients are clipped after it."""
        return all(self.members[owner.member][0].clips_after_hook for owner in self.hooks["before_update"])

    @cached_property
    def scales_are_fixed(self) -> bool:
        """Whether every `scale` gives the same factors at every update."""
        return self._all_say("scales_are_fixed", "scale")

    @cached_property
    def loss_of_logits(self) -> bool:
        """Whether the loss is one of the logits of one forward pass, as the objective's own is."""
        return self._all_say("loss_of_logits", "loss")

    def _all_say(self, flag: str, hook: str) -> bool:
        """Whether all that have such a hook say this of it; one that a subclass wrote anew says so anew."""
        for owner in self.hooks[hook]:
            strategy = type(self.members[owner.member][0])
            said, written = (next(base for base in strategy.__mro__ if name in vars(base)) for name in (flag, hook))
            if not getattr(strategy, flag) or not issubclass(said, written):
                return False
        return True

    def unused_rows(self, kept: Sequence[float]) -> float:
        """What is scored of a word-embedding row that no text uses, of which decay leaves `kept` after each update."""
        strategy, ctx = Strategy(), None
        for owner in self.hooks["scored_weights"]:
            strategy, ctx = self.members[owner.member]
        factor: float = hook_of(strategy, "unused_rows")(kept, ctx)
        return factor

    def at(self, step: int, learning_rate: float) -> Moment:
        """The hooks after `step` updates, when the schedule's rate is `learning_rate`."""
        now: dict[str, Any] = {"step": step, "learning_rate": learning_rate}
        owners = self.hooks["scale"]
        factors = Factors(tuple((owner.function, replace(self.members[owner.member][1], **now)) for owner in owners))
        contexts = tuple(replace(ctx, scales=factors, **now) for _, ctx in self.members)
        return Moment(self.hooks, factors, contexts, self.objective)


@dataclass(frozen=True)
class Factors:
    """The members' `scale` hooks with what each is told."""

    scales: tuple[tuple[Hook, Context], ...]

    def __call__(self, name: str) -> tuple[float, float]:
        """The product of the members' factors for a tensor's rate and decay."""
        rate, decay = 1.0, 1.0
        for scale, ctx in self.scales:
            factors = scale(name, ctx)
            rate, decay = rate * factors[0], decay * factors[1]
        return rate, decay


@dataclass(frozen=True)
class Moment:
    """The hooks of all members as one, at one point of the training."""

    hooks: Mapping[str, tuple[Owner, ...]]
    scale: Factors
    contexts: tuple[Context, ...]
    objective: Objective

    def _call(self, owner: Owner, *arguments: Any) -> Any:
        """The hook, which draws nothing but what the run's seed keys: UnkeyedDrawError else."""
        ctx = self.contexts[owner.member]
        with KeyedDraws(owner.name, ctx.device, ctx.step):
            return owner.function(*arguments, ctx)

    def initialise(self, weights: Tensors, state: Tensors) -> None:
        """Every member's `initialise`, in order."""
        for owner in self.hooks["initialise"]:
            self._call(owner, weights, state)

    def scales_of(self, names: Sequence[str]) -> dict[str, tuple[float, float]] | None:
        """The factors of each tensor, or None where no member has a `scale` of its own."""
        owners = self.hooks["scale"]
        if not owners:
            return None
        ctx = self.contexts[owners[0].member]
        with KeyedDraws(" or ".join(owner.name for owner in owners), ctx.device, ctx.step):
            if len(owners) == 1:
                return {name: owners[0].function(name, self.scale.scales[0][1]) for name in names}
            return {name: self.scale(name) for name in names}

    def training_weights(self, weights: Weights) -> Weights:
        """The weights through every member's `training_weights`."""
        for owner in self.hooks["training_weights"]:
            weights = self._call(owner, weights)
        return weights

    def loss(self, model: BoundModel, weights: Weights, batch: Batch) -> Tensor:
        """The owner's loss, else the objective's, shape `(S,)`."""
        for owner in self.hooks["loss"]:
            loss: Tensor = self._call(owner, model, weights, batch)
            return loss
        return self.objective.loss(model(batch), batch.labels)

    def penalty(self, weights: Weights, gradients: Tensors) -> Tensor | float:
        """The sum of every member's `penalty`, shape `(S,)`; 0 where nobody has one."""
        return sum((self._call(owner, weights, gradients) for owner in self.hooks["penalty"]), start=0.0)

    def before_update(self, weights: Weights, gradients: Tensors, state: Tensors) -> None:
        """Every member's `before_update`, in order."""
        for owner in self.hooks["before_update"]:
            self._call(owner, weights, gradients, state)

    def after_update(self, weights: Tensors, state: Tensors) -> None:
        """Every member's `after_update`, in order."""
        for owner in self.hooks["after_update"]:
            self._call(owner, weights, state)

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor]) -> Weights:
        """The owner's scored weights, else the weights themselves."""
        for owner in self.hooks["scored_weights"]:
            scored: Weights = self._call(owner, weights, state)
            return scored
        return weights
