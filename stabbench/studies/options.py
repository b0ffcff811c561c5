"""Types of options that several studies have: lists whose values are each named once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator

from stabbench.config.values import Positive


def each_once(value: object) -> object:
    """`value` itself; ValueError unless it is a list that has something in it and nothing twice."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"found {value!r}, expected a list with at least one value")
    repeated = [item for item in value if value.count(item) > 1]
    if repeated:
        raise ValueError(f"found {repeated[0]!r} twice, expected each value once")
    return value


PositiveNumbers = Annotated[Sequence[Positive], BeforeValidator(each_once)]
Switches = Annotated[Sequence[bool], BeforeValidator(each_once)]
