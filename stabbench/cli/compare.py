"""`stabbench compare`: the report of results that somebody else's code produced."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--majority",
    "baselines",
    metavar="TASK=VALUE",
    multiple=True,
    help="The majority classifier's accuracy on a task (its score where there is no column accuracy): a run that is no "
    "better failed. Once a task. Not needed with a column failed.",
)
@click.option("--percent", is_flag=True, help="The scores are per cent (62.8), not fractions (0.628).")
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
    results: Path, baselines: tuple[str, ...], percent: bool, levene_center: str, alpha: float, out: Path
) -> None:
    """Make index.html, metrics.json, tables and figures from a file of scores, a row a run (docs/compare.md).

    RESULTS is CSV, TSV, Parquet or JSON lines with the columns strategy, task, seed and score (the higher the better);
    model, metric, accuracy and failed are used where they are there. No record, no model, no torch is needed.

    \b
    Examples:
      stabbench compare results.csv
      stabbench compare results.parquet --percent --majority rte=52.7 --majority mrpc=68.4 --out rte-and-mrpc
    """
    from stabbench.analysis.results_file import read_results
    from stabbench.execution.settings import available_cores
    from stabbench.processes import processes
    from stabbench.report.comparison import compare as compare_results

    majority = _majority(baselines)
    with processes(available_cores()) as executor:
        found = compare_results(
            read_results(results),
            majority=majority,
            percent=percent,
            levene_center=levene_center,
            alpha=alpha,
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
