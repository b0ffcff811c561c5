"""Progress displays with the time left, over runs and over parts; silent where the output is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stabbench.signals import status_when_stopped

if TYPE_CHECKING:
    from stabbench.execution.outcome import Listener, Report


class RunsProgress:
    """Counts finished runs and the fractions of those in training."""

    def __init__(self, name: str, runs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.runs = runs
        self.fractions: dict[tuple[int, int], float] = {}
        self.finished: set[tuple[int, int]] = set()
        self.failed = 0
        self.waited = False
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]}/{task.fields[runs]} runs"),
            TextColumn("{task.fields[failed]} failed"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self.task = self.bar.add_task(name, total=runs, done=0, runs=runs, failed=0)

    def listen(self, report: Report) -> None:
        """Take in how far some seeds are."""
        if report.status == "waiting":
            if not self.waited:
                self.waited = True
                text = f"another process is training {len(report.seeds)} of these runs: waiting for them"
                self.bar.console.print(text, highlight=False)
            return
        if report.status not in (None, "error"):
            self.finished.update((report.cell, seed) for seed in report.seeds)
        for seed in report.seeds:
            self.fractions[report.cell, seed] = report.step / report.total
        if report.status in ("failed", "diverged", "error"):
            self.failed += 1
        done = sum(fraction >= 1 for fraction in self.fractions.values())
        self.bar.update(self.task, completed=sum(self.fractions.values()), done=done, failed=self.failed)

    def summary(self) -> str:
        """What is done and what is left, for who is stopped now."""
        left = self.runs - len(self.finished)
        begun = sum(0 < fraction < 1 for fraction in self.fractions.values())
        return f"{len(self.finished)} of {self.runs} runs are recorded, {left} are left ({begun} of them begun)"


@contextmanager
def watch_runs(name: str, runs: int) -> Iterator[Listener]:
    """The display around a training; where that is stopped, the message says what is done and what is left."""
    progress = RunsProgress(name, runs)
    with progress.bar, status_when_stopped(progress.summary):
        yield progress.listen


@contextmanager
def watch_parts(name: str) -> Iterator[Callable[[str, int, int], None]]:
    """The display around work in parts: called with what is at work, how much of it is done, and of how much.

    Of how much may be 0, where that is not known yet.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    def update(what: str, done: int, total: int) -> None:
        bar.update(task, description=f"{name}: {what}", completed=done, total=total or None)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=None)
        yield update
