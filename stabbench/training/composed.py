"""A training's strategies as one, each told what it may know."""

from __future__ import annotations

from stabbench.randomness import Draws
from stabbench.strategies.composition import Composition
from stabbench.strategies.contract import Context
from stabbench.training.first_epoch import first_epoch
from stabbench.training.parts import Parts


def composed(parts: Parts) -> Composition:
    """The inputs' strategies with the facts of the training that do not change."""
    pretrained = parts.pretrained()
    draws = [Draws(seed["strategy"], "strategy") for seed in parts.seeds]
    members = []
    for number, (strategy, options) in enumerate(parts.inputs.strategies):
        context = Context(
            options=options,
            architecture=parts.inputs.architecture,
            facts=parts.facts,
            pretrained=pretrained,
            total_steps=parts.schedule.total_steps,
            steps_per_epoch=parts.schedule.steps_per_epoch,
            draws=draws,
            device=parts.device,
            dtype=parts.dtype,
            objective=parts.inputs.objective,
            place=f"{number}:",
            first_epoch=lambda weights: first_epoch(parts, weights),
        )
        members.append((strategy, context))
    return Composition(tuple(members), parts.inputs.objective)
