"""`stabbench publish`: results as the Hugging Face hub, Zenodo and Every Eval Ever take them."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--author",
    "authors",
    metavar="NAME",
    multiple=True,
    help="'Family, Given', or a group's name; once for each.",
)
@click.option("--licence", "--license", "licence", default="CC-BY-4.0", show_default=True, metavar="SPDX")
@click.option("--title", help="What the data set is called; else what was fine-tuned on what.")
@click.option("--predictions", is_flag=True, help="With what each run predicted for each example of dev, as numbers.")
@click.option("--incomplete", is_flag=True, help="Although planned runs are missing.")
@click.option("--force", is_flag=True, help="Replace what was published in OUT before.")
@options.runs
@options.store
@options.params
def publish(
    out: Path,
    authors: tuple[str, ...],
    licence: str,
    title: str | None,
    predictions: bool,
    incomplete: bool,
    force: bool,
    runs: Path,
    store: Path,
    params: Path,
) -> None:
    """Write the runs of the grid into the folder OUT, as archives take them (docs/publishing.md). Nothing is sent.

    A data set of the Hugging Face hub: README.md (the data card), data/runs.parquet and, where asked for,
    data/predictions.parquet; .zenodo.json and CITATION.cff; every-eval-ever/. No texts of data sets, no paths, no
    machines. The same records give the same bytes, and `stabbench compare OUT` the same table.

    \b
    Examples:
      stabbench publish results --author 'Doe, Jane'
      stabbench publish results --author 'Doe, Jane' --author 'The Example Lab' --predictions --license CC0-1.0
      stabbench compare results
    """
    from stabbench.project.publishing import publish as publish_runs
    from stabbench.publishing import Said

    said = Said(authors, licence, title)
    folders = Folders.of(runs=runs, params=params)
    made = publish_runs(
        folders,
        options.open_store(store),
        out,
        said,
        predictions=predictions,
        incomplete=incomplete,
        force=force,
    )
    for name in sorted(made.files):
        click.echo(f"wrote {out / name}")
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
