"""Settings of a recipe (learning rate, epochs, bias correction) as a study's cells: options and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator

from stabbench.config.values import Positive
from stabbench.plan import Variation
from stabbench.report.numbers import exponent, plain


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


def setting(
    model: str,
    task: str,
    strategy: str,
    seeds: tuple[int, ...],
    learning_rate: float,
    epochs: float,
    bias_correction: bool,
) -> Variation:
    """A strategy at one learning rate, number of epochs and with or without bias correction."""
    recipe = {"learning_rate": learning_rate, "epochs": epochs, "bias_correction": bias_correction}
    return Variation(
        name=setting_name(learning_rate, epochs, bias_correction),
        model=model,
        task=task,
        strategy=strategy,
        seeds=seeds,
        recipe=recipe,
    )


def setting_name(learning_rate: float, epochs: float, bias_correction: bool) -> str:
    """`lr2e-5-e20-bc`, `lr1p5e-4-e3-nobc`: as the name of a strategy, a decimal point written `p`."""
    name = f"lr{exponent(learning_rate)}-e{plain(epochs)}-{'bc' if bias_correction else 'nobc'}"
    return name.replace(".", "p")


def correction_text(bias_correction: bool) -> str:
    """`bias correction`, `no bias correction`."""
    return f"{'' if bias_correction else 'no '}bias correction"
