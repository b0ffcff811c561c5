"""Options of every strategy that is installed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from stabbench.errors import UserError
from stabbench.strategies.registry import STRATEGIES, make_options
from stabbench.training.optimizers import find

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


@pytest.mark.parametrize(
    ("strategy", "option", "value", "expected"),
    [
        ("sam", "radius", "0.05", "found '0.05', expected a number"),
        ("sam", "radius", True, "found True, expected a number"),
        ("rslora", "rank", 8.5, "found 8.5, expected a whole number"),
        ("rslora", "include", "query", "found 'query', expected a list, each of which is a text"),
        ("mixout", "exclude", ["a", 1], "found .*, expected a list, each of which is a text"),
        ("freelb", "radius", "0.05", "found '0.05', expected a number or null"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_one_expected(
    strategy: str, option: str, value: object, expected: str
) -> None:
    with pytest.raises(UserError, match=f"{option}: {expected}"):
        make_options(strategy, STRATEGIES.load(strategy), {option: value})


def test_a_word_is_no_truth_as_yaml_reads_no_and_off_as_words() -> None:
    with pytest.raises(UserError, match="nesterov: found 'no', expected true or false"):
        find("sgd", {"nesterov": "no"}, Path())


def test_lists_nothing_and_whole_numbers_are_taken_as_they_are() -> None:
    assert make_options("mixout", STRATEGIES.load("mixout"), {"include": ["*.query.*"], "probability": 0})
    assert make_options("freelb", STRATEGIES.load("freelb"), {"radius": None})
