"""A file that is not of the format of the reader that takes it is a message, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import stabbench
from stabbench.errors import UserError

SPLIT = json.dumps({"columns": ["strategy"], "data": [["a", 1]]})
PARQUET = {
    "solver_name": ["a"],
    "dataset_name": ["d"],
    "objective_name": ["o"],
    "idx_rep": ["x"],
    "objective_value": [1.0],
}


@pytest.mark.parametrize(
    ("name", "reader", "message"),
    [
        ("scores.csv", "benchopt", r"scores\.csv: not as expected of benchopt's results"),
        ("scores.csv", "wandb", r"scores\.csv: not as expected of W&B's table .*: no 'Name'"),
        ("scores.csv", "trackio", r"scores\.csv: not as expected of a plot of Trackio"),
        ("split.json", None, r"split\.json: not as expected of JSON tables: .* 1 columns passed"),
        ("odd.parquet", None, r"odd\.parquet: not as expected of benchopt's results, .*: invalid literal"),
    ],
)
def test_a_file_that_is_not_of_its_readers_format_is_a_message(
    tmp_path: Path, name: str, reader: str | None, message: str
) -> None:
    (tmp_path / "scores.csv").write_text("strategy,task,seed,score\na,rte,1,0.5\n")
    (tmp_path / "split.json").write_text(SPLIT)
    pd.DataFrame(PARQUET).to_parquet(tmp_path / "odd.parquet")
    with pytest.raises(UserError, match=message):
        stabbench.compare(str(tmp_path / name), reader=reader)


def test_predictions_that_are_lists_are_told_by_their_row(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "rte" / "a" / "seed-1"
    run.mkdir(parents=True)
    (run / "all_results.json").write_text('{"eval_accuracy": 0.5}')
    (run / "predictions.jsonl").write_text('{"label": 1, "prediction": 1}\n{"label": [0], "prediction": 1}\n')
    with pytest.raises(UserError, match=r"label in data row 2 is \[0\], expected one value"):
        stabbench.compare(str(tmp_path / "runs"), pattern="{task}/{strategy}/seed-{seed}")
