"""`stabbench score`: the metrics of a table of predictions, through Hugging Face's evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    required=True,
    help="accuracy, f1 or mcc, which evaluate rescores; can be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def score(predictions: Path, metrics: tuple[str, ...], as_json: bool) -> None:
    """Score a run's predictions once more (a parquet file with the columns label and prediction).

    The local `evaluate` modules compute accuracy, f1 and mcc; they need no network. A run's scores in any other metric
    stand in its record.json.

    \b
    Examples:
      stabbench score runs/minilm/cola-1k/devlin/seed-0001/predictions.parquet --metric mcc --metric accuracy
    """
    import pandas as pd

    from stabbench.errors import UserError
    from stabbench.metrics import METRICS
    from stabbench.plugins import in_file
    from stabbench.tasks import evaluate_modules

    for metric in metrics:
        here = metric in evaluate_modules.METRICS
        if not here and (metric in METRICS.names() or in_file(metric) is not None):
            raise UserError(
                f"metric '{metric}' is not rescored, expected {', '.join(evaluate_modules.METRICS)}: its scores stand "
                "in the run's record.json"
            )
        evaluate_modules.check(metric)
    if not predictions.is_file():
        raise UserError(f"there is no file {predictions}: expected the predictions.parquet of a record")
    try:
        table = pd.read_parquet(predictions)
    except (OSError, ValueError) as error:
        raise UserError(f"{predictions} is not a parquet file: {error}") from error
    scores = evaluate_modules.rescore(table, metrics)
    if as_json:
        click.echo(json.dumps(scores, indent=2))
    else:
        for metric, value in scores.items():
            click.echo(f"{metric}\t{value:.6f}")
