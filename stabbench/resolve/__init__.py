"""From params.yaml, tasks, models and strategies to the plan: what each cell will run, in full."""

from __future__ import annotations

from stabbench.resolve.cell import effective_recipe, resolve_task
from stabbench.resolve.early import check_options
from stabbench.resolve.planning import plan, plan_cell, plan_variations
from stabbench.resolve.strategy import ResolvedStrategy, options_of, resolve_strategy
from stabbench.resolve.trainer import trainer_mistakes

__all__ = [
    "ResolvedStrategy",
    "check_options",
    "effective_recipe",
    "options_of",
    "plan",
    "plan_cell",
    "plan_variations",
    "resolve_strategy",
    "resolve_task",
    "trainer_mistakes",
]
