"""What a plan says of a model that Trainer is to train, from its config and tokenizer alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stabbench.errors import UserError
from stabbench.huggingface.arguments import of_recipe, refused_arguments
from stabbench.huggingface.classifier import outline, with_adapters
from stabbench.huggingface.options import Options
from stabbench.huggingface.texts import reading_by
from stabbench.models import families
from stabbench.models.families.huggingface.network import offset_of
from stabbench.models.families.huggingface.reading import layer_lists, module_tensors, named_parts, output_layer
from stabbench.models.reading import reading
from stabbench.models.roles import roles_of, roles_of_facts
from stabbench.recipe import Recipe
from stabbench.tasks.prepared import PreparedTask
from stabbench.tensor_roles import TensorRoles


@dataclass(frozen=True)
class Outline:
    """A model without weights: what its tensors are, how many positions and ids it has, and what cannot be done."""

    roles: TensorRoles
    positions: int | None
    """None where no table limits them."""
    ids: int
    refused: str | None


def outline_of(
    folder: Path, content_hash: str, outputs: int, recipe: Recipe, options: Options, examples: int
) -> Outline:
    """The outline of a folder's classifier, looked at once a process; UserError where there is none."""
    said = json.dumps(options.said(), sort_keys=True)
    return _outline(folder, content_hash, outputs, recipe, said, examples)


@lru_cache(maxsize=32)
def _outline(folder: Path, content_hash: str, outputs: int, recipe: Recipe, said: str, examples: int) -> Outline:
    options = Options.of(json.loads(said))
    model = outline(folder, outputs, recipe)
    roles, config = _roles(folder, model, outputs), model.config.get_text_config()
    positions = getattr(config, "max_position_embeddings", None)
    ids = model.get_input_embeddings().num_embeddings
    trained, limit = with_adapters(model, options.peft), positions and int(positions) - offset_of(model)
    refused = refused_arguments(of_recipe(recipe, options, examples), options, trained)
    return Outline(roles, limit, ids, refused)


def _roles(folder: Path, model: Any, outputs: int) -> TensorRoles:
    """As for the native trainer where a family of ours reads the model, else from the tree of its modules."""
    try:
        return roles_of(families.read_architecture(folder, outputs))
    except UserError:
        base = str(model.base_model_prefix)
        lists, layers = _longest_lists(model)
        head = output_layer(model, base, outputs) or ""
        tensors = named_parts(module_tensors(model, base, [f"{base}.{name}." for name in lists], layers, head))
        return roles_of_facts({tensor.name: tensor.facts for tensor in tensors}, layers)


def _longest_lists(model: Any) -> tuple[list[str], int]:
    """The lists of layers inside the model's base, and how many layers each has."""
    lists = [module for module in model.base_model.modules() if isinstance(module, torch.nn.ModuleList)]
    layers = max((len(found) for found in lists), default=0)
    return (layer_lists(model.base_model, layers) if layers else []), layers


def tokens_of(folder: Path, content_hash: str, task: PreparedTask, recipe: Recipe) -> dict[str, Any]:
    """What the folder's tokenizer makes of the task's texts, as plan files say it."""
    try:
        return reading(folder, content_hash, task).facts(recipe.max_length)
    except UserError:  # it lacks what a masked language model's has
        return reading_by(str(folder), content_hash, task)[0].facts(recipe.max_length)


def refused_texts(folder: Path, content_hash: str, task: PreparedTask, recipe: Recipe, found: Outline) -> str | None:
    """A sentence where the model has no place for as many tokens, or for their ids."""
    if found.positions is not None and recipe.max_length > found.positions:
        return (
            f"the model has {found.positions} positions, max_length is {recipe.max_length}: set it to "
            f"{found.positions} or less"
        )
    read, largest = reading_by(str(folder), content_hash, task)
    if np.median(read.lengths) == 0:
        return f"the tokenizer in {folder} makes no tokens of the task's texts: take the one that belongs to the model"
    if largest >= found.ids:
        return (
            f"the tokenizer gives id {largest}, but the model has {found.ids} of them: the two do not belong together"
        )
    return None
