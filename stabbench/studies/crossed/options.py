"""What is crossed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stabbench.config.values import Block, Name


class CrossedOptions(Block):
    """What is trained, and how many seeds of each factor are crossed."""

    model: Name
    task: Name
    strategy: Name = "devlin"
    levels: Annotated[int, Field(ge=2, le=20)] = 5
