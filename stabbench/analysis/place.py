"""Where a number or a figure belongs."""

from __future__ import annotations

from typing import NamedTuple

from stabbench.plan import Cell


class Place(NamedTuple):
    """A cell, or without a strategy all cells of a model and a task."""

    model: str
    task: str
    strategy: str = ""

    @classmethod
    def of(cls, cell: Cell) -> Place:
        """That of a planned cell."""
        return cls(cell.model, cell.task, cell.strategy)

    @property
    def whole(self) -> Place:
        """The model and task that a cell belongs to."""
        return Place(self.model, self.task)

    @property
    def name(self) -> str:
        """`model/task/strategy`, or `model/task`."""
        return "/".join(part for part in self if part)

    @property
    def stem(self) -> str:
        """`model-task-strategy`, or `model-task`, for the name of a file."""
        return "-".join(part for part in self if part)
