"""`stabbench seeds`: how many seeds are needed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options
from stabbench.cli.results import NAMES, check_reading, given_options, reading, source_of
from stabbench.folders import Folders

if TYPE_CHECKING:
    from stabbench.analysis.seeds_needed import Wanted
    from stabbench.looks import Design
    from stabbench.project.checking import Choice

_OF_MARGINS = ("margin_mean", "margin_failed", "std_ratio", "power", "confidence")
_OF_LOOKS = ("accept", "questions")
_FLAGS = {"confidence": "--pilot-confidence", "questions": "--question"}


@click.command()
@click.argument("results", required=False, type=click.Path(path_type=Path))
@click.option(
    "--margin-mean",
    type=float,
    metavar="X",
    help="How well a mean score is to be known: ± X, as scores are; 0.01 is 1.0 in the tables, which are × 100.",
)
@click.option(
    "--margin-failed", type=float, metavar="SHARE", help="How well a share of failed runs is to be known: ± 0.1."
)
@click.option(
    "--std-ratio", type=float, metavar="R", help="Two standard deviations that are to be told apart, R to 1: 2."
)
@click.option("--power", type=float, default=0.8, show_default=True, help="With what probability they are to be.")
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="The level of that test, or of all looks together; intervals have the confidence 1 − α.",
)
@click.option(
    "--pilot-confidence",
    "confidence",
    type=float,
    default=0.8,
    show_default=True,
    help="Confidence of the pilot's upper limits, from which seeds are planned.",
)
@click.option("--stage", type=int, metavar="N", help="Look instead: after every N seeds of each strategy.")
@click.option("--stages", type=int, metavar="K", help="How many looks there are at the most.")
@click.option(
    "--accept",
    type=float,
    default=0.5,
    show_default=True,
    metavar="P",
    help="From the second look on a pair with a larger p-value is no longer pursued; 1: none is given up.",
)
@click.option(
    "--question",
    "questions",
    type=click.Choice(["spread", "level"]),
    multiple=True,
    default=["spread"],
    show_default=True,
    help="What is to be decided of each pair; can be given again.",
)
@click.option("--model", "models", multiple=True, help="The cells of this model alone; can be given again.")
@click.option("--task", "tasks", multiple=True, help="The same of a task.")
@click.option("--strategy", "strategies", multiple=True, help="The same of a strategy.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@options.runs
@options.folder("plan", "The planned cells.")
@options.store
@reading
def seeds(
    results: Path | None,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    strategies: tuple[str, ...],
    as_json: bool,
    runs: Path,
    plan: Path,
    store: Path,
    **settings: Any,
) -> None:
    """Say how many seeds a wanted margin needs, or which strategies need more of them (docs/seeds.md).

    Read are the runs of the project, as `stabbench report` reads them, or those of RESULTS, whatever `stabbench
    compare` reads. For a margin they are a pilot: not its std counts but the upper confidence limit of it, and never
    its observed power. With --stage and --stages they are what has been trained so far of a plan that was made before:
    which pairs of strategies are told apart, and which strategies need the next stage; where params.yaml declares these
    looks, no option is needed.

    \b
    Examples:
      stabbench seeds --margin-mean .01 --task rte
      stabbench seeds results.csv --majority rte=0.527 --margin-failed .1 --std-ratio 2
      stabbench seeds --stage 5 --stages 5
    """
    from stabbench.looks import Design
    from stabbench.project.checking import Choice
    from stabbench.project.looking import declared
    from stabbench.project.seeds import looks
    from stabbench.project.seeds import seeds as needed

    how = {name: settings.pop(name) for name in NAMES}
    given = given_options()
    folders = Folders.of(runs=runs, plan=plan)
    planned = declared(folders) if results is None else None
    wanted = _asked(settings, given, planned)
    check_reading(results)
    source = source_of(results, folders, store, how)
    choice = Choice(models, tasks, strategies)
    answer = looks(source, wanted, choice) if isinstance(wanted, Design) else needed(source, wanted, choice)
    for note in (*answer.notes, *_peek(wanted, planned, choice)):
        click.echo(f"note: {note}", err=True)
    click.echo(json.dumps(answer.to_dict(), indent=2, ensure_ascii=False) if as_json else answer)


def _peek(wanted: Design | Wanted, planned: Design | None, choice: Choice) -> Iterator[str]:
    """What to know of looks that are others than those that params.yaml declares."""
    from stabbench.looks import Design

    if planned is None or not isinstance(wanted, Design):
        return
    if wanted != planned:
        yield f"params.yaml declares other looks ({planned}): what these say does not keep their level"
    if choice.strategies:
        yield "the looks that params.yaml declares take all strategies together: these of some of them decide nothing"


def _asked(settings: Mapping[str, Any], given: Collection[str], planned: Design | None) -> Design | Wanted:
    """The looks where there is a stage, or where nothing is asked and they are `planned`; else the wanted margins.

    UserError for what does not belong to it.
    """
    from stabbench.analysis.seeds_needed import Wanted
    from stabbench.errors import UserError
    from stabbench.looks import Design

    looking = settings["stage"] is not None or settings["stages"] is not None
    idle = _OF_MARGINS if looking else _OF_LOOKS
    for name in given:
        if name in idle:
            where = "--stage N and --stages K" if not looking else "neither --stage nor --stages"
            raise UserError(f"{_FLAGS.get(name, '--' + name.replace('_', '-'))} is given, expected {where} beside it")
    if not looking and planned is not None and not {*_OF_MARGINS, "alpha"} & {*given}:
        return planned
    if not looking:
        return Wanted(**{name: settings[name] for name in (*_OF_MARGINS, "alpha")})
    if settings["stage"] is None or settings["stages"] is None:
        raise UserError("looking needs both: --stage N seeds a stage, and --stages K of them at the most")
    accept = None if settings["accept"] == 1 else settings["accept"]
    return Design(settings["stage"], settings["stages"], settings["alpha"], accept, tuple(settings["questions"]))
