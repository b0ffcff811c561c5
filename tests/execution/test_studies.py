"""Studies end to end: trained runs are shared with the main grid, and nothing is trained twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.records import Selection

SAMPLE = "  acceptability-20: {dataset: acceptability, train_size: 20, dev_size: 32}\n"
STUDIES = """
studies:
  crossed: {model: embedded, task: acceptability, levels: 2}
  ablation: {model: embedded, task: acceptability, learning_rates: [1.0e-3], epochs: [3, 4], seeds: 1-2}
  small-data: {model: embedded, pairs: [{full: acceptability, sample: acceptability-20}]}
"""


def stabbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def stored() -> int:
    return len(list(Path(".stabbench/runs").glob("??/*")))


@pytest.fixture
def with_studies(project: Path) -> Path:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("strategies:\n  dev", f"{SAMPLE}strategies:\n  dev") + STUDIES)
    return project


def test_the_crossed_design_trains_all_combinations_but_the_one_that_the_grid_has(with_studies: Path) -> None:
    assert stabbench("train").exit_code == 0
    assert stored() == 4
    result = stabbench("study", "crossed")
    assert result.exit_code == 0, result.output
    assert "7 trained, 1 already there" in result.output
    assert stored() == 11
    again = stabbench("study", "crossed")
    assert "0 trained, 8 already there" in again.output
    assert stored() == 11
    (cell,) = Selection.read(Path("studies/crossed")).cells
    assert not cell.missing
    seeds = [cell.records[number].spec.seeds for number in (1, 8)]
    assert seeds[0] == {"head": 1, "order": 1, "dropout": 1, "strategy": 1}
    assert seeds[1] == {"head": 2, "order": 2, "dropout": 2, "strategy": 1}
    digests = [record.result.result_digest for record in cell.records.values()]
    assert len(set(digests)) == 8


def test_the_settings_that_the_grid_has_are_not_trained_again(with_studies: Path) -> None:
    stabbench("train")
    result = stabbench("study", "ablation")
    assert result.exit_code == 0, result.output
    lines = {line.split(": ")[0]: line for line in result.output.splitlines() if "already there" in line}
    assert lines["embedded/acceptability/lr1e-3-e3-nobc"].endswith("0 trained, 2 already there")
    assert lines["embedded/acceptability/lr1e-3-e4-bc"].endswith("2 trained, 0 already there")
    assert stored() == 4 + 6


def test_the_small_sample_makes_as_many_updates_as_the_full_set(with_studies: Path) -> None:
    stabbench("train")
    result = stabbench("study", "small-data")
    assert result.exit_code == 0, result.output
    assert (with_studies / "data/acceptability-20/task.json").is_file()
    assert stored() == 4 + 8
    cells = {cell.cell.name: cell for cell in Selection.read(Path("studies/small-data")).cells}
    schedules = {
        name: {(record.result.total_steps, record.result.warmup_steps) for record in cell.records.values()}
        for name, cell in cells.items()
    }
    assert schedules == {
        "embedded/acceptability/devlin": {(9, 0)},
        "embedded/acceptability-20/devlin": {(6, 0)},
        "embedded/acceptability-20/devlin-as-long-as-acceptability": {(9, 0)},
    }


def test_what_is_prepared_without_a_name_is_all_that_the_plan_needs(with_studies: Path) -> None:
    shutil.rmtree(with_studies / "data")
    assert stabbench("prepare").exit_code == 0
    assert {path.name for path in (with_studies / "data").iterdir()} == {"acceptability", "acceptability-20"}
    planned = stabbench("plan")
    assert planned.exit_code == 0, planned.output


def test_a_task_that_a_study_names_and_nobody_knows_is_told_by_the_plan(with_studies: Path) -> None:
    params = with_studies / "params.yaml"
    params.write_text(params.read_text().replace(SAMPLE, ""))
    shutil.rmtree(with_studies / "data")
    assert stabbench("prepare").exit_code == 0
    planned = stabbench("plan")
    assert planned.exit_code == 2
    assert "unknown task 'acceptability-20'" in planned.output


def test_the_report_has_a_chapter_for_every_study_once_its_runs_are_there(with_studies: Path) -> None:
    stabbench("train")
    for name in ("crossed", "ablation"):
        stabbench("study", name)
    incomplete = stabbench("report")
    assert incomplete.exit_code == 2
    assert "stabbench study small-data" in incomplete.output
    stabbench("study", "small-data")
    chapter = (with_studies / "reports/studies/small-data/facts.json").read_text()
    result = stabbench("report")
    assert result.exit_code == 0, result.output
    page = (with_studies / "reports/index.html").read_text()
    for name in ("crossed", "ablation", "small-data"):
        assert f'<section id="{name}"' in page
        facts = json.loads((with_studies / f"reports/studies/{name}/facts.json").read_text())
        assert facts["found"]
    assert (with_studies / "reports/studies/small-data/facts.json").read_text() == chapter


def test_a_pipeline_stage_trains_what_its_plan_files_say(with_studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stabbench("prepare", "acceptability-20").exit_code == 0
    result = stabbench("plan")
    assert result.exit_code == 0, result.output
    assert "crossed: 1 cells, 8 runs" in result.output
    monkeypatch.setenv("DVC_STAGE", "study@crossed")
    (with_studies / "params.yaml").write_text(
        (with_studies / "params.yaml").read_text().replace("levels: 2", "levels: 3")
    )
    assert "8 trained, 0 already there" in stabbench("study", "crossed").output
    assert not (with_studies / "reports").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("levels: 2", "levls: 2", "studies.crossed.levls: unknown key: did you mean 'levels'?"),
        ("levels: 2", "levels: 1", "studies.crossed.levels: found 1, expected a number of at least 2"),
        (
            "{model: embedded, task: acceptability, lev",
            "{model: embedded, task: acceptabilty, lev",
            "unknown task 'acc",
        ),
        (
            "{model: embedded, task: acceptability, lev",
            "{model: embeded, task: acceptability, lev",
            "unknown model 'emb",
        ),
    ],
)
def test_a_mistake_is_one_message_and_exit_status_2_before_any_work(
    with_studies: Path, old: str, new: str, message: str
) -> None:
    path = with_studies / "params.yaml"
    path.write_text(path.read_text().replace(old, new))
    before = sorted(with_studies.rglob("*"))
    result = stabbench("study", "crossed")
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert sorted(with_studies.rglob("*")) == before


def test_an_unknown_study_names_the_nearest(with_studies: Path) -> None:
    result = stabbench("study", "ablaton")
    assert result.exit_code == 2
    assert "unknown study 'ablaton': did you mean 'ablation'?" in result.output


def test_a_run_that_breaks_gives_exit_status_1_and_a_chapter_that_says_what_is_missing(
    with_studies: Path, add_strategy: Callable[[str, str], None]
) -> None:
    path = with_studies / "params.yaml"
    text, studies = path.read_text().split("\nstudies:\n")
    path.write_text(text + "\n")
    add_strategy("fussy", "def after_update(self, weights, state, ctx):\n    raise RuntimeError('no')")
    path.write_text(path.read_text() + "studies:\n" + studies.replace("levels: 2", "levels: 2, strategy: fussy"))
    stabbench("train", "--strategy", "devlin")
    result = stabbench("study", "crossed")
    assert result.exit_code == 1, result.output
    assert "8 of 8 runs are missing" in result.output
