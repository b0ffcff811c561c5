"""`stabbench compare`: the report of results that somebody else's code produced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stabbench.cli.results import reading


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@reading
@click.option(
    "--levene-center", default="median", show_default=True, metavar="median|mean", help="The centre of the star's test."
)
@click.option("--alpha", type=float, default=0.001, show_default=True, help="The star's level of significance.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["folder", "md"]),
    default="folder",
    show_default=True,
    help="folder: all files; md: a summary for a pull request, printed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("comparison"),
    show_default=True,
    help="The folder to write.",
)
def compare(results: Path, columns: dict[str, str], form: str, out: Path, **settings: Any) -> None:
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
      stabbench compare results.csv --format md | gh pr comment --body-file -
    """
    from stabbench.analysis.results import read_results
    from stabbench.execution.settings import available_cores
    from stabbench.processes import processes
    from stabbench.report.comparison import compare as compare_results
    from stabbench.report.summary import summary

    with processes(available_cores()) as executor:
        found = compare_results(
            read_results(results, columns),
            columns=columns,
            **settings,
            source=str(results),
            executor=executor,
        )
        if form == "md":
            click.echo(summary(found.content), nl=False)
            return
        found.report(out, executor)
    for model, answer in found.answers.items():
        click.echo(f"{model}: {answer}" if len(found.answers) > 1 else answer)
    for text in (*found.notes, *found.warnings):
        click.echo(f"note: {text}", err=True)
    click.echo(f"wrote {out / 'index.html'}")
