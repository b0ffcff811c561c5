"""What the keys of params.yaml may hold, as types that pydantic checks."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator, StringConstraints

from stabbench.config.seeds import PlannedSeeds, parse_seeds
from stabbench.errors import UserError


def _seeds(value: object) -> tuple[int, ...]:
    try:
        return parse_seeds(value)
    except UserError as error:
        raise ValueError(str(error)) from error


def _planned(value: object) -> PlannedSeeds:
    try:
        return PlannedSeeds.parse(value)
    except UserError as error:
        raise ValueError(str(error)) from error


def _kept(value: object) -> tuple[int, ...]:
    return () if value in (None, [], "") else _seeds(value)


def names(value: object) -> object:
    """One name, or a list of different ones."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise ValueError(f"found {value!r}, expected one name, or several as a list: [first, second]")
    repeated = [name for name in found if found.count(name) > 1]
    if repeated:
        raise ValueError(f"found '{repeated[0]}' twice, expected each name once")
    return tuple(found)


def nothing_is_empty(value: object) -> object:
    """A block that is written without a key is an empty one."""
    return {} if value is None else value


LONGEST_NAME = 200
"""Of a name that is a folder's, and a file's with its ending, for which 255 bytes are the most."""
Name = Annotated[str, StringConstraints(pattern=rf"^[a-z0-9][a-z0-9_-]{{0,{LONGEST_NAME - 1}}}$")]
"""Names become folders, DVC stages and keys of params.yaml, so: lower case, digits, `_` and `-`."""
Names = Annotated[tuple[Name, ...], BeforeValidator(names)]
Seeds = Annotated[tuple[int, ...], BeforeValidator(_seeds)]
AllSeeds = Annotated[PlannedSeeds, PlainValidator(_planned), PlainSerializer(PlannedSeeds.written)]
KeptSeeds = Annotated[tuple[int, ...], BeforeValidator(_kept)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Block(BaseModel):
    """A block of params.yaml: unknown keys and values of another type are errors; texts below keys are help."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
