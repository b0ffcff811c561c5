"""The contract of a trainer: from what the runs of a cell share, and each one's seeds, to the runs as measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from stabbench.strategies.contract import NoOptions
from stabbench.tensor_roles import TensorRoles
from stabbench.training.inputs import CellFiles, Seeds, TrainingInputs
from stabbench.training.measured import Measured

if TYPE_CHECKING:
    import torch

    from stabbench.recipe import Recipe

Progress = Callable[[int, int], None]
"""Told how many updates are done, and of how many."""
Inputs = TrainingInputs | CellFiles


def part_of(progress: Progress, number: int, count: int) -> Progress:
    """What tells `progress` of training number `number` out of `count` equal ones."""
    return lambda step, total: progress(number * total + step, count * total)


class Ending(BaseException):
    """This process is to end: what `progress` raises between two updates, so that the state can be saved."""


class RunFailedError(Exception):
    """A run that others' code broke off; `output` is what that code said, or the end of it."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True)
class Described:
    """What a plan says of a model that our families do not read.

    `others` goes into the spec beside the model's content, such as what computes it.
    """

    architecture: str
    others: Mapping[str, Any] = field(default_factory=dict)
    tensors: TensorRoles = field(default_factory=TensorRoles)
    tokens: Mapping[str, Any] = field(default_factory=dict)


class Trainer(ABC):
    """Trains; what its measurements mean is judged elsewhere (`stabbench.training.outcome`).

    `takes` says what from: `tensors` (`TrainingInputs`: a model that one of our families reads, and tokens), or `files`
    (`CellFiles`: where the model lies, and texts).
    """

    name: ClassVar[str]
    """What it is called."""
    version: ClassVar[str]
    """Raised when its numbers change."""
    Options: ClassVar[type[Any]] = NoOptions
    """A frozen dataclass of the keys that its block in params.yaml may have, with their defaults."""
    takes: ClassVar[Literal["tensors", "files"]] = "tensors"
    calls_hooks: ClassVar[bool] = False
    """Whether what a strategy does beside its recipe acts."""
    selects_checkpoints: ClassVar[bool] = False
    """Whether it goes by the recipe's `checkpoint_selection` and `early_stopping_patience`; else these are refused."""
    saves_when_ending: ClassVar[bool] = False
    """Whether it saves its state where `progress` raises `Ending`; else a process that is to end does so at once."""
    one_run_a_process: ClassVar[bool] = False
    """Whether each run has a process of its own, as the code that trains keeps something from run to run."""

    def unsupported(self, recipe: Recipe, device: torch.device) -> str | None:
        """A sentence where it cannot do what the recipe asks for on such a device; asked before anything is loaded.

        Raises UserError for a setting of its own that there is not.
        """
        return None

    def refused(self, given: CellFiles) -> str | None:
        """A sentence where it cannot train a cell so on any device; asked of one that takes files, when planning."""
        return None

    def described(self, given: CellFiles) -> Described:
        """What the plan says of a cell's model; asked of one that takes files."""
        return Described("unknown")

    def spec_options(self, options: Any, root: Path) -> Mapping[str, Any]:
        """What of its options decides results, as the spec has it, with the code that they name in the folder `root`.

        What these say is all that the trainer is told when it trains.
        """
        return asdict(options)

    def follows_recipe(self, options: Any) -> bool:
        """Whether the recipe decides what it does; the spec has none else."""
        return True

    def settings(self, options: Any) -> Mapping[str, str]:
        """What of its options changes no result, such as a time limit: kept beside the spec, in the cell's sources."""
        return {}

    def room(self, inputs: Any, seeds: Seeds, free: int | None) -> int:
        """How many of these runs it trains side by side in `free` bytes of a device, at least 1.

        None for `free` means that memory does not matter.
        """
        return 1

    @abstractmethod
    def train(
        self,
        inputs: Any,
        seeds: Seeds,
        *,
        device: torch.device,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 600.0,
        progress: Progress | None = None,
        stop: Callable[[Any], None] | None = None,
    ) -> list[Measured]:
        """Train one run for each entry of `seeds`, in that order; each depends on `inputs` and its own seeds alone.

        With a `checkpoint` folder the state is saved there about every `checkpoint_seconds`, and a saved one is
        continued bit for bit. `progress` is told of every update; where it raises `Ending`, the state may be saved and
        the exception goes on. So is `stop`, with the trainer's state, whose `step` counts updates; it may raise to end
        the training.
        """
