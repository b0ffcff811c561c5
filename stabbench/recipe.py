"""The recipe of a fine-tuning as plain data: every hyperparameter, its range, and what follows from it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

PRECISIONS = ("fp32", "tf32", "bf16", "fp64")

SCHEDULES = ("linear", "cosine", "constant", "polynomial", "wsd")
DECAY_SHAPES = ("linear", "cosine", "1-sqrt")
LAST, BEST = SELECTIONS = ("last", "best")
"""Whose weights a run reports: those after its last update, or those of its best evaluation on dev."""
ADAMW = "adamw"
"""The optimizer of recipes that name none."""

MOST_EPOCHS, MOST_UPDATES = 1_000_000, 1_000_000_000
"""More would be years of training: a slip of the pen."""

OWN_DROPOUT = "model"
"""The recipe's dropout where each place of the model has its own probability."""


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one fine-tuning run (paper, Table 3), with BERT's values as defaults.

    Raises ValueError where a value is out of its range.
    """

    learning_rate: float = 2e-5
    epochs: float = 3.0
    total_steps: int | None = None
    """Number of updates; None means `epochs` times the steps of an epoch."""
    batch_size: int = 16
    warmup_ratio: float = 0.1
    schedule: str = "linear"
    """What follows the warm-up: `linear`, `cosine` or `polynomial` decay to 0, `constant`, or `wsd`: constant, and then
    decay to 0 at the end (warm-up, stable, decay)."""
    schedule_power: float = 2.0
    """Of `polynomial`: the power of the share of updates that are left."""
    schedule_decay_share: float = 0.2
    """Of `wsd`: the share of all updates in which the rate decays."""
    schedule_decay_shape: str = "linear"
    """Of `wsd`: how it decays, `linear`, `cosine` or `1-sqrt`."""
    optimizer: str = ADAMW
    """An installed optimizer (`stabbench plugins optimizers`), or `./file.py:Class`."""
    optimizer_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What it has of its own, by name."""
    bias_correction: bool = True
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_beta2_batch_size: int | None = None
    """The batch size that `adam_beta2` is meant for: with another one it is raised to the power of their ratio, so that
    a squared gradient counts half after the same number of examples; None: `adam_beta2` is per update."""
    adam_epsilon: float = 1e-6
    adam_formula: str = "paper"
    """`paper`: equations 1-2, ε beside the biased √v, decay after the step; `torch`: as `torch.optim.AdamW`."""
    weight_decay: float = 0.01
    max_grad_norm: float | None = 1.0
    dropout: float | str = 0.1
    """On hidden states, attention probabilities and before the classifier; `model`: in each place what the model's
    config says."""
    max_length: int = 128
    legacy_segments: bool = False
    """Segment ids all zero, as the authors' code had them on pair tasks."""
    evaluations_per_epoch: float = 3.0
    """A whole number, or below 1: 0.25 is once every four epochs. There is always one at the end."""
    checkpoint_selection: str = LAST
    """Which weights are reported and kept: `last`, or `best`: those of the evaluation on dev with the best headline
    score, the earliest of ties."""
    early_stopping_patience: int | None = None
    """A run ends after so many evaluations in a row that are no better than the best before them; None: never."""
    gradient_norm_every: int = 10
    precision: str = "fp32"
    """Matrix products in `fp32` (the paper's), `tf32` or `bf16`, all else in fp32; or everything in `fp64`."""

    def __post_init__(self) -> None:
        wrong = [
            f"{name}: found {value!r}, expected {wanted}"
            for name, value in vars(self).items()
            if (wanted := violated_range(name, value)) is not None
        ]
        if self.schedule == "wsd" and Fraction(str(self.warmup_ratio)) + Fraction(str(self.schedule_decay_share)) > 1:
            wrong.append(
                f"schedule_decay_share: found {self.schedule_decay_share!r} beside warmup_ratio {self.warmup_ratio!r}, "
                "expected 1 at most together"
            )
        if wrong:
            raise ValueError("; ".join(wrong))

    @property
    def beta2(self) -> float:
        """The decay of Adam's second moment at each update: β2^(B'/B) at batch size B' where it is meant for B.

        β^n = ½ after n = ln ½ / ln β updates, so after n·B examples; B'·ln ½ / ln β' is the same for β' = β^(B'/B).
        """
        meant = self.adam_beta2_batch_size
        return self.adam_beta2 if meant is None else float(self.adam_beta2 ** (self.batch_size / meant))

    @property
    def selects(self) -> bool:
        """Whether scores on dev decide which weights are reported, or when a run ends."""
        return self.checkpoint_selection != LAST or self.early_stopping_patience is not None

    @property
    def reported(self) -> str:
        """Which weights its runs report, in words, the same for recipes whose scores may be compared."""
        chosen = "last step" if self.checkpoint_selection == LAST else "best on dev"
        patience = self.early_stopping_patience
        return chosen if patience is None else f"{chosen}, early stopping (patience {patience})"

    @property
    def one_dropout(self) -> float | None:
        """The probability of dropout in all places; None where each place has its own."""
        return None if isinstance(self.dropout, str) else self.dropout

    def updates(self, examples: int) -> int:
        """How many updates a training on `examples` examples makes; the last, partial batch of an epoch counts."""
        return self.total_steps or max(1, round(self.epochs * self.steps_per_epoch(examples)))

    def warmup_updates(self, total: int) -> int:
        """How many of `total` updates warm up: the whole ones of the ratio as it is written, 29 of 100 for 0.29."""
        return math.floor(Fraction(str(self.warmup_ratio)) * total)

    def decaying_updates(self, total: int) -> int:
        """In how many of `total` updates the rate of the schedule `wsd` decays, at the end: the whole ones."""
        return math.floor(Fraction(str(self.schedule_decay_share)) * total)

    def steps_per_epoch(self, examples: int) -> int:
        """How many batches `examples` examples make."""
        return math.ceil(examples / self.batch_size)

    def override(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with `changes` applied; a value of None means "not set" except for `max_grad_norm`.

        `max_grad_norm` is switched off with 0. Integers given for floating-point fields become floats, so that `3` and
        `3.0` have one fingerprint. Another optimizer has not the options of the one before.
        """
        values = {name: as_field(name, value) for name, value in changes.items() if value is not None}
        if values.get("optimizer", self.optimizer) != self.optimizer:
            values.setdefault("optimizer_options", {})
        return dataclasses.replace(self, **values)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _is_dropout(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value == OWN_DROPOUT or (number and _is_share_below_one(value))


def _is_share_below_one(value: Any) -> bool:
    return bool(0 <= value < 1)


def _at_least(least: float) -> Callable[[Any], bool]:
    return lambda value: value >= least


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


def _is_frequency(value: float) -> bool:
    return 0 < value < 1 or (value >= 1 and float(value).is_integer())


RECIPE_FIELDS = tuple(item.name for item in dataclasses.fields(Recipe))
_FLOATS = {item.name for item in dataclasses.fields(Recipe) if "float" in str(item.type)}
_RANGES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "learning_rate": (_positive, "a positive number"),
    "epochs": (lambda value: 0 < value <= MOST_EPOCHS, f"a positive number, {MOST_EPOCHS:,} at most"),
    "total_steps": (
        _or_none(lambda value: 1 <= value <= MOST_UPDATES),
        f"a positive whole number, {MOST_UPDATES:,} at most, or null",
    ),
    "batch_size": (_at_least(1), "a positive whole number"),
    "warmup_ratio": (lambda value: 0 <= value <= 1, "a number from 0 to 1"),
    "schedule": (lambda value: value in SCHEDULES, " or ".join(SCHEDULES)),
    "schedule_power": (_positive, "a positive number"),
    "schedule_decay_share": (lambda value: 0 < value <= 1, "a number above 0, 1 at most"),
    "schedule_decay_shape": (lambda value: value in DECAY_SHAPES, " or ".join(DECAY_SHAPES)),
    "optimizer": (lambda value: isinstance(value, str) and value != "", "the name of an optimizer"),
    "optimizer_options": (lambda value: isinstance(value, Mapping), "options by name, such as {momentum: 0.9}"),
    "adam_beta1": (_is_share_below_one, "a number from 0 to below 1"),
    "adam_beta2": (_is_share_below_one, "a number from 0 to below 1"),
    "adam_beta2_batch_size": (_or_none(_at_least(1)), "a positive whole number or null"),
    "adam_epsilon": (_at_least(0), "a number of 0 or more"),
    "adam_formula": (lambda value: value in ("paper", "torch"), "'paper' or 'torch'"),
    "weight_decay": (_at_least(0), "a number of 0 or more"),
    "max_grad_norm": (_or_none(_positive), "a positive number, or 0 for no clipping"),
    "dropout": (_is_dropout, f"a number from 0 to below 1, or '{OWN_DROPOUT}' for the model's own"),
    "max_length": (_at_least(4), "a whole number of 4 or more"),
    "evaluations_per_epoch": (_is_frequency, "a whole number, or one below 1 for less than once an epoch"),
    "checkpoint_selection": (lambda value: value in SELECTIONS, " or ".join(SELECTIONS)),
    "early_stopping_patience": (_or_none(_at_least(1)), "a positive whole number or null"),
    "gradient_norm_every": (_at_least(1), "a positive whole number"),
    "precision": (lambda value: value in PRECISIONS, " or ".join(PRECISIONS)),
}
"""The one list of what a recipe's numbers and names may be: whether a value of the right type is, and what may be."""


def violated_range(name: str, value: Any) -> str | None:
    """What was expected of a field in the place of a value out of its range; None where the value is in it."""
    holds, expected = _RANGES.get(name, (lambda _: True, ""))
    return None if holds(value) else expected


def as_field(name: str, value: Any) -> Any:
    """The value of a field as params.yaml or a strategy writes it, 0 for no clipping and whole numbers for floats."""
    if name == "max_grad_norm" and value == 0:
        return None
    return float(value) if type(value) is int and name in _FLOATS else value


_OF_SCHEDULE = {"schedule_power": "polynomial", "schedule_decay_share": "wsd", "schedule_decay_shape": "wsd"}
"""Fields of one schedule."""
FORMERLY: Mapping[str, Any] = {
    "schedule": "linear", "optimizer": ADAMW, "optimizer_options": {}, "checkpoint_selection": LAST,
    "early_stopping_patience": None, "adam_beta2_batch_size": None,
}  # fmt: skip
"""What was done before a recipe had these fields; where they say so, they are in no spec."""
ADAM_FIELDS = (
    "bias_correction", "adam_beta1", "adam_beta2", "adam_beta2_batch_size", "adam_epsilon", "adam_formula",
)  # fmt: skip
"""Fields that some optimizers do not read."""


def unread(recipe: Recipe) -> dict[str, str]:
    """Fields that are another schedule's, and which."""
    return {name: schedule for name, schedule in _OF_SCHEDULE.items() if schedule != recipe.schedule}


def spec_of(recipe: Recipe, examples: int, not_read: Collection[str] = ()) -> dict[str, Any]:
    """What a spec says of a recipe for a training on `examples` examples.

    Fields that decide nothing are left out, those that the optimizer does `not_read` among them, and so are fields
    newer than version 0.1.0 where they are as it trained. The updates that warm up stand beside it only where version
    0.1.0 made another number of them, by cutting a product of floats (0.29 of 100 were 28): its records of such a spec
    are not those of this one, and no other moves.
    """
    total = recipe.updates(examples)
    exact, cut = recipe.warmup_updates(total), int(recipe.warmup_ratio * total)
    left_out = {*unread(recipe), *not_read, *(name for name, value in FORMERLY.items() if vars(recipe)[name] == value)}
    said = {name: value for name, value in vars(recipe).items() if name not in left_out}
    return {"recipe": said, **({} if exact == cut else {"warmup_updates": exact})}


def bias_correction_factor(step: int, beta1: float, beta2: float) -> float:
    """√(1 − β2^t) / (1 − β1^t) at t = `step` ≥ 1 (paper, equation 1 and figure 6)."""
    return math.sqrt(1 - beta2**step) / (1 - beta1**step)


def correction_and_root(recipe: Recipe, step: int) -> tuple[float, float]:
    """The factors of the rate and of √v at update number `step` ≥ 1, as the recipe corrects the bias."""
    if not recipe.bias_correction:
        return 1.0, 1.0
    correction = bias_correction_factor(step, recipe.adam_beta1, recipe.beta2)
    root = 1 / math.sqrt(1 - recipe.beta2**step) if recipe.adam_formula == "torch" else 1.0
    return correction * root, root
