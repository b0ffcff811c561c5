"""The trainer `command`: one run is one process of anybody's code, and what it leaves in its folder is read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stabbench.command_line import changed, code_of, filled, placeholders, words
from stabbench.commands.checking import check_command
from stabbench.commands.data import FORMATS, data_folder
from stabbench.commands.environment import variables
from stabbench.commands.process import FAILED, OUTPUT, CommandError, UnreadError, output, run_once, tail
from stabbench.errors import UserError
from stabbench.models import families
from stabbench.models.roles import roles_of
from stabbench.plan import STREAMS
from stabbench.recording.output import read_output
from stabbench.training.contract import Described, RunFailedError, Trainer
from stabbench.training.inputs import CellFiles, Seeds
from stabbench.training.measured import Measured

TIME_LIMIT = "time_limit"
RECIPE = "recipe."
AGAIN = "run `stabbench plan` again"


@dataclass(frozen=True)
class CommandOptions:
    """What `trainer: {command: …}` may say."""

    command: str | tuple[str, ...] = ()
    """Words as in a shell, or a list of them. In braces: seed, data, out, model, task, strategy, recipe.<field>."""
    data: str = "parquet"
    """Of the files in {data}: parquet, csv or jsonl."""
    time_limit: float | None = None
    """Minutes that a run may take; None for no limit."""
    files: tuple[str, ...] = ()
    """Those of the project that decide results beside those that the command names: modules that a script imports."""

    def __post_init__(self) -> None:
        words(self.command)
        if self.data not in FORMATS:
            raise ValueError(f"data: found {self.data!r}, expected {', '.join(FORMATS)}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise ValueError(f"time_limit: found {self.time_limit!r}, expected a number of minutes above 0")


class Command(Trainer):
    """Runs a command in the project's folder, once a seed, with a folder of its own for what it writes.

    What is read of that folder: `stabbench.recording.output`. A command that is killed with its run finds the folder as
    it left it at the next try. Its exit status says whether it broke; a score that is no number, that it diverged.
    """

    name = "command"
    version = "1"
    Options = CommandOptions
    takes = "files"

    def spec_options(self, options: CommandOptions, root: Path) -> Mapping[str, Any]:
        """The words, the form of the data, and the SHA-256 of each file of the project that the command names.

        UserError with all that is wrong with the command, of which a program or script that is not there is a part.
        """
        from stabbench.recipe import RECIPE_FIELDS

        known = (*_NAMES, *(f"{RECIPE}{name}" for name in RECIPE_FIELDS))
        check_command(options.command, root, known, options.files)
        code = code_of(options.command, root, options.files)
        return {"command": words(options.command), "data": options.data, "code": code}

    def settings(self, options: CommandOptions) -> Mapping[str, str]:
        """The time limit."""
        return {} if options.time_limit is None else {TIME_LIMIT: f"{options.time_limit:g}"}

    def follows_recipe(self, options: CommandOptions) -> bool:
        """Whether the command is given a part of it."""
        return any(name.startswith(RECIPE) for name in placeholders(options.command))

    def refused(self, given: CellFiles) -> str | None:
        """A command that is to be given a model where there is none."""
        if given.model is None and "model" in placeholders(given.options["command"]):
            return "the command asks for {model}, and the model's source is none"
        return None

    def described(self, given: CellFiles) -> Described:
        """What our families know of the model, by which gradient norms that the command may leave are put in layers.

        UserError where a file that the command names is not the planned one any more.
        """
        if stale := changed(given.options["code"], given.root):
            raise UserError(f"{given.cell.name}: {', '.join(stale)} changed since the plan was made: {AGAIN}")
        if given.model is None or given.task is None:
            return Described("none")
        try:
            architecture = families.read_architecture(given.model, given.task.outputs)
        except UserError:
            return Described("unknown")
        return Described(architecture.name, tensors=roles_of(architecture))

    def train(
        self,
        inputs: CellFiles,
        seeds: Seeds,
        *,
        checkpoint: Path | None = None,
        **how: Any,
    ) -> list[Measured]:
        """One run after the other; a command's folder lies in `checkpoint`, where it finds what it left there."""
        return [
            self._run(inputs, seed, checkpoint and checkpoint / f"out-{number}") for number, seed in enumerate(seeds)
        ]

    def _run(self, inputs: CellFiles, seeds: Mapping[str, int], kept: Path | None) -> Measured:
        with _folder(kept) as out:
            values = _values(inputs, seeds, out)
            try:
                seconds = run_once(
                    filled(inputs.options["command"], values),
                    _project(inputs),
                    out,
                    variables(values),
                    _minutes(inputs),
                )
                if stale := changed(inputs.options["code"], inputs.root):
                    (out / FAILED).touch()
                    raise CommandError(f"{', '.join(stale)} changed while the run was trained: {AGAIN}", tail(out))
                try:
                    found = _read(inputs, seeds, out)
                except UserError as error:
                    raise UnreadError.of(error, out) from error
            except CommandError as error:
                raise RunFailedError(str(error), error.output) from error
            times = found.seconds or {"training": seconds}
            return replace(found, seconds=times, texts={OUTPUT: output(out)})


_NAMES = ("seed", *(f"seed.{stream}" for stream in STREAMS), "data", "out", "model", "task", "strategy")


def _values(inputs: CellFiles, seeds: Mapping[str, int], out: Path) -> dict[str, object]:
    cell = inputs.cell
    values: dict[str, object] = {
        "seed": seeds["strategy"],
        **{f"seed.{stream}": seeds[stream] for stream in STREAMS},
        "data": "" if inputs.task is None else data_folder(inputs.task, inputs.options["data"], inputs.root),
        "out": out,
        "model": inputs.model or "",
        "task": cell.task,
        "strategy": cell.strategy,
    }
    recipe = cell.known_recipe()
    if recipe is None:
        return values
    told = {**vars(recipe), "adam_beta2": recipe.beta2}
    return values | {f"{RECIPE}{name}": value for name, value in told.items()}


def _minutes(inputs: CellFiles) -> float | None:
    limit = inputs.cell.sources.get(TIME_LIMIT)
    return None if limit is None else float(limit)


def _project(inputs: CellFiles) -> Path:
    if not inputs.root.is_dir():
        raise RunFailedError(
            f"there is no folder {inputs.root} here: a command is run in the project's folder, which every node has to "
            "see",
            "",
        )
    return inputs.root


def _read(inputs: CellFiles, seeds: Mapping[str, int], out: Path) -> Measured:
    task, basis, cell = inputs.task, inputs.basis, inputs.cell
    found = read_output(
        out,
        metrics=basis.metrics,
        labels=basis.dev_labels,
        examples=basis.dev_examples,
        objective=basis.objective,
        label_names=cell.task_facts.label_names,
        scorers=None if task is None else task.scorers,
    )
    found.check_asked({"task": cell.task, "strategy": cell.strategy}, seeds["strategy"])
    return found.measured


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """A run's folder: the one that is kept between tries, else one that goes with the run."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()
        return
    made = Path(tempfile.mkdtemp(prefix="stabbench-run-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
