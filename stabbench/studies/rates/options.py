"""What the study of learning rates varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from stabbench.config.values import Block, Name, Seeds
from stabbench.report.numbers import exponent
from stabbench.studies.settings import PositiveNumbers


class RatesOptions(Block):
    """Each strategy with the learning rates that it is trained at."""

    model: Name
    task: Name
    strategies: Annotated[Mapping[Name, PositiveNumbers], Field(min_length=1)]
    seeds: Seeds = ()
    """Those of params.yaml where none are named."""


def cell_name(strategy: str, rate: float) -> str:
    """`lora-lr2p5e-4`: as the name of a strategy, a decimal point written `p`."""
    return f"{strategy}-lr{exponent(rate)}".replace(".", "p")
