"""The command line: help, mistakes as one message with exit status 2, and the light commands end to end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import COMMANDS, main
from stabbench.files import write_json
from stabbench.plan import Cell, Spec, write_plan
from stabbench.recipe import Recipe
from stabbench.records import Store, select
from tests.typed import record_content, task_facts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, the current one."""
    monkeypatch.chdir(tmp_path)
    for variable in ("STABBENCH_STORE", "STABBENCH_GLUE_DIR", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def stabbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = stabbench(command, "--help")
    assert result.exit_code == 0, result.output
    assert "Example" in result.output
    assert f"stabbench {command}" in result.output


def test_help_lists_every_command_with_a_line() -> None:
    lines = stabbench("--help").output.splitlines()
    for command in COMMANDS:
        assert any(line.startswith(f"  {command} ") and len(line.split()) > 3 for line in lines), command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reprot"], "unknown command 'reprot': did you mean 'report'?"),
        (["status", "--jsn"], "--json"),
        (["init", "demmo"], "unknown preset 'demmo': did you mean 'demo'?"),
        (["status"], "no plan files in plan: run `stabbench plan` first"),
        (["prepare"], "no params.yaml: run `stabbench init`"),
        (["track"], "no params.yaml"),
        (["pretrain", "--steps", "3"], "--steps need --from"),
        (["pretrain", "--from", "./m"], "--from needs --text"),
        (["pretrain", "--from", "./m", "--text", "none.txt", "--out", "o"], "there is no such text file"),
        (["score", "none.parquet", "--metric", "mcc"], "there is no file none.parquet"),
        (["score", "none.parquet", "--metric", "mmc"], "unknown metric 'mmc': did you mean 'mcc'?"),
        (
            ["score", "none.parquet", "--metric", "rmse"],
            "'rmse' is not rescored, expected accuracy, f1, mcc: its scores",
        ),
        (["score", "none.parquet", "--metric", "./metrics.py:cost"], "its scores stand in the run's record.json"),
        (["score", "none.parquet"], "Missing option '--metric'"),
    ],
)
def test_a_mistake_is_one_message_and_exit_status_2(folder: Path, arguments: list[str], message: str) -> None:
    result = stabbench(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert list(folder.iterdir()) == []


def test_a_missing_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stabbench("init", "pretraining").exit_code == 0
    for module in [name for name in sys.modules if name.startswith("stabbench.models.pretraining")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = stabbench("pretrain")
    assert result.exit_code == 2
    assert result.output.strip() == (
        "Error: this needs torch, which is not installed: run `pip install 'stabbench[train]'`"
    )


def test_init_says_what_it_wrote_and_what_comes_next(folder: Path) -> None:
    result = stabbench("init", "minilm")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "wrote dvc.yaml",
        "wrote params.yaml",
        "wrote .dvcignore",
        "wrote .gitignore",
        "next: git init && dvc init && dvc repro",
    ]
    again = stabbench("init", "paper")
    assert again.exit_code == 2
    assert "params.yaml" in again.output
    assert "--force" in again.output
    assert stabbench("init", "paper", "--force").exit_code == 0
    assert "preset: paper" in (folder / "params.yaml").read_text(encoding="utf-8")


def test_prepare_writes_the_named_task_and_says_what_it_found(folder: Path) -> None:
    stabbench("init", "demo")
    result = stabbench("prepare", "acceptability")
    assert result.exit_code == 0, result.output
    facts = json.loads((folder / "data/acceptability/task.json").read_text(encoding="utf-8"))
    majority = facts["majority"]["scores"]
    head, *table = result.output.splitlines()
    assert head == (
        f"acceptability: {facts['counts']['train']:,} train, {facts['counts']['dev']:,} dev; "
        f"best constant classifier: mcc {majority['mcc']:.3f}, accuracy {majority['accuracy']:.3f} (acceptable)"
    )
    assert table[1].split() == ["examples", f"{facts['counts']['train']:,}", f"{facts['counts']['dev']:,}"]
    assert not (folder / "data/paraphrase").exists()


def test_prepare_names_the_nearest_task_before_any_work(folder: Path) -> None:
    stabbench("init", "demo")
    result = stabbench("prepare", "paraphrase", "entailmnt")
    assert result.exit_code == 2
    assert "unknown task 'entailmnt': did you mean 'entailment'?" in result.output
    assert not (folder / "data").exists()


def test_all_mistakes_of_params_yaml_come_with_any_command(folder: Path) -> None:
    stabbench("init", "demo")
    text = (folder / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(text.replace("seeds: 26-50", "seeds: 1-").replace("- mixout", "- mixuot"))
    for command in ("prepare", "pretrain", "track"):
        result = stabbench(command)
        assert result.exit_code == 2
        assert "seeds: found '1-'" in result.output
        assert "unknown strategy 'mixuot': did you mean 'mixout'?" in result.output


def test_score_gives_what_scikit_learn_gives(folder: Path) -> None:
    from sklearn.metrics import f1_score, matthews_corrcoef

    table = pd.DataFrame({"label": [0, 1, 1, 0, 1, 1], "prediction": [0, 1, 0, 1, 1, 1]})
    table.to_parquet(folder / "predictions.parquet")
    result = stabbench("score", "predictions.parquet", "--metric", "mcc", "--metric", "f1", "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert scores["mcc"] == pytest.approx(matthews_corrcoef(table["label"], table["prediction"]))
    assert scores["f1"] == pytest.approx(f1_score(table["label"], table["prediction"]))
    (folder / "text.parquet").write_text("not a table", encoding="utf-8")
    broken = stabbench("score", "text.parquet", "--metric", "mcc")
    assert broken.exit_code == 2
    assert "text.parquet is not a parquet file" in broken.output


class TestStatus:
    """A plan of two cells, one of which has records of every kind."""

    @pytest.fixture(autouse=True)
    def planned(self, folder: Path) -> None:
        spec = {"training_version": 1, "recipe": Recipe().__dict__, "plugins": []}
        cells = [
            Cell("embedded", "acceptability", strategy, seeds, {}, "", "", task_facts(), Spec(spec, strategy=strategy))
            for strategy, seeds in (("devlin", (1, 2, 3, 4, 5)), ("mosbach", (1, 2)))
        ]
        write_plan(folder / "plan", cells)
        self.devlin = cells[0]
        store = Store(folder / ".stabbench/runs")
        for seed, status in ((1, "ok"), (2, "failed"), (3, "diverged"), (4, "error")):
            store.write(record_content(self.devlin, seed, status=status), {}, {})
        self.store = store

    def test_counts_each_kind_of_run_cell_by_cell(self) -> None:
        result = stabbench("status", "--json")
        assert result.exit_code == 0, result.output
        devlin, mosbach = json.loads(result.stdout)
        names = {"model": "embedded", "task": "acceptability"}
        counts = {"seeds": 5, "done": 1, "failed": 1, "diverged": 1, "error": 1, "missing": 1}
        assert devlin == {**names, "strategy": "devlin", **counts}
        nothing = {"seeds": 2, "done": 0, "failed": 0, "diverged": 0, "error": 0, "missing": 2}
        assert mosbach == {**names, "strategy": "mosbach", **nothing}

    def test_a_run_of_which_nobody_knows_whether_it_failed_is_done(self) -> None:
        self.store.write(record_content(self.devlin, 5, status="unjudged"), {}, {})
        assert json.loads(stabbench("status", "--json").stdout)[0]["done"] == 2

    def test_is_tab_separated_without_a_terminal(self) -> None:
        header, *rows = (line.split("\t") for line in stabbench("status").output.splitlines())
        assert header == ["model", "task", "strategy", "seeds", "done", "failed", "diverged", "error", "missing"]
        assert rows[0] == ["embedded", "acceptability", "devlin", "5", "1", "1", "1", "1", "1"]

    def test_counts_records_that_were_brought_without_the_store(self, folder: Path) -> None:
        select(self.devlin, self.store, folder / "runs")
        result = stabbench("status", "--json", "--store", "elsewhere")
        assert json.loads(result.stdout)[0]["missing"] == 1

    def test_a_record_that_cannot_be_read_is_missing_and_stays_where_it_is(self) -> None:
        path = self.store.folder(self.devlin.fingerprint(1)) / "record.json"
        path.write_text("{", encoding="utf-8")
        devlin = json.loads(stabbench("status", "--json").stdout)[0]
        assert (devlin["done"], devlin["missing"]) == (0, 2)
        assert path.read_text(encoding="utf-8") == "{"

    def test_a_record_of_another_recipe_is_not_counted(self, folder: Path) -> None:
        select(self.devlin, self.store, folder / "runs")
        write_json(
            folder / "plan/embedded/acceptability/devlin.json",
            {**self.devlin.to_json(), "spec": {**self.devlin.spec, "training_version": 2}},
        )
        assert json.loads(stabbench("status", "--json").stdout)[0]["missing"] == 5
