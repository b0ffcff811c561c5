"""What a DeBERTa's config says of relative positions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache

from stabbench.models.architecture import Architecture

KEYS, QUERIES = "c2p", "p2c"
"""Queries attend to positions, which have keys; positions, which have queries, attend to keys."""


@dataclass(frozen=True)
class DisentangledConfig:
    """Data of one model."""

    kinds: tuple[str, ...]
    """Which of `c2p` and `p2c` the scores have."""
    buckets: int
    """Distances beyond half of them share rows of the table, by their logarithm; 0 where none do."""
    farthest: int
    """The distance from which on all have the last row."""
    shares: bool
    """Whether positions are projected as tokens are, or by matrices of their own."""
    normalised: bool
    """Whether the table goes through a norm first."""

    @property
    def span(self) -> int:
        """Half the rows of the table."""
        return self.buckets or self.farthest

    def as_json(self) -> str:
        """As `Architecture.config` keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


@lru_cache(maxsize=16)
def _read_back(text: str) -> DisentangledConfig:
    found = json.loads(text)
    return DisentangledConfig(**found | {"kinds": tuple(found["kinds"])})


def details_of(architecture: Architecture) -> DisentangledConfig:
    """What the family read in the config of such an architecture."""
    return _read_back(architecture.config)
