"""`stabbench score`: the metrics of a table of predictions, through Hugging Face's evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--metric", "metrics", multiple=True, required=True, help="accuracy, f1 or mcc; can be given again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def score(predictions: Path, metrics: tuple[str, ...], as_json: bool) -> None:
    """Score a run's predictions once more (a parquet file with the columns label and prediction).

    The local `evaluate` modules compute the metrics; they need no network.

    \b
    Examples:
      stabbench score runs/minilm/cola-1k/devlin/seed-0001/predictions.parquet --metric mcc --metric accuracy
    """
    import pandas as pd

    from stabbench.errors import UserError
    from stabbench.tasks.evaluate_modules import check, rescore

    for metric in metrics:
        check(metric)
    if not predictions.is_file():
        raise UserError(f"there is no file {predictions}: expected the predictions.parquet of a record")
    try:
        table = pd.read_parquet(predictions)
    except (OSError, ValueError) as error:
        raise UserError(f"{predictions} is not a parquet file: {error}") from error
    scores = rescore(table, metrics)
    if as_json:
        click.echo(json.dumps(scores, indent=2))
    else:
        for metric, value in scores.items():
            click.echo(f"{metric}\t{value:.6f}")
