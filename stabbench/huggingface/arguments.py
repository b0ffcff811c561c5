"""From a recipe to TrainingArguments, and what of it Trainer cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stabbench.huggingface.options import RECIPE as EVALUATES_AS_RECIPE
from stabbench.huggingface.options import Options
from stabbench.models.families.huggingface.quiet import in_short, quiet_transformers
from stabbench.recipe import ADAMW as ADAMW_OF_RECIPE

if TYPE_CHECKING:
    import torch

    from stabbench.recipe import Recipe

ADAMW = ("adamw_torch", "adamw_torch_fused")
"""The optimizers whose formula the recipe's `adam_formula: torch` is."""

SCHEDULES = {
    "cosine": "cosine", "constant": "constant_with_warmup", "polynomial": "polynomial", "wsd": "warmup_stable_decay",
}  # fmt: skip
"""Trainer's names of a recipe's schedules; a linear one is its default, which `options` may change."""

ORDERS_APART = 1 << 20
"""More than a training has epochs."""


def refused_recipe(recipe: Recipe, options: Options) -> str | None:
    """A sentence where Trainer cannot do what the recipe says."""
    twice = _said_twice(recipe, options)
    if twice is not None:
        return twice
    if recipe.optimizer not in (ADAMW_OF_RECIPE, "sgd"):
        return (
            f"found optimizer '{recipe.optimizer}', which Trainer does not have in that form: use the native trainer, "
            "or leave it out and name one of Trainer's own in options.optim"
        )
    if recipe.optimizer == ADAMW_OF_RECIPE and str(options.options.get("optim", ADAMW[-1])) in ADAMW:
        if recipe.adam_formula != "torch":
            return (
                f"found adam_formula '{recipe.adam_formula}', but Trainer's AdamW adds ε to the corrected √v: set "
                "`adam_formula: torch` in the recipe (the strategy hf-default has it), or use the native trainer"
            )
        if not recipe.bias_correction:
            return (
                "found bias_correction false, but Trainer's AdamW always corrects the bias: set it to true, or use "
                "the native trainer"
            )
    if recipe.legacy_segments:
        return "found legacy_segments, which Trainer does not have: set it to false, or use the native trainer"
    if recipe.precision == "fp64":
        return "found precision 'fp64', but Trainer trains in single precision: set fp32, or use the native trainer"
    if recipe.selects and options.evaluate != EVALUATES_AS_RECIPE:
        return (
            f"the recipe reports the {recipe.reported}, and dev is scored at the end alone: set `evaluate: "
            f"{EVALUATES_AS_RECIPE}` beside `plugin: huggingface`, or leave checkpoint_selection and "
            "early_stopping_patience out"
        )
    parts = options.options.get("gradient_accumulation_steps", 1)
    if not isinstance(parts, int) or parts < 1 or recipe.batch_size % parts:
        return (
            f"found gradient_accumulation_steps {parts!r}, but a batch of {recipe.batch_size} (the recipe's "
            "batch_size, all that an update sees) has no such whole parts"
        )
    return None


def _said_twice(recipe: Recipe, options: Options) -> str | None:
    for field, default, names in (
        ("schedule", "linear", ("lr_scheduler_type", "lr_scheduler_kwargs")),
        ("optimizer", ADAMW_OF_RECIPE, ("optim", "optim_args")),
    ):
        found = getattr(recipe, field)
        twice = [name for name in names if name in options.options]
        if found != default and twice:
            return f"found {field} '{found}' in the recipe and {twice[0]} in options: leave one of them out"
    return None


def of_recipe(recipe: Recipe, options: Options, examples: int) -> dict[str, Any]:
    """The TrainingArguments that a recipe says, for a training on so many examples.

    The number of updates is the recipe's own, and so is that of the updates that warm up; `batch_size` is what an
    update sees, gradient accumulation included.
    """
    total = recipe.updates(examples)
    return {
        "learning_rate": recipe.learning_rate,
        "max_steps": total,
        "warmup_steps": recipe.warmup_updates(total),
        "per_device_train_batch_size": recipe.batch_size // options.options.get("gradient_accumulation_steps", 1),
        "adam_beta1": recipe.adam_beta1,
        "adam_beta2": recipe.beta2,
        "adam_epsilon": recipe.adam_epsilon,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm or 0.0,
        "bf16": recipe.precision == "bf16",
        **_schedule(recipe, total),
        **_optimizer(recipe),
    }


def _schedule(recipe: Recipe, total: int) -> dict[str, Any]:
    if recipe.schedule not in SCHEDULES:
        return {}
    own: dict[str, dict[str, Any]] = {
        "polynomial": {"power": recipe.schedule_power, "lr_end": 0.0},
        "wsd": {"num_decay_steps": recipe.decaying_updates(total), "decay_type": recipe.schedule_decay_shape},
    }
    return {"lr_scheduler_type": SCHEDULES[recipe.schedule], "lr_scheduler_kwargs": own.get(recipe.schedule, {})}


def _optimizer(recipe: Recipe) -> dict[str, Any]:
    if recipe.optimizer != "sgd":
        return {}
    return {
        "optim": "sgd",
        "optim_args": ",".join(f"{name}={value}" for name, value in recipe.optimizer_options.items()),
    }


def training_arguments(
    values: dict[str, Any], options: Options, folder: str, device: torch.device, *, order: int = 0, dropout: int = 0
) -> Any:
    """All TrainingArguments of a run: `values` are those of the recipe; nothing is logged, saved or shown.

    `order` and `dropout` are the seeds of these streams. accelerate draws the order of an epoch from data_seed + epoch,
    so that neighbouring seeds would share their orders, one epoch apart: they are put far from each other.
    """
    from transformers import TrainingArguments

    arguments = TrainingArguments(
        output_dir=folder,
        seed=dropout,
        data_seed=order * ORDERS_APART,
        use_cpu=device.type == "cpu",
        report_to="none",
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        disable_tqdm=True,
        log_level="error",
        **values,
        **options.options,
    )
    arguments.device  # noqa: B018  # which looks for GPUs; several would be used at once
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def refused_arguments(values: dict[str, Any], options: Options, model: Any) -> str | None:
    """A sentence where transformers refuses the arguments, their optimizer or their schedule for a model."""
    import torch
    from transformers import Trainer, get_scheduler

    if options.options.get("label_smoothing_factor") and model.config.num_labels == 1:
        return "options.label_smoothing_factor: there are no labels to smooth in a regression: leave it out"
    try:
        with quiet_transformers():
            found = training_arguments(values, options, ".", torch.device("cpu"))
            Trainer.get_optimizer_cls_and_kwargs(found, model)
            get_scheduler(
                found.lr_scheduler_type,
                optimizer=torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0),
                num_warmup_steps=values["warmup_steps"],
                num_training_steps=values["max_steps"],
                scheduler_specific_kwargs=found.lr_scheduler_kwargs,
            )
    except Exception as error:  # whatever another library says of its own arguments
        return f"options: transformers refuses these: {in_short(error)}"
    return None
