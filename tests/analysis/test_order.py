from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pytest

from stabbench.analysis.order import strategies_by_std


def runs(cells: Mapping[tuple[str, str], Sequence[float]], failed: Sequence[str] = ()) -> pd.DataFrame:
    rows = [
        {"model": "m", "task": task, "strategy": name, "score": score, "failed": name in failed, "status": "ok"}
        for (task, name), scores in cells.items()
        for score in scores
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_smallest_std_comes_first() -> None:
    table = runs({("t", "wide"): [0.1, 0.9], ("t", "narrow"): [0.5, 0.51], ("t", "middle"): [0.4, 0.6]})
    assert strategies_by_std(table) == ["narrow", "middle", "wide"]


def test_ranks_count_over_tasks_not_the_size_of_a_spread() -> None:
    """`a` is best on two tasks by a little, `b` on one by far: the mean std would put `b` first."""
    table = runs(
        {
            ("t1", "b"): [0.40, 0.60],
            ("t1", "a"): [0.41, 0.59],
            ("t2", "b"): [0.40, 0.60],
            ("t2", "a"): [0.41, 0.59],
            ("t3", "b"): [0.50, 0.50],
            ("t3", "a"): [0.0, 1.0],
        }
    )
    assert strategies_by_std(table) == ["a", "b"]


def test_a_strategy_all_of_whose_runs_failed_comes_last_however_small_its_std() -> None:
    table = runs({("t", "dead"): [0.5, 0.5], ("t", "wide"): [0.1, 0.9], ("t", "one"): [0.5]}, failed=["dead"])
    assert strategies_by_std(table) == ["wide", "dead", "one"]


@pytest.mark.parametrize("names", [["a", "b"], ["b", "a"]])
def test_ties_keep_the_plans_order(names: list[str]) -> None:
    assert strategies_by_std(runs({("t", name): [0.5, 0.6] for name in names})) == names


def test_a_strategy_that_a_task_lacks_is_ranked_where_it_is() -> None:
    table = runs({("t1", "a"): [0.1, 0.9], ("t1", "b"): [0.2, 0.8], ("t2", "a"): [0.1, 0.9], ("t3", "c"): [0.5, 0.6]})
    assert strategies_by_std(table) == ["b", "c", "a"]
