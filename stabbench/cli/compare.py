"""`stabbench compare`: the report of results that somebody else's code produced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stabbench.cli.results import reading


def _region(context: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"found '{text}', expected LOW,HIGH, such as 0.8,1.25") from None


@click.command()
@click.argument("results", nargs=-1, required=True)
@reading
@click.option(
    "--levene-center", default="median", show_default=True, metavar="median|mean", help="The centre of the star's test."
)
@click.option("--alpha", type=float, default=0.001, show_default=True, help="The star's level of significance.")
@click.option(
    "--equivalence",
    default="0.8,1.25",
    show_default=True,
    metavar="LOW,HIGH",
    callback=_region,
    help="Ratios of standard deviations between which a difference does not matter to you (docs/over-tasks.md).",
)
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
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as one JSON object in place of the answer.")
def compare(results: tuple[str, ...], form: str, out: Path, as_json: bool, **settings: Any) -> None:
    """Make index.html, metrics.json, tables and figures from scores that something else wrote (docs/compare.md).

    RESULTS is a table, a row a run, with the columns strategy, task, seed and score (text with columns by comma, tab,
    semicolon or bar, Parquet, JSON, JSON lines); a folder of Hugging Face runs; a W&B or Trackio export; results of
    lm-evaluation-harness, Inspect, PEFT's method comparison or benchopt; or mlflow:EXPERIMENT. Several are put
    together. What a format is, is found by what is inside. No record, no model, no torch is needed.

    \b
    Examples:
      stabbench compare results.csv
      stabbench compare results.parquet --percent --majority rte=52.7 --majority mrpc=68.4 --out rte-and-mrpc
      stabbench compare export.csv --columns strategy=method,task=dataset,score=eval_loss
      stabbench compare wide.csv --columns strategy=method --wide SST2,QNLI --percent
      stabbench compare results.csv --json | jq .stability
      stabbench compare results.csv --format md | gh pr comment --body-file -
      stabbench compare runs --pattern 'runs/{task}/{strategy}/seed-{seed}' --metric accuracy
      stabbench compare mlflow:my-experiment --columns strategy=method,task=dataset,score=eval_accuracy
      stabbench compare lm-eval-results --columns strategy=peft
    """
    from stabbench.cli.progress import watch_parts
    from stabbench.execution.settings import available_cores
    from stabbench.files import check_writable
    from stabbench.processes import processes
    from stabbench.report.comparison import compare as compare_results
    from stabbench.report.summary import summary

    if as_json and form == "md":
        raise click.UsageError("--json prints numbers, and --format md prints Markdown: leave one of them out")
    if form == "folder":
        check_writable(out)
    with processes(available_cores()) as executor:
        found = compare_results(
            results,
            **settings,
            executor=executor,
        )
        if form == "md":
            for text in found.notes:  # the warnings are in the summary
                click.echo(f"note: {text}", err=True)
            click.echo(summary(found.content), nl=False)
            return
        with watch_parts("compare") as progress:
            found.report(out, executor, progress)
    for text in (*found.notes, *found.warnings):
        click.echo(f"note: {text}", err=True)
    if as_json:
        click.echo(json.dumps({"page": str(out / "index.html"), **found.to_dict()}, indent=2, ensure_ascii=False))
        return
    for model, answer in found.answers.items():
        click.echo(f"{model}: {answer}" if len(found.answers) > 1 else answer)
    click.echo(f"wrote {out / 'index.html'}")
