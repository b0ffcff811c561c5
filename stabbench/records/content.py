"""What record.json holds, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from stabbench.plan import Spec
from stabbench.typed_json import from_json, key_of, renamed, to_json

UNJUDGED = "unjudged"
"""The status of a finished run of which nobody knows what a constant prediction scores, so not whether it failed."""
FINISHED = ("ok", "failed", "diverged", UNJUDGED)
ERROR = "error"


@dataclass(frozen=True)
class Point:
    """An evaluation: updates and epochs done, loss (None where it is not finite, or not known) and scores by metric."""

    step: int
    epoch: float | None
    """None where nobody knows how long an epoch is."""
    dev_loss: float | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Flags:
    """What a run's predictions and losses look like; None where accuracy is no metric of the task, or not known."""

    accuracy_at_most_majority: bool | None
    collapsed: bool | None


@dataclass(frozen=True)
class TrainLoss:
    """Losses (nats, squares): mean over the last epoch, of the final weights on the whole set.

    None where one is infinite or not known.
    """

    last_epoch: float | None
    final: float | None
    label_entropy: float | None
    """The loss of the best constant prediction: the labels' entropy, or the variance of numbers."""


@dataclass(frozen=True)
class Cost:
    """Updates, tokens of all forward passes, and floating-point operations, as far as these are known."""

    steps: int
    tokens: int | None
    flops: float | None


@dataclass(frozen=True)
class ParameterGroup:
    """Tensors that the optimizer treated alike at the last update; the rate is that at its peak."""

    learning_rate: float
    weight_decay: float
    epsilon: float
    tensors: tuple[str, ...]
    parameters: int


@dataclass(frozen=True)
class Result:
    """What a run that came to its end left."""

    diverged_at: int | None
    """The update after which the first number was not finite."""
    final: Point
    best: Point
    """The evaluation with the best headline score."""
    constant: Mapping[str, float] = field(metadata=renamed("majority"))
    """What the best constant prediction scores, by metric."""
    flags: Flags
    train_loss: TrainLoss
    total_steps: int
    steps_per_epoch: int | None
    warmup_steps: int | None
    """None where others' code trained and did not say."""
    cost: Cost
    parameter_groups: tuple[ParameterGroup, ...]
    result_digest: str
    last: Point | None = None
    """The last evaluation, of a run that reports one that was chosen by its score (`final`); None of all others."""


@dataclass(frozen=True)
class RunError:
    """What broke a run."""

    type: str
    message: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


@dataclass(frozen=True)
class RecordContent:
    """All of record.json but its schema version and its seal."""

    fingerprint: str
    spec: Spec
    status: str
    """`ok`, `failed`, `diverged`, `unjudged` or `error`."""
    metric: str
    """The headline one."""
    error: RunError | None
    """Of an error alone."""
    files: Mapping[str, str]
    """SHA-256 of the tables beside record.json, by name."""
    result: Result | None = None
    """None in an error; in the file its entries stand beside the others."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RecordContent:
        """The content of a record.json of today's schema; ValueError with the place where it is not."""
        head = cls.head_from_json(data)
        return head if head.status == ERROR else replace(head, result=from_json(Result, data))

    @classmethod
    def head_from_json(cls, data: Mapping[str, Any]) -> RecordContent:
        """The same but for `result`, which is None; only that nothing of it is absent is seen."""
        found = from_json(cls, data)
        if found.status not in (*FINISHED, ERROR):
            raise ValueError(f"status is {found.status!r}, expected one of {', '.join((*FINISHED, ERROR))}")
        if (found.status == ERROR) != (found.error is not None):
            raise ValueError(f"error is {found.error!r} where status is {found.status!r}")
        if found.status != ERROR and not data.keys() >= _RESULT:
            raise ValueError(f"{min(_RESULT - data.keys())} is absent")
        return found

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        result = {} if self.result is None else to_json(self.result)
        return {**to_json(replace(self, result=None)), **result}


_RESULT = {key_of(entry) for entry in fields(Result) if entry.default is MISSING}
