"""What `stabbench check` asks of cells."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench.errors import UserError


@dataclass(frozen=True)
class Limits:
    """What the gate asks of every cell. Raises UserError where it asks nothing, or what nothing can be held to."""

    max_failed: float | None = None
    """The largest share of failed runs, from 0 to 1."""
    max_std: float | None = None
    """The largest standard deviation, as scores are: a fraction, a loss as it stands."""
    not_less_stable_than: str | None = None
    """The strategy than which none may be significantly less stable."""
    against: bool = False
    """Whether cells are held against those of another file."""
    alpha: float = 0.05
    """The level of all comparisons together, by Holm's adjustment."""
    incomplete: bool = False
    """Whether planned runs may be missing."""
    strict: bool = False
    """Whether what cannot be tested counts as a reason to fail."""

    def __post_init__(self) -> None:
        if self.max_failed is None and self.max_std is None and not self.compares:
            raise UserError(
                "nothing to check: give --max-failed SHARE, --max-std X, --not-less-stable-than NAME or --against FILE"
            )
        if self.max_failed is not None and not 0 <= self.max_failed <= 1:
            raise UserError(f"--max-failed is {self.max_failed:g}, expected a share between 0 and 1: 0.1 for 10 %")
        if self.max_std is not None and not self.max_std >= 0:
            raise UserError(f"--max-std is {self.max_std:g}, expected a standard deviation, which is not negative")
        if not 0 < self.alpha < 1:
            raise UserError(f"--alpha is {self.alpha:g}, expected a level between 0 and 1, such as 0.05")

    @property
    def compares(self) -> bool:
        """Whether cells are held against others."""
        return self.not_less_stable_than is not None or self.against
