from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stabbench.analysis.frame import COLUMNS, check_complete, finished, frame, seed_list
from stabbench.errors import UserError
from stabbench.records import Selection
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

CELLS = [
    SyntheticCell([0.5, 0.0, DIVERGED, None, 0.4]),
    SyntheticCell([0.51, 0.52, 0.53, 0.54, 0.55], strategy="mosbach"),
]


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> Selection:
    runs = tmp_path_factory.mktemp("project") / "runs"
    write_runs(runs, CELLS)
    return Selection.read(runs)


def test_every_planned_run_is_one_row_with_all_columns(selection: Selection) -> None:
    table = frame(selection)
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 10
    assert list(table["status"])[:5] == ["ok", "failed", "diverged", "missing", "ok"]
    assert list(table["failed"])[:5] == [False, True, True, False, False]
    assert list(finished(table)["seed"])[:4] == [1, 2, 3, 5]


def test_a_diverged_run_counts_with_the_majority_classifiers_score(selection: Selection) -> None:
    row = frame(selection).iloc[2]
    assert (row["score"], row["accuracy"], row["diverged"]) == (0.0, 0.69, True)


def test_a_missing_run_has_no_numbers_but_its_place_in_the_plan(selection: Selection) -> None:
    row = frame(selection).iloc[3]
    assert np.isnan(row["score"])
    assert pd.isna(row["steps"])
    assert row["fingerprint"] == selection.cells[0].cell.fingerprint(4)


def test_missing_runs_are_named_with_the_command_that_trains_them(selection: Selection) -> None:
    with pytest.raises(UserError) as error:
        check_complete(selection)
    text = str(error.value)
    assert "1 of 2 cells" in text
    assert "synthetic/acceptability/devlin: 1 of 5 missing (seed 4)" in text
    assert "stabbench train --model synthetic --task acceptability --strategy devlin --seeds 4" in text
    assert "--incomplete" in text


@pytest.mark.parametrize(
    ("seeds", "text"), [([1, 2, 3, 7], "1-3,7"), ([5], "5"), ([9, 8, 3, 1], "1,3,8-9"), ([1, 2], "1-2")]
)
def test_seeds_are_written_as_the_command_line_reads_them(seeds: list[int], text: str) -> None:
    assert seed_list(seeds) == text
