"""`stabbench.Project`: a project is worked on from Python as the commands do it, without a word and from anywhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import stabbench
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.files import write_json
from stabbench.folders import Folders, own_path
from stabbench.plan import Cell
from stabbench.project.planning import Plan
from stabbench.project.status import Status
from tests.tiny import PROJECT

PARAMS = f"seeds: 1-2{PROJECT}strategies: {{devlin: {{plugin: devlin, recipe: {{epochs: 1}}}}}}\n"
OWN = "reviews: {files: {train: ./train.csv, dev: ./dev.csv}, text: text, label: label}"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with params.yaml that is not the current one, its model pretrained and its task prepared."""
    folder = tmp_path_factory.mktemp("project") / "demo"
    folder.mkdir()
    (folder / "params.yaml").write_text(PARAMS)
    project = stabbench.Project(folder)
    project.pretrain()
    project.prepare()
    return folder


def files(folder: Path, *patterns: str) -> dict[str, bytes]:
    found = [path for pattern in patterns for path in folder.glob(pattern) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_project_is_planned_trained_and_reported_from_anywhere_without_a_word(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    project = stabbench.Project(elsewhere)
    heard: list[str | None] = []

    plan = project.plan()
    trained = project.train(workers=1, listener=lambda report: heard.append(report.status))
    status = project.status()
    report = project.report(incomplete=True)

    assert str(plan) == "the grid: 1 cells, 2 runs"
    assert trained.counts == "2 runs trained, 0 already there"
    assert len([end for end in heard if end is not None]) == 2
    assert str(status).splitlines()[0].split("\t") == list(status.rows[0])
    assert status.rows[0]["missing"] == 0
    assert report.page == elsewhere / "reports" / "index.html"
    assert report.page.is_file()
    assert list(report.comparison.stability["strategy"]) == ["devlin"]
    assert re.search(r"mcc by seed  1: -?0\.\d{3}.*  2: ", str(trained))
    assert all("<td>" in shown._repr_html_() for shown in (plan, trained, status, report))
    assert capfd.readouterr() == ("", "")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_the_commands_find_what_the_library_left_and_leave_the_same(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = stabbench.Project(elsewhere)
    project.plan()
    project.train(workers=1)
    project.report()
    patterns = ("plan/**/*", "runs/**/record.json", "reports/**/*")
    before = files(elsewhere, *patterns)
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    for command in (["plan"], ["train", "--workers", "1"], ["report"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
    assert "0 trained, 2 already there" in CliRunner().invoke(main, ["train", "--workers", "1"]).output
    assert len(before) > 20
    assert files(elsewhere, *patterns) == before
    assert str(project.status()) == CliRunner().invoke(main, ["status"]).output.rstrip("\n")


def test_a_users_mistake_is_raised_and_tells_the_place(elsewhere: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no {tmp_path}/params.yaml"):
        stabbench.Project(tmp_path).plan()
    with pytest.raises(UserError, match=f"no plan files in {tmp_path}/plan"):
        stabbench.Project(tmp_path).status()
    with pytest.raises(UserError, match="unknown strategy 'devlim': did you mean 'devlin'"):
        stabbench.Project(elsewhere).train(strategy="devlim")


def test_a_users_own_tables_and_the_store_are_looked_for_from_the_projects_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABBENCH_STORE", "records")
    (tmp_path / "params.yaml").write_text(PARAMS.replace("tasks:\n", f"tasks:\n  {OWN}\n"))
    for split in ("train", "dev"):
        rows = [(f"{split} {word} {number}", word) for word in ("good", "bad") for number in range(9)]
        pd.DataFrame(rows, columns=["text", "label"]).to_csv(tmp_path / f"{split}.csv", index=False)
    project = stabbench.Project(tmp_path)
    (task,) = project.prepare("reviews")
    assert len(task.train) == 18
    assert project.folders.store == tmp_path / "records"
    assert stabbench.Project(tmp_path, store="/shared").folders.store == Path("/shared")


def test_notebooks_show_what_is_returned_escaped_short_and_without_scripts() -> None:
    evil = "<script>alert(1)</script>"
    row = dict.fromkeys(("seeds", "done", "failed", "diverged", "error", "missing"), 1)
    status = Status([{"model": evil, "task": "t", "strategy": "s", **row}] * 1000)
    frame = pd.DataFrame(
        [(strategy, "rte", seed, 0.6 + seed / 100) for strategy in (evil, "mild") for seed in range(5)],
        columns=["strategy", "task", "seed", "score"],
    )
    comparison = stabbench.compare(frame, majority={"rte": 0.5})
    for shown in (status, Plan({evil: []}, [evil]), comparison):
        html = shown._repr_html_()
        assert "&lt;script&gt;" in html
        assert set(re.findall(r"<(\w+)", html)) <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
        assert len(html) < 30_000
        assert len(repr(shown)) < 300_000
    assert "900 more rows" in status._repr_html_()
    assert repr(comparison).count("\n") < 5


def test_naming_the_project_imports_nothing_heavy() -> None:
    program = (
        "import sys, stabbench; stabbench.Project('.');"
        "print(sorted({'torch', 'numpy', 'pandas', 'pydantic', 'matplotlib'} & sys.modules.keys()))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_training_from_plan_files_needs_neither_torch_nor_pandas_nor_pydantic() -> None:
    program = (
        "import sys, stabbench.project.training, stabbench.project.selection;"
        "print(sorted({'torch', 'pandas', 'pydantic'} & sys.modules.keys()))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_folders_lie_below_the_root_but_for_those_that_are_elsewhere(tmp_path: Path) -> None:
    assert Folders.of().runs == Path("runs")
    folders = Folders.of(tmp_path, reports=Path("/out"))
    assert folders.task("rte") == tmp_path / "data" / "rte"
    assert folders.study_plans == tmp_path / "plan" / "studies"
    assert folders.chapters == Path("/out/studies")
    assert Folders.of(tmp_path / "none").planned is None
    folders.plan.mkdir()
    assert folders.planned == folders.plan
    with pytest.raises(TypeError, match="plans"):
        Folders.of(plans=Path("x"))


def test_a_relative_path_starts_where_it_is_said_to(tmp_path: Path) -> None:
    assert own_path(Path("store")) == Path("store")
    assert own_path(Path("store"), tmp_path) == tmp_path / "store"
    assert own_path(Path("/store"), tmp_path) == Path("/store")
    assert os.fspath(own_path(Path("../store"), tmp_path)).endswith("/../store")


@pytest.fixture
def inside(elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project that is the current folder."""
    folder = shutil.copytree(elsewhere, tmp_path / "copy", ignore=shutil.ignore_patterns("runs", "plan", ".stabbench"))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return folder


def told_by_status() -> str:
    """What `stabbench status` says on the error stream."""
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 0, result.output
    return result.stderr


def test_what_follows_the_plan_of_another_params_yaml_says_so(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = inside / "params.yaml"
    stabbench.Project(inside).plan()
    assert "warning" not in told_by_status()
    params.write_text(PARAMS + "# a remark\nreport: {alpha: 0.01}\n")
    assert "warning" not in told_by_status()
    params.write_text(PARAMS.replace("seeds: 1-2", "seeds: 1-3"))
    changed = "warning: params.yaml has changed since plan/ was made, which is what counts here: run `stabbench plan`"
    assert changed in told_by_status()
    for command in (["report", "--incomplete"], ["train", "--all", "--workers", "1"]):
        assert changed in CliRunner().invoke(main, command).stderr
    with monkeypatch.context() as patched:
        patched.setenv("DVC_STAGE", "report")
        assert "warning" not in told_by_status()
    params.write_text(PARAMS.replace("seeds: 1-2", "seedss: 1-2"))
    assert "has mistakes: `stabbench validate`" in told_by_status()
    params.write_text(PARAMS.replace("seeds: 1-2", "seeds: 1-3"))
    stabbench.Project(inside).plan()
    assert "warning" not in told_by_status()
    plan = next((inside / "plan").rglob("devlin.json"))
    plan.write_text(plan.read_text() + "\n")  # as DVC would put back another plan, of another params.yaml
    params.write_text(PARAMS)
    assert "warning" not in told_by_status()


def test_status_tells_how_long_the_rest_takes_by_the_runs_that_are_done(inside: Path) -> None:
    strategies = "{short: {plugin: devlin, recipe: {epochs: 1}}, long: {plugin: devlin, recipe: {epochs: 3}}}"
    text = f"seeds: 1-4{PROJECT}strategies: {strategies}\n".replace("[devlin]", "[short, long]")
    (inside / "params.yaml").write_text(text)
    stabbench.Project(inside).plan()
    assert told_by_status() == "left: 8 runs of unknown length, as none of their model and task is done\n"
    (cell,) = [Cell.read(path) for path in (inside / "plan").rglob("short.json")]
    for seed, (total, stacked) in {1: (60.0, 1), 2: (240.0, 4), 3: (70.0, 1)}.items():
        folder = Folders.of(inside).store / cell.fingerprint(seed)[:2] / cell.fingerprint(seed)
        write_json(folder / "provenance.json", {"seconds": {"total": total}, "stacked_seeds": stacked})
    assert told_by_status() == "left: about 16 min of one worker for 8 runs, by those that are done\n"


def test_a_plan_needs_no_file_of_a_task_that_is_prepared(inside: Path) -> None:
    for name in ("train.csv", "dev.csv"):
        (inside / name).write_text(
            "text,label\n" + "".join(f"a text {i},{'yes' if i % 2 else 'no'}\n" for i in range(40))
        )
    text = PARAMS.replace("tasks: [acceptability]", "tasks: [reviews]").replace("tasks:\n", f"tasks:\n  {OWN}\n")
    (inside / "params.yaml").write_text(text)
    project = stabbench.Project(inside)
    project.prepare()
    project.plan()
    (inside / "train.csv").unlink()
    project.plan()
    assert "warning" not in told_by_status()
