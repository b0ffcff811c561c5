"""The block of the trainer `huggingface`: arguments of TrainingArguments and LoraConfig by their own names."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stabbench.errors import Mistakes, nearest, unknown

END, RECIPE = "end", "recipe"
EXTRAS = {"accelerate": "huggingface", "peft": "peft"}
"""The packages beside transformers, each with the extra that installs it."""

OF_RECIPE = {
    "learning_rate": "learning_rate", "num_train_epochs": "epochs", "max_steps": "total_steps",
    "per_device_train_batch_size": "batch_size", "warmup_steps": "warmup_ratio", "warmup_ratio": "warmup_ratio",
    "adam_beta1": "adam_beta1", "adam_beta2": "adam_beta2", "adam_epsilon": "adam_epsilon",
    "weight_decay": "weight_decay", "max_grad_norm": "max_grad_norm", "bf16": "precision", "fp16": "precision",
    "tf32": "precision",
}  # fmt: skip
"""Arguments that a recipe says, by the name of its field."""
_NOT_ONES_OWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("each run has the seed of params.yaml (`seeds`)", ("seed", "data_seed")),
    (
        "which weights are reported is the recipe's to say (`checkpoint_selection`, `early_stopping_patience`)",
        ("load_best_model_at_end", "metric_for_best_model", "greater_is_better"),
    ),
    (
        "stabbench keeps records of its own",
        (
            "output_dir", "report_to", "run_name", "project", "logging_", "log_", "save_", "push_to_hub", "hub_",
            "trackio_", "disable_tqdm",
            "include_num_input_tokens_seen", "enable_jit_checkpoint", "resume_from_checkpoint", "ignore_data_skip",
            "restore_callback_states_from_checkpoint", "skip_memory_metrics", "debug",
        ),
    ),
    (
        "stabbench evaluates, at the end or with `evaluate: recipe` as often as the recipe says",
        (
            "eval_", "do_", "per_device_eval_batch_size", "prediction_loss_only", "batch_eval_metrics",
            "include_for_metrics", "bf16_full_eval", "fp16_full_eval",
        ),
    ),
    (
        "a run is trained by one process on one device, which STABBENCH_DEVICE names",
        (
            "use_cpu", "local_rank", "ddp_", "fsdp", "fsdp_", "deepspeed", "accelerator_config", "parallelism_config",
            "dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers",
            "dataloader_prefetch_factor", "dataloader_multiprocessing_context", "dataloader_in_order",
            "average_tokens_across_devices",
        ),
    ),
    (
        "the batches are those that the recipe's batch_size makes, the last, partial one of an epoch included",
        (
            "dataloader_drop_last", "auto_find_batch_size", "remove_unused_columns", "label_names",
            "length_column_name", "use_cache",
        ),
    ),
)  # fmt: skip
"""Arguments that stabbench sets itself, by name or by how names begin that end with `_`, and why."""
_OF_LORA = {
    "task_type": "it is SEQ_CLS",
    "peft_type": "it is LORA",
    "inference_mode": "adapters are trained",
    "base_model_name_or_path": "the model is that of the cell",
    "revision": "the model is that of the cell",
    "auto_mapping": "the model is that of the cell",
    "peft_version": "the plan names it",
}


@dataclass(frozen=True)
class Options:
    """What may stand beside `plugin: huggingface`."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Any further TrainingArguments."""
    peft: Mapping[str, Any] | None = None
    """A LoraConfig, {} for its defaults; None trains all weights."""
    evaluate: str = END
    """`end`: dev is scored after the last update alone; `recipe`: as often as `evaluations_per_epoch` says."""

    def __post_init__(self) -> None:
        for name, example in (("options", "{label_smoothing_factor: 0.1}"), ("peft", "{r: 8}")):
            found = getattr(self, name)
            if not isinstance(found, Mapping) and not (name == "peft" and found is None):
                raise ValueError(f"{name}: found {found!r}, expected arguments by name, such as {example}")
        if self.evaluate not in (END, RECIPE):
            raise ValueError(f"evaluate: found {self.evaluate!r}, expected '{END}' or '{RECIPE}'")

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Options:
        """Those of a spec, which leaves defaults out."""
        return cls(**spec)

    def said(self) -> dict[str, Any]:
        """What a spec says of them: what is no default, so that a further option changes no fingerprint."""
        defaults = Options()
        plain = {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}
        return {name: value for name, value in plain.items() if value != getattr(defaults, name)}


def lacking(packages: Iterable[str]) -> str | None:
    """A sentence where one of these packages is not installed."""
    for name in packages:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return (
                f"the trainer 'huggingface' needs the package {name}, which is not installed: "
                f"`pip install 'stabbench[{EXTRAS[name]}]'`"
            )
    return None


def check_names(options: Options) -> None:
    """UserError for arguments that there are not, and for those that are not to be set here.

    And for a share of smoothing that is none, which transformers itself takes.
    """
    mistakes = Mistakes()
    smoothing = options.options.get("label_smoothing_factor", 0)
    if isinstance(smoothing, bool) or not isinstance(smoothing, int | float) or not 0 <= smoothing < 1:
        mistakes.add(f"options.label_smoothing_factor: found {smoothing!r}, expected a number from 0 to below 1")
    if options.options:
        from transformers import SchedulerType, TrainingArguments
        from transformers.training_args import OptimizerNames

        for kind, name, choices in (
            ("optimizer", "optim", OptimizerNames),
            ("schedule", "lr_scheduler_type", SchedulerType),
        ):
            known = {str(each.value) for each in choices}
            if str(options.options.get(name, next(iter(known)))) not in known:
                mistakes.add(f"options.{name}: {unknown(kind, str(options.options[name]), known)}")
        known = {item.name for item in dataclasses.fields(TrainingArguments) if item.init}
        for name in options.options:
            reason = _why_not(name)
            if reason is not None:
                mistakes.add(f"options.{name}: {reason}")
            elif name not in known:
                free = [each for each in known if _why_not(each) is None]
                mistakes.add(_unknown("options", name, "TrainingArguments", nearest(name, free)))
    if options.peft and lacking(["peft"]) is None:
        from peft import LoraConfig

        known = {item.name for item in dataclasses.fields(LoraConfig) if item.init}
        for name in options.peft:
            if name in _OF_LORA:
                mistakes.add(f"peft.{name}: {_OF_LORA[name]}: leave it out")
            elif name not in known:
                mistakes.add(_unknown("peft", name, "LoraConfig", nearest(name, known - _OF_LORA.keys())))
    mistakes.tell()


def _why_not(name: str) -> str | None:
    if name in OF_RECIPE:
        return f"set it in the recipe, as `{OF_RECIPE[name]}`"
    for reason, names in _NOT_ONES_OWN:
        if any(name == each or (each.endswith("_") and name.startswith(each)) for each in names):
            return f"{reason}: leave it out"
    return None


def _unknown(place: str, name: str, owner: str, near: str | None) -> str:
    hint = f": did you mean '{near}'?" if near else ""
    version = importlib.metadata.version("peft" if owner == "LoraConfig" else "transformers")
    return f"{place}.{name}: {owner} has no such argument in version {version}{hint}"
