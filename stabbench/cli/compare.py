"""`stabbench compare`: the report of results that somebody else's code produced."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--columns",
    metavar="NAME=COLUMN,…",
    multiple=True,
    help="What the file calls strategy, task, seed, score: strategy=method,task=dataset,score=accuracy.",
)
@click.option(
    "--wide",
    metavar="COLUMN,…",
    is_flag=False,
    flag_value="*",
    help="The columns that are tasks, where a row holds a score for each; without names, after the file: all columns "
    "of numbers that are not named.",
)
@click.option(
    "--majority",
    "baselines",
    metavar="TASK=VALUE",
    multiple=True,
    help="The best constant classifier's accuracy on a task (its score where there is no column accuracy): a run that "
    "is no better failed. Once a task. Not needed with a column failed, or for metrics whose definition says it (mcc).",
)
@click.option(
    "--nan",
    default="error",
    show_default=True,
    metavar="error|failed|missing",
    help="What runs without a score are: failed, with a constant prediction's score, or planned and not finished.",
)
@click.option("--percent", is_flag=True, help="The scores are per cent (62.8), not fractions (0.628).")
@click.option("--lower-is-better", metavar="METRIC", multiple=True, help="Of this metric the lower is the better.")
@click.option("--higher-is-better", metavar="METRIC", multiple=True, help="Of this metric the higher is the better.")
@click.option(
    "--levene-center", default="median", show_default=True, metavar="median|mean", help="The centre of the star's test."
)
@click.option("--alpha", type=float, default=0.001, show_default=True, help="The star's level of significance.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("comparison"),
    show_default=True,
    help="The folder to write.",
)
def compare(
    results: Path,
    columns: tuple[str, ...],
    wide: str | None,
    baselines: tuple[str, ...],
    out: Path,
    **settings: Any,
) -> None:
    """Make index.html, metrics.json, tables and figures from a file of scores, a row a run (docs/compare.md).

    RESULTS is text (columns by comma, tab, semicolon or bar), Parquet or JSON lines with the columns strategy, task,
    seed and score; model, metric, accuracy, majority, status and failed are used where they are there. No record, no
    model, no torch is needed.

    \b
    Examples:
      stabbench compare results.csv
      stabbench compare results.parquet --percent --majority rte=52.7 --majority mrpc=68.4 --out rte-and-mrpc
      stabbench compare export.csv --columns strategy=method,task=dataset,score=eval_loss
      stabbench compare wide.csv --columns strategy=method --wide SST2,QNLI --percent
    """
    from stabbench.analysis.results import read_results
    from stabbench.execution.settings import available_cores
    from stabbench.processes import processes
    from stabbench.report.comparison import compare as compare_results

    majority, named = _majority(baselines), _columns(columns)
    with processes(available_cores()) as executor:
        found = compare_results(
            read_results(results, named),
            majority=majority,
            columns=named,
            wide=_names(wide),
            **settings,
            source=str(results),
            executor=executor,
        )
        found.report(out, executor)
    for model, answer in found.answers.items():
        click.echo(f"{model}: {answer}" if len(found.answers) > 1 else answer)
    for text in (*found.notes, *found.warnings):
        click.echo(f"note: {text}", err=True)
    click.echo(f"wrote {out / 'index.html'}")


def _majority(baselines: tuple[str, ...]) -> dict[str, float]:
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


def _columns(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=\s*\w+=)", text):  # a column's own name may hold a comma
            name, _, column = (piece.strip() for piece in part.partition("="))
            if not name or not column or name in found:
                expected = "expected NAME=COLUMN once a name, such as strategy=method,score=accuracy"
                raise click.BadParameter(f"found '{part}', {expected}", param_hint="--columns")
            found[name] = column
    return found


def _names(text: str | None) -> Sequence[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise click.BadParameter("found no name, expected columns, such as SST2,QNLI", param_hint="--wide")
    return names
