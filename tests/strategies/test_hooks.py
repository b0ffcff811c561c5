"""A hook takes those of the contract's arguments that it names, and is passed no other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from stabbench import Strategy
from stabbench.strategies.hooks import SignatureError, hook_of

GIVEN = ("model", "weights", "batch", "ctx")


def told(**arguments: Any) -> dict[str, Any]:
    return arguments


def logged(method: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as many write it."""

    @functools.wraps(method)
    def wrapper(self: Strategy, *args: Any, **kwargs: Any) -> Any:
        return method(self, *args, **kwargs)

    return wrapper


class All(Strategy):
    def loss(self, model: Any, weights: Any, batch: Any, ctx: Any) -> Any:
        return told(model=model, weights=weights, batch=batch, ctx=ctx)


class Some(Strategy):
    def loss(self, model: Any, batch: Any) -> Any:  # type: ignore[override]
        return told(model=model, batch=batch)


class InAnotherOrder(Strategy):
    def loss(self, ctx: Any, batch: Any, weights: Any) -> Any:  # type: ignore[override]
        return told(ctx=ctx, batch=batch, weights=weights)


class ByKeyword(Strategy):
    def loss(self, batch: Any, *, ctx: Any) -> Any:  # type: ignore[override]
        return told(batch=batch, ctx=ctx)


class WithADefault(Strategy):
    def loss(self, model: Any, weights: Any = None) -> Any:  # type: ignore[override]
        return told(model=model, weights=weights)


class ByPosition(Strategy):
    def loss(self, ctx: Any, model: Any, /, batch: Any) -> Any:  # type: ignore[override]
        return told(ctx=ctx, model=model, batch=batch)


class Rest(Strategy):
    def loss(self, model: Any, **rest: Any) -> Any:  # type: ignore[override]
        return told(model=model, **rest)


class Wrapped(Strategy):
    @logged
    def loss(self, batch: Any, model: Any) -> Any:
        return told(batch=batch, model=model)


class Static(Strategy):
    @staticmethod
    def loss(weights: Any, batch: Any) -> Any:  # type: ignore[override]
        return told(weights=weights, batch=batch)


class OfTheClass(Strategy):
    @classmethod
    def loss(cls, ctx: Any) -> Any:  # type: ignore[override]
        return told(ctx=ctx)


class Nothing(Strategy):
    def loss(self) -> Any:  # type: ignore[override]
        return told()


class Inherited(Some):
    pass


@pytest.mark.parametrize(
    ("strategy", "names"),
    [
        (All, "model weights batch ctx"),
        (Some, "model batch"),
        (InAnotherOrder, "ctx batch weights"),
        (ByKeyword, "batch ctx"),
        (WithADefault, "model weights"),
        (ByPosition, "ctx model batch"),
        (Rest, "model weights batch ctx"),
        (Wrapped, "batch model"),
        (Static, "weights batch"),
        (OfTheClass, "ctx"),
        (Nothing, ""),
        (Inherited, "model batch"),
    ],
)
def test_a_hook_gets_what_it_names(strategy: type[Strategy], names: str) -> None:
    assert hook_of(strategy(), "loss")(*GIVEN) == {name: name for name in names.split()}


def test_a_hook_that_names_all_in_their_order_is_called_as_it_is() -> None:
    strategy = All()
    assert hook_of(strategy, "loss") == strategy.loss


def test_what_is_not_the_contracts_is_an_error_with_the_nearest_name() -> None:
    class Misspelt(Strategy):
        def loss(self, model: Any, wieghts: Any, data: Any = None) -> Any:  # type: ignore[override]
            return model

    class Anything(Strategy):
        def loss(self, *arguments: Any) -> Any:
            return arguments

    class WithoutSelf(Strategy):
        def loss(model: Any, batch: Any) -> Any:  # type: ignore[override]  # noqa: N805
            return model

    class ForgotEverything(Strategy):
        def loss() -> Any:  # type: ignore[override,misc]
            return 0

    for strategy, message in (
        (
            Misspelt,
            r"hook `loss\(model, wieghts, data=None\)`: unknown arguments 'wieghts' \(did you mean 'weights'\?\)",
        ),
        (Anything, r"hook `loss\(\*arguments\)`: `\*` arguments get nothing: name those of model, weights, batch, ctx"),
        (WithoutSelf, r"hook `loss`: no `self` before its arguments"),
        (ForgotEverything, r"hook `loss`: no `self` before its arguments"),
    ):
        with pytest.raises(SignatureError, match=message):
            hook_of(strategy(), "loss")
