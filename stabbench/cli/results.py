"""How a file of scores is read: the options that commands share which read one, or a project's runs in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from stabbench.cli.options import open_store
from stabbench.folders import Folders

if TYPE_CHECKING:
    from stabbench.report.gate import Source

Command = TypeVar("Command", bound=Callable[..., Any])


def _majority(context: click.Context, parameter: click.Parameter, baselines: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in baselines:
        task, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = None
        if not task or number is None or task in found:
            raise click.BadParameter(f"found '{text}', expected TASK=VALUE once a task, such as rte=0.527")
        found[task] = number
    return found


_EXAMPLES = {"columns": ("COLUMN", "strategy=method,score=accuracy"), "same": ("VALUE", "task=rte,model=bert-base")}


def _pairs(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    kind, example = _EXAMPLES[str(parameter.name)]
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=\s*\w+=)", text):  # a column's own name may hold a comma
            name, _, column = (piece.strip() for piece in part.partition("="))
            if not name or not column or name in found:
                expected = f"expected NAME={kind} once a name, such as {example}"
                raise click.BadParameter(f"found '{part}', {expected}")
            found[name] = column
    return found


def _names(context: click.Context, parameter: click.Parameter, text: str | None) -> Sequence[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise click.BadParameter("found no name, expected columns, such as SST2,QNLI")
    return names


_OPTIONS = (
    click.option(
        "--columns",
        metavar="NAME=COLUMN,…",
        multiple=True,
        callback=_pairs,
        help="What the file calls strategy, task, seed, score: strategy=method,task=dataset,score=accuracy.",
    ),
    click.option(
        "--wide",
        metavar="COLUMN,…",
        is_flag=False,
        flag_value="*",
        callback=_names,
        help="The columns that are tasks, where a row holds a score for each; without names, after the file: all "
        "columns of numbers that are not named.",
    ),
    click.option(
        "--pattern",
        metavar="PATH",
        help="Where names and seed stand in the paths (or names) of runs: 'runs/{task}/{strategy}/seed-{seed}'; also "
        "{model}; * is anything within a part of a path.",
    ),
    click.option("--metric", metavar="NAME", help="Which of the metrics of runs is their score."),
    click.option(
        "--same",
        metavar="NAME=VALUE,…",
        multiple=True,
        callback=_pairs,
        help="What is the same for all runs: task=rte,model=bert-base.",
    ),
    click.option(
        "--predictions",
        metavar="TABLE",
        type=click.Path(path_type=Path),
        help="What each run predicted for each example: strategy, task, seed, example, label, prediction.",
    ),
    click.option(
        "--reader", metavar="NAME", help="The reader to take (stabbench plugins readers), or ./file.py:Class."
    ),
    click.option(
        "--majority",
        metavar="TASK=VALUE",
        multiple=True,
        callback=_majority,
        help="The best constant classifier's accuracy on a task (its score where there is no column accuracy): a run "
        "that is no better failed. Once a task. Not needed with a column failed, or for metrics whose definition says "
        "it (mcc).",
    ),
    click.option(
        "--nan",
        default="error",
        show_default=True,
        metavar="error|failed|missing",
        help="What runs without a score are: failed, with a constant prediction's score, or planned and not finished.",
    ),
    click.option("--percent", is_flag=True, help="The scores are per cent (62.8), not fractions (0.628)."),
    click.option("--lower-is-better", metavar="METRIC", multiple=True, help="Of this metric the lower is the better."),
    click.option(
        "--higher-is-better", metavar="METRIC", multiple=True, help="Of this metric the higher is the better."
    ),
)
NAMES = (
    *("columns", "wide", "pattern", "metric", "same", "predictions", "reader"),
    *("majority", "nan", "percent", "lower_is_better", "higher_is_better"),
)
"""The arguments that the options give."""


PLACES = ("runs", "plan", "store")
"""The arguments that say where a project's runs are."""


def given_options() -> list[str]:
    """The arguments of the current command that its user wrote."""
    context = click.get_current_context()
    return [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]


def check_reading(results: Path | None, against: Path | None = None, *, file: str = "RESULTS") -> None:
    """UserError for an option that says how a file is read where there is none, or a project's runs where there is one.

    `file` is what would take the first kind, where a command reads another file than RESULTS, too.
    """
    from stabbench.errors import UserError

    idle = PLACES if results is not None else NAMES if against is None else ()
    what, expected = ("a file is", file) if results is None else ("a project's runs are", "no RESULTS")
    for name in given_options():
        if name in idle:
            raise UserError(f"--{name.replace('_', '-')} says how {what} read, expected {expected} beside it")


def source_of(results: Path | None, folders: Folders, store: Path, how: Mapping[str, Any]) -> Source:
    """The runs of a file, read as `how` says, or of the project where none is named."""
    from stabbench.project.checking import project_source, results_source

    return project_source(folders, open_store(store)) if results is None else results_source(results, **how)


def reading(command: Command) -> Command:
    """`--columns` to `--higher-is-better`: the arguments `NAMES`, as `report.comparison.understood` takes them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
