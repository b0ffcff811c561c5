"""The blocks of params.yaml as pydantic models: which keys there are and what each may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from stabbench.command_line import words
from stabbench.config.tasks import TaskBlock
from stabbench.config.values import (
    AllSeeds,
    Block,
    Count,
    KeptSeeds,
    Name,
    Names,
    NotNegative,
    Positive,
    ShareBelowOne,
    names,
    nothing_is_empty,
)
from stabbench.folders import LOCAL_PATH
from stabbench.recipe import as_field, violated_range

EMBEDDED_MODEL = "embedded"
NO_MODEL = "none"
"""The source of a model that a command brings itself."""


def _in_range(name: str, value: Any) -> Any:
    wanted = violated_range(name, as_field(name, value))
    if wanted is not None:
        raise ValueError(f"found {value!r}, expected {wanted}")
    return value


def trainer_block(value: object) -> Mapping[str, Any] | None:
    """A trainer's block: a name alone is its plugin, and a `command` is the plugin of that name.

    ValueError for what is none of these.
    """
    if isinstance(value, dict) and isinstance(value.get("command"), (str, list)):
        words(value["command"])
    if value is None or (isinstance(value, dict) and isinstance(value.get("plugin"), str)):
        return value
    if isinstance(value, str):
        return {"plugin": value}
    if isinstance(value, dict) and "command" in value:
        return {"plugin": "command", **value}
    raise ValueError(
        f"found {value!r}, expected a name (huggingface), a class in a file (./my_trainer.py:MyTrainer), or a block "
        "with `plugin` or `command`"
    )


Trainer = Annotated[Mapping[str, Any] | None, BeforeValidator(trainer_block)]
"""Who trains: `plugin` names it, the other keys are its own options; None for what else says it, in the end ours."""


class RecipeOverrides(Block):
    """Changes to a recipe, field by field as in `stabbench.recipe`, which has their ranges; null means "not set"."""

    learning_rate: float | None = None
    epochs: float | None = None
    total_steps: int | None = None
    batch_size: int | None = None
    warmup_ratio: float | None = None
    schedule: str | None = None
    """What follows the warm-up: linear, cosine or polynomial decay to 0, constant, or wsd (constant, then decay)."""
    schedule_power: float | None = None
    """Of polynomial."""
    schedule_decay_share: float | None = None
    """Of wsd: the share of all updates in which the rate decays."""
    schedule_decay_shape: str | None = None
    """Of wsd: linear, cosine or 1-sqrt."""
    optimizer: str | None = None
    """An installed one (`stabbench plugins optimizers`), or `./file.py:Class` beside params.yaml."""
    optimizer_options: Mapping[str, Any] | None = None
    """Its own, by name."""
    bias_correction: bool | None = None
    adam_beta1: float | None = None
    adam_beta2: float | None = None
    adam_beta2_batch_size: int | None = None
    """The batch size that adam_beta2 is meant for: at another one its half-life in examples stays."""
    adam_epsilon: float | None = None
    adam_formula: str | None = None
    weight_decay: float | None = None
    max_grad_norm: float | None = None
    """0 switches clipping off."""
    dropout: Annotated[float | str, BeforeValidator(partial(_in_range, "dropout"))] | None = None
    """`model`: in each place what the model's config says."""
    max_length: int | None = None
    legacy_segments: bool | None = None
    evaluations_per_epoch: float | None = None
    checkpoint_selection: str | None = None
    """Which weights are reported and kept: last, or best (of the evaluations on dev)."""
    early_stopping_patience: int | None = None
    """A run ends after so many evaluations in a row without a better score."""
    gradient_norm_every: int | None = None
    precision: str | None = None

    @field_validator("*", mode="wrap")
    @classmethod
    def _is_in_range(cls, value: Any, of_its_type: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        typed = of_its_type(value)
        if typed is not None:
            _in_range(str(info.field_name), value)
        return typed

    def changes(self) -> dict[str, Any]:
        """What is set, by the names of the recipe's fields."""
        return self.model_dump(exclude_none=True)


Recipe = Annotated[RecipeOverrides, BeforeValidator(nothing_is_empty)]


class Grid(Block):
    """What is compared: every model with every task and every strategy."""

    models: Names
    tasks: Names
    strategies: Names


class PretrainingBlock(Block):
    """How the embedded model is built and pretrained as a masked language model."""

    layers: Count = 6
    hidden_size: Count = 128
    heads: Count = 4
    intermediate_size: Count = 512
    steps: Count = 2000
    batch_size: Count = 64
    learning_rate: Positive = 5e-4
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    mask_probability: Annotated[float, Field(gt=0, lt=1)] = 0.15
    max_length: Annotated[int, Field(ge=8)] = 128
    dropout: ShareBelowOne = 0.0
    weight_decay: NotNegative = 0.01
    adam_beta2: ShareBelowOne = 0.98
    max_grad_norm: Positive = 1.0
    sentences: Count = 20_000
    """Lines of the grammar's text."""
    pairs: Annotated[int, Field(ge=0)] = 5_000
    """Pairs of neighbouring sentences beside them: they train the second segment, as in BERT's own pretraining."""
    seed: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _sizes_fit(self) -> PretrainingBlock:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"found hidden_size {self.hidden_size} and heads {self.heads}, expected a multiple of heads"
            )
        if self.warmup_steps > self.steps:
            raise ValueError(f"found warmup_steps {self.warmup_steps}, expected at most steps ({self.steps})")
        return self


class ModelBlock(Block):
    """A pretrained encoder: where it comes from and the recipe values that are its own."""

    source: str = EMBEDDED_MODEL
    """`embedded`, `package:<installed package>`, a Hugging Face folder (`./folder`), a hub id (`owner/name`), or `none`
    where a command brings its own."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    learning_rate: Positive | None = None
    """The same for all strategies that set none; null: the paper's 2e-5."""
    recipe: Recipe = RecipeOverrides()
    pretraining: PretrainingBlock | None = None
    trainer: Trainer = None
    """Who trains it, where a strategy does not say so itself."""

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, source: str) -> str:
        folder = source.startswith(LOCAL_PATH)
        if not folder and not re.fullmatch(r"embedded|package:[A-Za-z0-9._-]+|[\w.-]+(/[\w.-]+)?", source, re.ASCII):
            raise ValueError(
                f"found '{source}', expected 'embedded', 'package:<name>', a folder ('./folder') or "
                "a hub id ('owner/name')"
            )
        return source

    @model_validator(mode="after")
    def _is_consistent(self) -> ModelBlock:
        if self.pretraining is not None and self.source != EMBEDDED_MODEL:
            raise ValueError(f"found a pretraining block beside source '{self.source}': only 'embedded' is pretrained")
        if self.recipe.learning_rate is not None:
            raise ValueError("found recipe.learning_rate: a model's rate is its `learning_rate`, beside `recipe`")
        return self


class StrategyBlock(Block):
    """How to fine-tune: one plugin or several in order, changes to its recipe, and its options."""

    plugin: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """Names of installed strategies, or `./file.py:Class` beside params.yaml; none where another trainer has its own
    way."""
    recipe: Recipe = RecipeOverrides()
    options: Annotated[Mapping[str, Any], BeforeValidator(nothing_is_empty)] = Field(default_factory=dict)
    """The plugin's options by name; those of several plugins under each one's name: `{reinit: {layers: 3}}`."""
    trainer: Trainer = None
    """Who trains: `native`, `huggingface`, `{command: …}`, `./my_trainer.py:MyTrainer`; null: as the model says."""

    @model_validator(mode="after")
    def _has_a_plugin(self) -> StrategyBlock:
        if not self.plugin and (self.trainer is None or self.trainer["plugin"] == "native"):
            raise ValueError("found no plugin, expected the name of a strategy, or a trainer that needs none")
        return self


class ReportBlock(Block):
    """The star's test and its level, the order of strategies, and what the page holds.

    `median`: the larger of the asymptotic and the permutation p-value of the median-centred Levene test; `mean`: the
    asymptotic p-value of the mean-centred one, as the paper has it.
    """

    levene_center: Literal["median", "mean"] = "median"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.001
    order: Literal["plan", "std"] = "plan"
    """Of strategies in tables and figures: as planned, or by std (mean rank over tasks), all-failed cells last."""
    provenance: bool = False
    """Whether the page says when, at which commit, on what and how fast runs were trained: then another training of
    the same runs changes it."""
    equivalence: Annotated[tuple[float, float], Field(strict=False)] = (0.8, 1.25)
    """Ratios of standard deviations, from one under 1 to one above it, that are declared to make no difference."""

    @field_validator("equivalence")
    @classmethod
    def _lies_around_one(cls, found: tuple[float, float]) -> tuple[float, float]:
        if not 0 < found[0] < 1 < found[1] < math.inf:
            raise ValueError("expected two ratios of standard deviations around 1, such as [0.8, 1.25]")
        return found


Named = Annotated[dict[str, Any], BeforeValidator(nothing_is_empty)]
"""A block whose keys are its own module's."""


class Config(Block):
    """All of params.yaml. Every name of the grid has its block; those not written are filled in by `load`."""

    preset: Name = "custom"
    """Names the experiment of a tracking server, and a folder beside a tracking database."""
    seeds: AllSeeds
    grid: Grid
    models: dict[Name, ModelBlock]
    tasks: dict[Name, TaskBlock]
    strategies: dict[Name, StrategyBlock]
    report: Annotated[ReportBlock, BeforeValidator(nothing_is_empty)] = ReportBlock()
    studies: Annotated[dict[Name, Named], BeforeValidator(nothing_is_empty)] = Field(default_factory=dict)
    """Grids beyond the main one (`stabbench.studies`), each checked by its own module."""
    probes: Annotated[dict[Name, Named], BeforeValidator(nothing_is_empty)] = Field(default_factory=dict)
    """Measurements on trained weights (`stabbench.probes`), each checked by its own module."""
    keep_weights: KeptSeeds = ()
    """Seeds whose final weights are kept with their records."""
