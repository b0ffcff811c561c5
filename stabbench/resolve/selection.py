"""Whether a cell's runs can report what its recipe says: the trainer selects, and there is something to choose from."""

from __future__ import annotations

from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.recipe import BEST, Recipe
from stabbench.resolve.trainer import ResolvedTrainer
from stabbench.training.schedule import Schedule


def check_selection(cell: Cell, trainer: ResolvedTrainer) -> None:
    """UserError where a selection among evaluations would decide nothing, or nobody would make it."""
    recipe = cell.known_recipe()
    if recipe is None or not recipe.selects:
        return
    name = "checkpoint_selection" if recipe.checkpoint_selection == BEST else "early_stopping_patience"
    if not trainer.trainer.selects_checkpoints:
        raise UserError(
            f"{cell.name}: found {name} {getattr(recipe, name)!r} in the recipe, and the trainer '{trainer.name}' does "
            "not go by it: leave it out, or take the native trainer or huggingface"
        )
    reason = idle_selection(recipe, len(Schedule.of(recipe, cell.task_facts.counts["train"]).evaluations()))
    if reason is not None:
        raise UserError(f"{cell.name}: {reason}")


def idle_selection(recipe: Recipe, evaluations: int) -> str | None:
    """A sentence where so many evaluations leave nothing to choose, or none after which a run could end early."""
    more = f"raise evaluations_per_epoch (found {recipe.evaluations_per_epoch:g}) or the epochs"
    found = f"dev is scored {evaluations} time{'s' * (evaluations > 1)}"
    if recipe.checkpoint_selection == BEST and evaluations < 2:
        return f"checkpoint_selection '{BEST}' has nothing to choose from, as {found}: {more}, or leave it out"
    patience = recipe.early_stopping_patience
    if patience is not None and evaluations < patience + 2:
        return (
            f"early_stopping_patience {patience} never ends a run, as {found} and it takes {patience + 2} (a first "
            f"one, {patience} no better, and one that is saved): {more}, or lower it"
        )
    return None
