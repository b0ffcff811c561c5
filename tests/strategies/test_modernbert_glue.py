"""modernbert-glue trains as torch's AdamW with the values of the authors' notebook."""

from __future__ import annotations

import torch

from stabbench.strategies.contract import is_recipe_only
from stabbench.strategies.modernbert_glue import ModernBertGlue
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.reference import batches, check_equal, model_at_the_start, trainers_losses


def test_it_trains_as_torchs_optimizer_with_the_notebooks_values() -> None:
    """At a rate at which a tiny model learns, and a decay that can be seen in one."""
    recipe = {**ModernBertGlue.recipe, "learning_rate": 3e-3, "epochs": 6.0, "weight_decay": 0.05}
    inputs = tiny.inputs(dropout=0.0, **recipe)
    (result,) = train(inputs, tiny.seeds(3))
    model, seen = model_at_the_start(inputs, 3), list(batches(inputs, 3))
    decays = [parameter for parameter in model.parameters() if parameter.dim() == 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.98), eps=1e-6)
    check_equal(result, trainers_losses(model, seen, optimizer), model)
    assert len(seen) == 6 * 3


def test_its_values_are_the_notebooks() -> None:
    recipe = ModernBertGlue.recipe
    assert (recipe["learning_rate"], recipe["epochs"], recipe["batch_size"]) == (8e-5, 2.0, 32)
    assert (recipe["adam_beta1"], recipe["adam_beta2"], recipe["adam_epsilon"]) == (0.9, 0.98, 1e-6)
    assert (recipe["weight_decay"], recipe["warmup_ratio"], recipe["max_grad_norm"]) == (8e-6, 0.0, 1.0)


def test_it_is_plain_data() -> None:
    assert is_recipe_only(ModernBertGlue)
