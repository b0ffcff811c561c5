"""Which tasks and strategies a part of the page is about, so that the reader can leave some out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stabbench.report.content import Content
from stabbench.report.grid import Grid


@dataclass(frozen=True)
class Marks:
    """The tasks and strategies of a report by their places, by which the page's elements name them."""

    tasks: Sequence[str]
    strategies: Sequence[str]
    headings: dict[str, str]
    """What a figure or row about a task is called, with the task."""

    @classmethod
    def of(cls, content: Content) -> Marks:
        """Those of a report."""
        tasks = list(dict.fromkeys(place.task for place in content.places))
        headings = {content.heading(place): place.task for place in content.places}
        headings |= {f"{place.model}: {place.task}": place.task for place in content.places}
        return cls(tasks, content.strategies, {**headings, **{task: task for task in tasks}})

    def attributes(self, task: str | None = None, strategies: Sequence[str] = ()) -> Markup:
        """` data-task="0" data-strategy="1 2"`, without what the report does not know."""
        found = Markup("")
        known = self.headings.get(task or "")
        if known is not None:
            found += Markup(' data-task="{}"').format(self.tasks.index(known))
        places = [str(self.strategies.index(name)) for name in strategies if name in self.strategies]
        if places:
            found += Markup(' data-strategy="{}"').format(" ".join(places))
        return found

    def row(self, grid: Grid, index: int) -> Markup:
        """The attributes of a table's row by its place or, where it has none, its columns `task` and `strategy`."""
        named = grid.places[index]._asdict() if grid.places else dict(zip(grid.head, grid.rows[index], strict=True))
        strategy = named.get("strategy")
        return self.attributes(named.get("task"), [strategy] if strategy else [])
