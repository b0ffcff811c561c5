"""What the study of bias correction varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from stabbench.config.values import Block, Name, Positive, Seeds
from stabbench.studies.settings import PositiveNumbers


class BiasCorrectionOptions(Block):
    """Each model with the learning rates that it is trained at."""

    models: Annotated[Mapping[Name, PositiveNumbers], Field(min_length=1)]
    task: Name
    epochs: Positive = 3.0
    strategy: Name = "devlin"
    """The strategy that is varied."""
    seeds: Seeds = ()
    """Those of params.yaml where none are named."""
