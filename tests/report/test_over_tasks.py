from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from stabbench.errors import UserError
from stabbench.files import read_json
from stabbench.report.comparison import Comparison, compare
from stabbench.report.grid_tables import write_over_tasks
from stabbench.report.sections import over_tasks as chapter
from stabbench.report.sections import train_once as single
from tests.analysis.test_over_tasks import grid

COLUMNS = ["model", "task", "strategy", "seed", "score", "metric", "failed"]
STDS = {"wild": 0.06, "calm": 0.01, "quiet": 0.0105}


def comparison(tasks: int, seeds: int = 25, region: tuple[float, float] = (0.8, 1.25)) -> Comparison:
    return compare(grid(STDS, tasks, seeds)[COLUMNS], equivalence=region)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparison(5)


def test_the_answer_names_the_steadiest_over_tasks_and_what_is_tied_with_it(found: Comparison) -> None:
    (text,) = found.answers.values()
    assert re.search(r"Over 5 tasks pooled, (calm|quiet) has the smallest std, not told apart from (quiet|calm)", text)
    assert "pooled" not in next(iter(comparison(3).answers.values()))


def test_the_chapter_has_a_row_a_strategy_and_a_row_a_pair_and_says_what_is_claimed(found: Comparison) -> None:
    section = chapter.section(found.content)
    assert section is not None
    strategies, pairs = (table for _, table in section.tables)
    assert [row[3] for row in strategies.rows] == ["a", "a", "b"]
    assert len(pairs.rows) == 3
    assert section.found[0].startswith("Of 3 pairs, after Holm's adjustment, less steady: wild against calm ")
    assert section.found[0].endswith("; unknown: 1 pair.")


def test_under_four_tasks_the_chapter_says_that_it_describes_and_with_one_there_is_none() -> None:
    section = chapter.section(comparison(3).content)
    assert section is not None
    assert "under 4 they describe these tasks, and there is no test and no verdict" in section.found[0]
    assert {row[8] for row in section.tables[1][1].rows} == {"descriptive"}
    assert chapter.section(comparison(1).content) is None


def test_a_cell_that_counts_in_no_ratio_is_named_with_its_reason() -> None:
    runs = grid(STDS, 5)[COLUMNS]
    runs.loc[(runs["task"] == "task-2") & (runs["strategy"] == "calm"), "score"] = 0.7
    section = chapter.section(compare(runs).content)
    assert section is not None
    assert "1 cell counts in no ratio: calm on task-2 has the same score in all of its 25 runs." in section.found
    assert section.facts["left_out"] == [["the model", "task-2", "calm"]] or section.facts["left_out"][0][1:] == [
        "task-2",
        "calm",
    ]


def test_a_wider_region_makes_strategies_equivalent(found: Comparison) -> None:
    assert found.over_tasks is not None
    wide = comparison(5, region=(0.5, 2.0)).over_tasks
    assert wide is not None
    names = ["strategy_a", "strategy_b"]
    assert found.over_tasks.set_index(names).loc[("calm", "quiet"), "verdict"] == "unknown"
    assert wide.set_index(names).loc[("calm", "quiet"), "verdict"] == "equivalent"
    with pytest.raises(UserError, match=r"equivalence is 1\.1, 1\.2"):
        comparison(2, region=(1.1, 1.2))


def test_files_hold_what_the_page_shows_and_go_with_the_chapter(found: Comparison, tmp_path: Path) -> None:
    found.report(tmp_path)
    statistics = read_json(tmp_path / "tables" / "statistics.json")
    (model,) = statistics["over_tasks"].values()
    assert model["pairs"]["wild vs calm"]["verdict_holm"] == "less steady"
    assert statistics["settings"]["equivalence"] == [0.8, 1.25]
    pairs = pd.read_csv(tmp_path / "studies" / "over-tasks" / "pairs.csv")
    assert pairs["verdict_holm"].tolist() == ["less steady", "less steady", "unknown"]
    assert len(pd.read_csv(tmp_path / "studies" / "train-once" / "train-once.csv")) == 15
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f'<section id="{name}"' in html for name in ("over-tasks", "train-once"))
    for ending in ("md", "tex"):
        assert "calm" in (tmp_path / "tables" / f"over-tasks.{ending}").read_text(encoding="utf-8")
    write_over_tasks(comparison(1).content, tmp_path / "tables")
    assert not list((tmp_path / "tables").glob("over-tasks.*"))


def test_the_chapter_of_a_single_training_says_how_bad_the_worst_fifth_is(found: Comparison) -> None:
    section = single.section(found.content)
    assert re.match(
        r"task-0: the worst fifth of the runs has a mean accuracy of 6\d.\d with \w+, of 6\d.\d with wild.",
        section.found[0],
    )
    assert section.found[-1] == "All cells have runs enough for a tail."
    few = single.section(comparison(2, seeds=5).content)
    assert few.found == ["Of 6 cells with fewer than 10 runs nothing is said of the tail."]
