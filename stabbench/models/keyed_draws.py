"""Every random number of a run is keyed by its seed: whatever draws from a library's own generator is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode


class UnkeyedDrawError(RuntimeError):
    """A draw from a generator that no run's seed decides; `source` names it, the message says `what` drew from it."""

    def __init__(self, what: str, source: str) -> None:
        super().__init__(
            f"{what} draws from {source}, so that a run would not depend on its seeds alone: draws are keyed by seed, "
            "step and place"
        )
        self.source = source


class RefuseUnkeyedDraws(TorchDispatchMode):
    """In this context torch's random functions raise UnkeyedDrawError when called, NumPy's and Python's at its end.

    A function is random where torch tags it so (`nondeterministic_seeded`), but for those that were told to drop
    nothing. `what` begins the message: who is running.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __enter__(self) -> RefuseUnkeyedDraws:
        self.states = _states()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            for name, before, after in zip(("NumPy", "Python"), self.states, _states(), strict=True):
                if before != after:
                    raise UnkeyedDrawError(self.what, f"{name}'s own generator")

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if is_random(func) and not _drops_nothing(func, args, kwargs or {}):
            raise UnkeyedDrawError(self.what, f"torch's own generator, {func}")
        return func(*args, **(kwargs or {}))


def is_random(func: Callable[..., Any]) -> bool:
    """Whether an operator of torch draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(func, "tags", ())


def arguments_of(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What an operator of torch is called with by the names of its schema, in that order, defaults included."""
    names = [argument.name for argument in func._schema.arguments]
    defaults = {argument.name: argument.default_value for argument in func._schema.arguments}
    return defaults | dict(zip(names, args, strict=False)) | kwargs


def _drops_nothing(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a random operator was told not to draw: by `dropout_p` 0, or by `training` or `train` False."""
    given = arguments_of(func, args, kwargs)
    return any(not given[name] for name in ("dropout_p", "training", "train") if name in given)


def _states() -> tuple[Any, Any]:
    """The states of NumPy's and Python's own generators."""
    _, keys, *rest = np.random.get_state(legacy=True)
    return (np.asarray(keys).tobytes(), *rest), random.getstate()
