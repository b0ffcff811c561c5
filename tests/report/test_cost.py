from __future__ import annotations

import math

import pytest

from stabbench.report.content import Content, gather
from stabbench.report.sections.cost import cost_table, costs, economy
from tests.analysis.synthetic import SyntheticCell, write_runs


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """10 updates an epoch: devlin's run has 30, mosbach's 60; of devlin's four runs one succeeds, of `never`'s none."""
    folder = tmp_path_factory.mktemp("cost")
    cells = [
        SyntheticCell([0.5, 0.0, 0.0, 0.0], gradient_norms=False),
        SyntheticCell([0.5] * 4, strategy="mosbach", epochs=6, gradient_norms=False),
        SyntheticCell([0.0] * 4, strategy="never", gradient_norms=False),
    ]
    write_runs(folder / "runs", cells)
    return gather(folder / "runs", incomplete=False, levene_center="median", alpha=0.001)


def test_failed_runs_are_paid_for_by_the_successful_ones(content: Content) -> None:
    table = cost_table(content.runs)
    assert table["strategy"].tolist() == ["devlin", "mosbach", "never"]
    assert table["steps"].tolist() == [30, 60, 30]
    assert table["steps_successful"].tolist() == [4 * 30, 60, math.inf]
    assert table["flops_successful"].tolist() == pytest.approx([4 * 30 * 3.1e9, 60 * 3.1e9, math.inf])
    assert table["times_cheapest"].tolist() == pytest.approx([2, 1, math.inf])


def test_the_sentence_says_that_the_longer_training_is_the_cheaper_success(content: Content) -> None:
    (text,) = (sentence.replace("\u00a0", " ") for sentence in economy(content, cost_table(content.runs)))
    assert text == (
        "acceptability: a run of devlin costs least (93 G operations); a successful one costs least with mosbach "
        "(186 G operations where devlin takes 372 G operations, 1 of 4 succeeding). No run of never succeeded."
    )


def test_what_has_no_successful_run_has_no_cost_of_one(content: Content) -> None:
    rows = {row[1]: row for row in costs(cost_table(content.runs), "synthetic").rows}
    assert rows["never"][2:] == ["0/4", "30", "5.76 k", "93 G", "n/a", "n/a", "n/a", "n/a"]


def test_runs_without_a_known_cost_have_no_row(content: Content) -> None:
    assert cost_table(content.runs.assign(steps=None, tokens=None, flops=math.nan)).empty


def test_of_a_cost_that_is_known_in_part_the_rest_is_not_available(content: Content) -> None:
    rows = {row[1]: row for row in costs(cost_table(content.runs.assign(flops=math.nan)), "synthetic").rows}
    assert rows["devlin"][2:] == ["1/4", "30", "5.76 k", "n/a", "120", "23 k", "n/a", "n/a"]
