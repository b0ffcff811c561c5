"""`stabbench noise`: is a difference more than the noise of one recipe?"""

from __future__ import annotations

import json
from typing import Any

import click

from stabbench.cli.results import reading
from stabbench.folders import Folders


@click.command()
@click.argument("results", nargs=-1)
@click.option("--model", default="", help="Of this model alone.")
@click.option("--task", default="", help="Of this task alone.")
@click.option("--strategy", default="", help="Of this strategy alone.")
@click.option("--difference", type=float, help="A difference of scores, in points as tables print them: 0.4.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Seeds each that the difference is of.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON list of recipes.")
@reading
def noise(
    results: tuple[str, ...],
    model: str,
    task: str,
    strategy: str,
    difference: float | None,
    seeds: int,
    as_json: bool,
    **given: Any,
) -> None:
    """Say how far apart trainings of one recipe come out, and how much of that is the noise of its dev set.

    RESULTS is whatever `stabbench compare` takes; without it, this project's runs/. A recipe is a strategy on a task
    with a model. Predictions of single examples, where there are any, tell the noise of the dev set from what seeds
    change beyond it (docs/noise.md).

    \b
    Examples:
      stabbench noise
      stabbench noise --task cola-1k --strategy devlin --difference 0.4
      stabbench noise results.csv --strategy ours --difference 0.4 --seeds 5
      stabbench noise results.csv --predictions predictions.parquet --json
    """
    from stabbench.analysis.place import Place
    from stabbench.errors import UserError
    from stabbench.report.comparison import understood
    from stabbench.report.recipe_noise import recipe_noise, text

    runs = Folders.of().runs
    if not results and not runs.is_dir():
        raise UserError(
            f"there are no runs in {runs}/ here: run `stabbench train`, or name a file or folder of results"
        )
    read = understood(results or (str(runs),), **given)
    found = recipe_noise(read, Place(model, task, strategy), difference=difference, seeds=seeds)
    click.echo(json.dumps([item.facts() for item in found], indent=2) if as_json else text(found))
