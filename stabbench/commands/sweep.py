"""One command under many seeds in any folder, without a params.yaml: what `stabbench run` does."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stabbench.command_line import changed, code_of, filled, words
from stabbench.commands.checking import check_command
from stabbench.commands.environment import variables
from stabbench.commands.process import (
    FAILED,
    OUTPUT,
    CommandError,
    CommandStoppedError,
    UnreadError,
    output,
    run_once,
    stop_all,
)
from stabbench.errors import UserError
from stabbench.files import sha256_of_json
from stabbench.folders import Folders
from stabbench.plan import Cell, plan_path
from stabbench.recording.cells import Place, is_recorded, keep, keep_error
from stabbench.recording.output import read_output
from stabbench.recording.ranges import check_range
from stabbench.recording.standalone import Names
from stabbench.records import Record, select
from stabbench.records.content import RunError
from stabbench.scratch import locked
from stabbench.signals import interruptible

WORKING = ".commands"
"""Where, beside the records of a store, runs of commands have their folders until they are recorded."""
MAJORITY = "--majority"
BRACES = ("seed", "out", "model", "task", "strategy")


@dataclass(frozen=True)
class Sweep:
    """A command, and as what its runs are recorded."""

    command: Sequence[str]
    names: Names
    root: Path
    """The folder that it is run in, of which `runs/` and the store are."""
    metric: str | None = None
    """By which it is scored, where what it leaves does not say so or has several."""
    constant: float | None = None
    """What the best constant prediction scores, where labels do not tell."""
    time_limit: float | None = None
    """Minutes."""
    files: Sequence[str] = field(default=())
    """Those that decide results beside the ones that the command names."""

    def __post_init__(self) -> None:
        check_command(self.command, self.root, BRACES, self.files)
        self._check_constant()
        self._check_plan()
        self._check_recorded()

    def _check_constant(self) -> None:
        """What its metric cannot be; of a metric that the first run tells it is looked at then."""
        if self.constant is None:
            return
        if not math.isfinite(self.constant):
            raise UserError(f"{MAJORITY}: found {self.constant}, expected what the best constant prediction scores")
        if self.metric is not None:
            check_range(MAJORITY, {self.metric: self.constant}, self.metric)

    def _check_plan(self) -> None:
        """Where there is a plan, a report is that of what is planned."""
        plan = Folders.of(self.root).planned
        if plan is not None and not plan_path(plan, self.names.model, self.names.task, self.names.strategy).exists():
            raise UserError(
                f"{plan} is the plan of a project, whose report would leave these runs out: call it in another folder, "
                "or make the command a strategy of params.yaml (trainer: {command: …})"
            )

    def _check_recorded(self) -> None:
        """What is judged already stays so: a metric and a constant count from a cell's first run on."""
        cell = self.place.cell(self.names)
        if cell is None or cell.spec["trainer"].get("options") != self.settings:
            return
        facts = cell.task_facts
        known = facts.constant.scores.get(facts.metric)
        for option, wanted, found in (("--metric", self.metric, facts.metric), (MAJORITY, self.constant, known)):
            if wanted is not None and wanted != found:
                before = "nothing" if found is None else found
                raise UserError(
                    f"{cell.name} was recorded with {before} as {option}, found {wanted}: leave it as it was, or give "
                    "the strategy another name"
                )

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """What tells its runs from those of another command of the same names: its words, and the code in them."""
        return {"command": words(self.command), "code": code_of(self.command, self.root, self.files)}

    @cached_property
    def place(self) -> Place:
        """Where its records go."""
        return Place.of(self.root)

    def recorded(self, seed: int) -> bool:
        """Whether there is a finished record of a seed."""
        return is_recorded(self.place, self.names, seed, self.settings)

    def bring_back(self) -> None:
        """Select what is recorded of this command, where runs of another one of the same names are shown now."""
        path = self._folder / "cell.json"
        shown = self.place.cell(self.names)
        if shown is None or not path.exists():
            return
        cell = Cell.read(path)
        if cell.spec != shown.spec:
            with locked(self.place.runs):
                select(replace(cell, position=shown.position), self.place.store, self.place.runs)

    def folder(self, seed: int) -> Path:
        """Where a run has its folder until it is recorded."""
        return self._folder / f"seed-{seed:04d}"

    @cached_property
    def _folder(self) -> Path:
        name = sha256_of_json([vars(self.names), dict(self.settings)])[:16]
        return self.place.store.root.absolute() / WORKING / name

    def run(self, seed: int, tell: Callable[[str], None]) -> Record | None:
        """Run one seed and record it; None where another process is at it. CommandError where it breaks."""
        out = self.folder(seed)
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(f"{out}.lock", timeout=0):
                return self._run(seed, out, tell)
        except Timeout:
            return None

    def _run(self, seed: int, out: Path, tell: Callable[[str], None]) -> Record:
        values = {**vars(self.names), "seed": seed, "out": out}
        self._check_code()
        seconds = run_once(filled(self.command, values), self.root, out, variables(values), self.time_limit)
        try:
            self._check_code()
        except CommandError:
            (out / FAILED).touch()
            raise
        try:
            found = read_output(out, metrics=None if self.metric is None else [self.metric])
            if self.constant is not None and found.metrics:
                check_range(MAJORITY, {found.metrics[0]: self.constant}, found.metrics[0])
            record = keep(
                found,
                self.names,
                seed,
                self.settings,
                self.place,
                constant=self.constant,
                seconds={"training": seconds},
                texts={OUTPUT: output(out)},
                tell=tell,
            )
        except (UserError, CommandError) as error:
            raise UnreadError.of(error, out) from error
        cell = self.place.cell(self.names)
        if cell is not None:
            with locked(self._folder):
                cell.write(self._folder / "cell.json")
        return record

    def _check_code(self) -> None:
        if stale := changed(self.settings["code"], self.root):
            raise CommandError(f"{', '.join(stale)} changed since this call began: start it again", "")

    def keep_error(self, seed: int, error: CommandError) -> bool:
        """Keep a run's error among the records; whether there are some to stand beside."""
        told = RunError("RunFailed", str(error), error.output)
        return keep_error(told, self.names, seed, self.settings, self.place)


@dataclass(frozen=True)
class Ran:
    """What became of a seed: its status (`error` where it broke), or None where another process is at it."""

    seed: int
    status: str | None
    score: float | None = None
    message: str = ""
    output: str = ""
    unread: bool = False
    """Whether its command came to its end, and what that left cannot be read."""


def run_seeds(sweep: Sweep, seeds: Sequence[int], workers: int, tell: Callable[[str], None]) -> Iterator[Ran]:
    """Run those of the seeds that are not recorded, so many at a time, and tell of each when it has ended.

    Where what the first of them left cannot be read, the seeds that have not begun are left: it would be so with all.
    Whoever closes this iterator, or a signal, ends the commands that run; their folders stay for the next try.
    """
    lock = threading.Lock()
    early: list[tuple[int, CommandError]] = []
    """Errors of before the first record, by which alone it is known what the runs are scored by."""
    sweep.bring_back()

    def one(seed: int) -> Ran:
        try:
            record = sweep.run(seed, tell)
        except CommandStoppedError:
            return Ran(seed, None)
        except CommandError as error:
            with lock:
                if not sweep.keep_error(seed, error):
                    early.append((seed, error))
            return Ran(seed, "error", message=str(error), output=error.output, unread=isinstance(error, UnreadError))
        return Ran(seed, None) if record is None else Ran(seed, record.status, record.score)

    left = [seed for seed in seeds if not sweep.recorded(seed)]
    read = len(left) < len(seeds)
    with ThreadPoolExecutor(workers) as threads:
        open_ones: set[Future[Ran]] = set()
        try:
            while left or open_ones:
                while left and len(open_ones) < workers:
                    open_ones.add(threads.submit(one, left.pop(0)))
                with interruptible():
                    done, open_ones = wait(open_ones, return_when=FIRST_COMPLETED)
                for future in done:
                    ran = future.result()
                    read |= ran.status not in (None, "error")
                    if ran.unread and not read:
                        left.clear()
                    yield ran
        except BaseException:
            left.clear()
            stop_all()
            raise
        finally:
            for seed, error in early:
                sweep.keep_error(seed, error)
