"""Shards: array jobs over one folder train every planned run once, in parts of equal size."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.execution.shards import Shard
from stabbench.plan import Cell, Spec
from stabbench.recipe import Recipe
from tests import warm
from tests.typed import task_facts

STUDIES = """
  mosbach: {plugin: mosbach, recipe: {epochs: 4}}
studies:
  crossed: {model: embedded, task: acceptability, levels: 2}
"""


def cell(number: int, seeds: Sequence[int], epochs: int, keep_weights: Sequence[int] = ()) -> Cell:
    return Cell(
        model="embedded",
        task="acceptability",
        strategy=f"strategy-{number}",
        seeds=tuple(seeds),
        sources={},
        description="",
        reference="",
        task_facts=task_facts(counts={"train": 100}),
        spec=Spec(number=number, recipe=dataclasses.asdict(Recipe(epochs=epochs))),
        keep_weights=tuple(keep_weights),
    )


def test_of_cells_whose_updates_nobody_knows_every_shard_has_as_many_runs() -> None:
    unknown = dataclasses.replace(cell(1, range(6), 1), spec=Spec(number=1, recipe={}))
    assert [len(runs) for runs in parts([cell(0, range(6), 9), unknown], 4)] == [3, 3, 3, 3]


def parts(cells: Sequence[Cell], count: int) -> list[list[tuple[int, int]]]:
    """Of every shard its runs, each as the place of its cell and its seed."""
    wanted = [(each, each.seeds) for each in cells]
    shards = [Shard(number + 1, count).of(wanted) for number in range(count)]
    return [[(place, seed) for place, seeds in shard.items() for seed in seeds] for shard in shards]


plans = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 20)), min_size=1, max_size=6)


@given(plans, st.integers(1, 15))
def test_every_run_is_in_one_shard_in_the_plans_order(sizes: list[tuple[int, int]], count: int) -> None:
    cells = [cell(number, range(1, seeds + 1), epochs) for number, (seeds, epochs) in enumerate(sizes)]
    runs = [run for part in parts(cells, count) for run in part]
    assert runs == [(place, seed) for place, each in enumerate(cells) for seed in each.seeds]


@given(plans, st.integers(1, 15))
def test_shards_have_equal_numbers_of_updates_to_within_one_run(sizes: list[tuple[int, int]], count: int) -> None:
    cells = [cell(number, range(1, seeds + 1), epochs) for number, (seeds, epochs) in enumerate(sizes)]
    updates = [each.recipe().updates(100) for each in cells]
    totals = [sum(updates[place] for place, _ in part) for part in parts(cells, count)]
    fair = sum(totals) / count
    assert all(abs(total - fair) <= max(updates) for total in totals)


def test_a_run_that_two_cells_share_is_in_the_first_ones_shard_alone() -> None:
    grid = cell(0, (1, 2, 3, 4), 3)
    study = dataclasses.replace(grid, strategy="as-in-the-study", seeds=(3, 4, 5))
    assert parts([grid, study], 2) == [[(0, 1), (0, 2)], [(0, 3), (0, 4), (1, 5)]]


def test_a_shared_run_whose_weights_only_the_second_cell_keeps_is_in_both() -> None:
    grid = cell(0, (1, 2), 3)
    study = dataclasses.replace(grid, strategy="as-in-the-study", keep_weights=(2,))
    assert parts([grid, study], 1) == [[(0, 1), (0, 2), (1, 2)]]
    assert parts([study, grid], 1) == [[(0, 1), (0, 2)]]


@pytest.mark.parametrize("text", ["3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "", "1.5/4"])
def test_what_names_no_shard_is_a_mistake_before_any_work(project: Path, text: str) -> None:
    with pytest.raises(UserError, match="expected K/N with K from 1 to N"):
        Shard.parse(text)
    result = CliRunner().invoke(main, ["train", "--shard", text])
    assert result.exit_code == 2
    assert f"shard: found {text!r}" in result.output
    assert not (project / ".stabbench").exists()


def test_shards_in_processes_of_their_own_over_one_folder_train_every_run_once(project: Path) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write(STUDIES)
    params = (project / "params.yaml").read_text().replace("strategies: [devlin]", "strategies: [devlin, mosbach]")
    (project / "params.yaml").write_text(params)
    assert CliRunner().invoke(main, ["plan"]).exit_code == 0
    command = [str(warm.programs() / "stabbench"), "train", "--all", "--workers", "1", "--shard"]
    shards = [
        subprocess.Popen([*command, f"{number}/3"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for number in (1, 2, 3)
    ]
    said = [shard.communicate(timeout=120)[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0, 0, 0], said
    found = [re.search(r"shard (\d)/3: (\d+) runs trained, (\d+) already there", text) for text in said]
    assert [match and match[1] for match in found] == ["1", "2", "3"]
    assert [match and match[3] for match in found] == ["0", "0", "0"]
    trained = [int(match[2]) for match in found if match]
    assert sum(trained) == len(list(Path(".stabbench/runs").glob("??/*"))) == 4 + 4 + 7
    assert min(trained) > 0
    whole = CliRunner().invoke(main, ["train", "--all"])
    assert "0 runs trained, 16 already there" in whole.output


def test_a_shard_of_some_cells_leaves_the_selection_to_a_whole_training(project: Path) -> None:
    first = CliRunner().invoke(main, ["train", "--strategy", "devlin", "--shard", "1/2"])
    assert "shard 1/2: 2 runs trained, 0 already there" in first.output
    assert not (project / "runs").exists()
    whole = CliRunner().invoke(main, ["train", "--strategy", "devlin"])
    assert "2 trained, 2 already there" in whole.output
