"""A table without a dev set through params.yaml: a share, folds as tasks of their own, groups."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.config import load
from stabbench.errors import UserError
from stabbench.folders import Folders
from stabbench.tasks.prepared import PreparedTask
from tests.tiny import PROJECT

BLOCK = "files: {train: tickets.csv}, text: body, label: kind"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def write(folder: Path, more: str = "", grid: str = "[tickets]") -> None:
    project = PROJECT.replace("tasks: [acceptability]", f"tasks: {grid}").split("tasks:\n")[0]
    tasks = f"tasks:\n  tickets: {{{BLOCK}{more}}}\nstrategies:\n  devlin: {{plugin: devlin}}\n"
    (folder / "params.yaml").write_text(f"seeds: 1-2{project}{tasks}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    rows = [(f"ticket {row}", ["pay", "access"][row % 2], f"customer {row % 20}") for row in range(60)]
    pd.DataFrame(rows, columns=["body", "kind", "customer"]).to_csv(tmp_path / "tickets.csv", index=False)
    return tmp_path


def task(folder: Path) -> PreparedTask:
    return PreparedTask.read(folder)


def test_a_file_without_a_dev_set_has_a_part_of_it_as_dev(project: Path) -> None:
    write(project)
    assert run("prepare").exit_code == 0
    found = task(project / "data/tickets")
    assert found.counts == {"train": 48, "dev": 12}
    assert found.label_shares == {"train": [0.5, 0.5], "dev": [0.5, 0.5]}
    assert sorted([*found.train["example"], *found.dev["example"]]) == list(range(60))
    before = (project / "data/tickets/task.json").read_bytes()
    assert run("prepare").exit_code == 0
    assert (project / "data/tickets/task.json").read_bytes() == before
    write(project, ", dev_share: 0.3, split_seed: 4")
    assert run("prepare").exit_code == 0
    found = task(project / "data/tickets")
    assert found.counts == {"train": 42, "dev": 18}
    assert found.origin is not None
    assert {key: found.origin[key] for key in ("dev_share", "split_seed")} == {"dev_share": 0.3, "split_seed": 4}


def test_the_rows_of_a_group_are_on_one_side(project: Path) -> None:
    write(project, ", group: customer")
    assert run("prepare").exit_code == 0
    found = task(project / "data/tickets")
    assert not {row % 20 for row in found.train["example"]} & {row % 20 for row in found.dev["example"]}


def test_the_share_that_dev_came_to_is_shown_and_what_was_asked_for_where_groups_make_it_another(project: Path) -> None:
    write(project, ", group: customer, dev_share: 0.3")  # of 3 parts with whole groups
    output = run("prepare").output
    share = 100 * task(project / "data/tickets").counts["dev"] / 60
    assert f"dev is {share:.3g} % of the rows (asked for: 30 %)" in output
    write(project, ", dev_share: 0.3")
    assert "dev is 30 % of the rows:" in run("prepare").output


def test_folds_are_tasks_of_the_grid_prepared_together_and_planned_each(project: Path) -> None:
    folds = [f"tickets-fold-{fold}" for fold in (1, 2, 3)]
    write(project, ", folds: 3", grid=f"[{', '.join(folds[:2])}]")
    assert list(load(project / "params.yaml").tasks) == folds
    result = run("prepare", "tickets")
    assert result.exit_code == 0, result.output
    found = [task(project / f"data/tickets/fold-{fold}") for fold in (1, 2, 3)]
    assert [each.name for each in found] == folds
    assert sorted(row for each in found for row in each.dev["example"]) == list(range(60))
    assert len({each.content_hash for each in found}) == 3
    assert all(not set(each.train["example"]) & set(each.dev["example"]) for each in found)
    for command in ("pretrain", "plan"):
        result = run(command)
        assert result.exit_code == 0, result.output
    plan = json.loads((project / "plan/embedded/tickets-fold-2/devlin.json").read_text())
    assert plan["sources"]["task"] == "data/tickets/fold-2"
    assert plan["spec"]["task"]["content_hash"] == found[1].content_hash
    assert not (project / "plan/embedded/tickets-fold-3").exists()


def test_only_the_named_fold_is_prepared_where_one_is_named(project: Path) -> None:
    write(project, ", folds: 3", grid="[tickets-fold-2]")
    assert run("prepare").exit_code == 0
    assert [path.parent.name for path in project.glob("data/tickets/*/task.json")] == ["fold-2"]
    assert Folders.of(project).task("tickets-fold-2") == project / "data/tickets/fold-2"


def test_a_grid_that_names_a_task_of_folds_is_told_their_names(project: Path) -> None:
    write(project, ", folds: 3")
    with pytest.raises(UserError, match="found 'tickets', which has 3 folds, expected some of tickets-fold-1, ti"):
        load(project / "params.yaml")
    write(project, ", folds: 3", grid="[tickets-fold-4]")
    with pytest.raises(UserError, match="tickets-fold-4"):
        load(project / "params.yaml")


def test_one_stage_reads_what_is_said_of_all_folds(project: Path) -> None:
    write(project, ", folds: 3", grid="[tickets-fold-1, tickets-fold-3]")
    assert run("validate").exit_code == 0
    assert [path.name for path in (project / "validated/tasks").iterdir()] == ["tickets.json"]
    assert json.loads((project / "validated/tasks/tickets.json").read_text())["folds"] == 3


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (", folds: 3, dev_share: 0.1", "found folds beside dev_share, expected one or the other"),
        (", folds: 1", "folds"),
        (", dev_share: 0", "dev_share"),
        (", dev_share: 1", "dev_share"),
        (", fold: 2", "found fold, which `folds` sets in each task that it makes: leave it out"),
        (", delimiter: '::'", "delimiter '::', expected one ASCII character"),
        (", encoding: nonsense", "encoding 'nonsense', expected one such as utf-8"),
        (", quoting: some", "quoting"),
        (", config: x", "found config beside files, to which it means nothing: leave it out"),
        (", scale: true", "found scale, which is of labels that are numbers: set objective: regression"),
        (", objective: regression, labels: [a, b]", "found labels beside objective regression"),
        (", objective: regresion", "did you mean 'regression'"),
        (", metrics: [macro_f2]", "did you mean 'macro_f1'"),
        (", drop: [a]", "expected values by column such as"),
    ],
)
def test_what_does_not_go_together_is_told(project: Path, more: str, told: str) -> None:
    write(project, more)
    with pytest.raises(UserError) as caught:
        load(project / "params.yaml")
    assert told in str(caught.value)


def test_a_dev_set_that_is_given_is_not_split(project: Path) -> None:
    write(project, ", group: customer, split_seed: 1")
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("{train: tickets.csv}", "{train: tickets.csv, dev: dev.csv}"))
    with pytest.raises(UserError, match="found group, split_seed beside a dev set of its own"):
        load(path)


def test_a_name_that_folds_would_make_is_taken(project: Path) -> None:
    write(project, grid="[tickets, tickets-fold-1]")
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("strategies:\n", f"  tickets-fold-1: {{{BLOCK}}}\nstrategies:\n", 1))
    with pytest.raises(UserError, match="the names that end in -fold-<number> are those that `folds` makes"):
        load(path)
