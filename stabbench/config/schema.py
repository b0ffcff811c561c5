"""The blocks of params.yaml as pydantic models: which keys there are and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from stabbench.config.seeds import parse_seeds
from stabbench.errors import UserError, unknown

GLUE_DATASETS = ("rte", "mrpc", "cola", "qnli", "scitail")
EMBEDDED_DATASETS = ("acceptability", "paraphrase", "entailment")
DATASETS = (*EMBEDDED_DATASETS, *GLUE_DATASETS)
EMBEDDED_MODEL = "embedded"
OWN_KEYS = ("files", "text", "label", "labels", "metrics")
"""Keys of a task block that say what a user's own data are."""
OWN_BLOCK = "{files: {train: …, dev: …}, text: <column>, label: <column>}"


def _seeds(value: object) -> tuple[int, ...]:
    try:
        return parse_seeds(value)
    except UserError as error:
        raise ValueError(str(error)) from error


def _kept(value: object) -> tuple[int, ...]:
    return () if value in (None, [], "") else _seeds(value)


def _names(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"found {value!r}, expected a list of names such as [devlin, mosbach]")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"found '{repeated[0]}' twice, expected each name once")
    return tuple(names)


def _nothing_is_empty(value: object) -> object:
    return {} if value is None else value


def _columns(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) not in (1, 2) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"found {value!r}, expected a column such as text, or two such as [premise, hypothesis]")
    return tuple(names)


def _words(value: object) -> object:
    """A list of names; numbers and true or false are taken for words, as they stand in a column of labels."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"found {value!r}, expected a list such as [no, yes]")
    words = [str(word).lower() if isinstance(word, bool) else str(word) for word in value]
    repeated = [word for word in words if words.count(word) > 1]
    if repeated:
        raise ValueError(f"found '{repeated[0]}' twice, expected each once")
    return tuple(words)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""Names become folders, DVC stages and keys of params.yaml, so: lower case, digits, `_` and `-`."""
Names = Annotated[tuple[Name, ...], BeforeValidator(_names)]
Seeds = Annotated[tuple[int, ...], BeforeValidator(_seeds)]
KeptSeeds = Annotated[tuple[int, ...], BeforeValidator(_kept)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


def _frequency(value: float) -> float:
    if not (0 < value < 1 or (value >= 1 and value.is_integer())):
        raise ValueError(f"found {value:g}, expected a whole number, or one below 1 for less than once an epoch")
    return value


Frequency = Annotated[float, AfterValidator(_frequency)]


def _dropout(value: object) -> object:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value != "model" and not (number and 0 <= value < 1):  # type: ignore[operator]
        raise ValueError(f"found {value!r}, expected a number from 0 to below 1, or 'model' for the model's own")
    return value


Dropout = Annotated[float | Literal["model"], BeforeValidator(_dropout)]


class Block(BaseModel):
    """A block of params.yaml: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class RecipeOverrides(Block):
    """Changes to a recipe, field by field as in `stabbench.plan.Recipe`; null means "not set"."""

    learning_rate: Positive | None = None
    epochs: Positive | None = None
    total_steps: Count | None = None
    batch_size: Count | None = None
    warmup_ratio: Share | None = None
    bias_correction: bool | None = None
    adam_beta1: ShareBelowOne | None = None
    adam_beta2: ShareBelowOne | None = None
    adam_epsilon: NotNegative | None = None
    adam_formula: Literal["paper", "torch"] | None = None
    weight_decay: NotNegative | None = None
    max_grad_norm: NotNegative | None = None
    """0 switches clipping off."""
    dropout: Dropout | None = None
    """`model`: in each place what the model's config says."""
    max_length: Annotated[int, Field(ge=4)] | None = None
    legacy_segments: bool | None = None
    evaluations_per_epoch: Frequency | None = None
    gradient_norm_every: Count | None = None
    precision: Literal["fp32", "tf32", "bf16", "fp64"] | None = None

    def changes(self) -> dict[str, Any]:
        """What is set, by the names of the recipe's fields."""
        return self.model_dump(exclude_none=True)


Recipe = Annotated[RecipeOverrides, BeforeValidator(_nothing_is_empty)]


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
    """`embedded`, `package:<installed package>`, a Hugging Face folder (`./folder`) or a hub id (`owner/name`)."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    learning_rate: Positive | None = None
    """The same for all strategies that set none; null: the paper's 2e-5."""
    recipe: Recipe = RecipeOverrides()
    pretraining: PretrainingBlock | None = None

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, source: str) -> str:
        folder = source.startswith(("./", "../", "/", "~"))
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


class FilesBlock(Block):
    """A user's own tables, beside params.yaml or anywhere."""

    train: str
    dev: str


class TaskBlock(Block):
    """Labelled data: which data set, or which of a user's own files, from where, and how much of it."""

    dataset: str | None = None
    files: FilesBlock | None = None
    """Own data: CSV (any delimiter), Parquet or JSON lines, in the place of a `dataset`."""
    text: Annotated[tuple[str, ...], BeforeValidator(_columns)] | None = None
    """The column of the text, or the columns of the two texts of a pair."""
    label: str | None = None
    """The column of the label."""
    labels: Annotated[tuple[str, ...], BeforeValidator(_words)] | None = None
    """The classes in their order; null: those that the files have, in their natural order."""
    metrics: Annotated[tuple[Literal["accuracy", "f1", "mcc"], ...], BeforeValidator(_words)] | None = None
    """The headline metric first; null: accuracy, mcc."""
    source: Literal["auto", "folder", "hub", "embedded"] = "auto"
    """`auto`: the folder of STABBENCH_GLUE_DIR where that is set, else the hub; embedded tasks are always embedded."""
    revision: str | None = None
    train_size: Count | None = None
    """Size of a seeded sample of the training set; null: all of it."""
    dev_size: Count | None = None
    sample_seed: Annotated[int, Field(ge=0)] = 0
    unofficial: bool = False
    """Take files under an official data set's name whose counts, header or quoting are not the official ones."""

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, dataset: str | None) -> str | None:
        if dataset is not None and dataset not in DATASETS:
            raise ValueError(f"{unknown('data set', dataset, DATASETS)}; data of your own: {OWN_BLOCK}")
        return dataset

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> TaskBlock:
        own = [name for name in OWN_KEYS if getattr(self, name) is not None]
        official = [name for name in ("dataset", "revision") if getattr(self, name) is not None]
        official += [name for name in ("source", "unofficial") if name in self.model_fields_set]
        if not own and self.dataset is None:
            raise ValueError(f"found neither dataset nor files, expected {{dataset: <name>}} or {OWN_BLOCK}")
        if own and official:
            raise ValueError(f"found {', '.join(own)} beside {', '.join(official)}, expected one or the other")
        lacking = [name for name in ("files", "text", "label") if getattr(self, name) is None]
        if own and lacking:
            raise ValueError(f"found {', '.join(own)} without {', '.join(lacking)}, expected {OWN_BLOCK}")
        return self

    @model_validator(mode="after")
    def _source_fits(self) -> TaskBlock:
        if self.dataset is None:
            return self
        if self.source != "auto" and (self.source == "embedded") != (self.dataset in EMBEDDED_DATASETS):
            expected = "auto or embedded" if self.dataset in EMBEDDED_DATASETS else "auto, folder or hub"
            raise ValueError(f"found source '{self.source}' for data set '{self.dataset}', expected {expected}")
        if self.unofficial and self.dataset in EMBEDDED_DATASETS:
            raise ValueError(
                f"found unofficial for data set '{self.dataset}', which has no official files: leave it out"
            )
        return self


class StrategyBlock(Block):
    """How to fine-tune: one plugin or several in order, changes to its recipe, and its options."""

    plugin: Annotated[tuple[str, ...], BeforeValidator(_names)]
    """Names of installed strategies, or `./file.py:Class` beside params.yaml."""
    recipe: Recipe = RecipeOverrides()
    options: Annotated[Mapping[str, Any], BeforeValidator(_nothing_is_empty)] = Field(default_factory=dict)
    """The plugin's options by name; those of several plugins under each one's name: `{reinit: {layers: 3}}`."""


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


Named = Annotated[dict[str, Any], BeforeValidator(_nothing_is_empty)]
"""A block whose keys are its own module's."""


class Config(Block):
    """All of params.yaml. Every name of the grid has its block; those not written are filled in by `load`."""

    preset: Name = "custom"
    """Names the experiment of a tracking server, and a folder beside a tracking database."""
    seeds: Seeds
    grid: Grid
    models: dict[Name, ModelBlock]
    tasks: dict[Name, TaskBlock]
    strategies: dict[Name, StrategyBlock]
    report: Annotated[ReportBlock, BeforeValidator(_nothing_is_empty)] = ReportBlock()
    studies: Annotated[dict[Name, Named], BeforeValidator(_nothing_is_empty)] = Field(default_factory=dict)
    """Grids beyond the main one (`stabbench.studies`), each checked by its own module."""
    probes: Annotated[dict[Name, Named], BeforeValidator(_nothing_is_empty)] = Field(default_factory=dict)
    """Measurements on trained weights (`stabbench.probes`), each checked by its own module."""
    keep_weights: KeptSeeds = ()
    """Seeds whose final weights are kept with their records."""
