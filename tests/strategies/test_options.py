"""Options of every strategy that is installed."""

from __future__ import annotations

import dataclasses
import math

import pytest

from stabbench.errors import UserError
from stabbench.strategies.registry import STRATEGIES, make_options

NUMBERS = [
    (name, field.name)
    for name in STRATEGIES.names()
    for field in dataclasses.fields(STRATEGIES.load(name).Options)
    if "float" in str(field.type)
]


def test_there_are_numbers_to_look_at() -> None:
    assert ("smart", "weight") in NUMBERS
    assert ("freelb", "radius") in NUMBERS


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("strategy", "option"), NUMBERS)
def test_what_is_no_finite_number_is_refused_by_the_name_of_the_option(
    strategy: str, option: str, value: float
) -> None:
    with pytest.raises(UserError, match=rf"{option}: found {value}, expected a.* (number|from)"):
        make_options(strategy, STRATEGIES.load(strategy), {option: value})
