"""A task source, a study and a probe in files beside params.yaml: planned, trained, measured and in the report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.readers import Wanted, read
from stabbench.testing import FAMILY_CHECKS, OPTIMIZER_CHECKS, TASK_CHECKS, TRAINER_CHECKS
from tests import warm
from tests.tiny import PROJECT

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL))
(ENTRY_POINT,) = re.findall(r"```toml\n\[project\.entry-points\.\"(stabbench\.\w+\"\].*?)```", PAGE, flags=re.DOTALL)
ENTRY_POINT = "[" + ENTRY_POINT.replace('"', "")
(BLOCKS,) = re.findall(r"```yaml\n(tasks:.*?)```", PAGE, flags=re.DOTALL)
PIPELINE = """
stages:
  validate: {cmd: stabbench validate}
  plan: {cmd: stabbench plan, deps: [models/embedded]}
  probe: {cmd: stabbench probe losses}
  report: {cmd: stabbench report}
"""


def stabbench(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    (folder / "words.txt").write_text("cat dog fern oak")
    head = PROJECT.partition("tasks:\n  ")[0].replace("tasks: [acceptability]", "tasks: [words]")
    (folder / "params.yaml").write_text(f"seeds: 1-2{head}{BLOCKS}strategies: {{devlin: {{plugin: devlin}}}}\n")
    (folder / "dvc.yaml").write_text(PIPELINE)
    return folder


@pytest.fixture(scope="module")
def said(project: Path) -> dict[str, str]:
    """What each command says on the error stream, all of them called in their order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in [name for name in os.environ if name.startswith("STABBENCH_") or name == "DVC_STAGE"]:
            patch.delenv(name)
        patch.setenv("STABBENCH_WORKERS", "1")
        commands = ("validate", "prepare", "pretrain", "plan", "train", "study faster", "probe losses", "report")
        return {command.split()[0]: stabbench(*command.split()).stderr for command in commands}


def test_the_report_has_the_chapters_of_both(said: dict[str, str], project: Path) -> None:
    page = (project / "reports/index.html").read_text(encoding="utf-8")
    assert re.search(r"[012] of 2 runs failed\.", page)
    assert "Of 2 runs the highest loss is 0." in page
    facts = json.loads((project / "reports/studies/losses/facts.json").read_text(encoding="utf-8"))
    assert facts["title"] == "Losses at the end"


def test_the_task_has_the_sources_examples_and_a_hash_of_each_of_its_files(said: dict[str, str], project: Path) -> None:
    task = json.loads((project / "data/words/task.json").read_text(encoding="utf-8"))
    assert (task["dataset"], task["source"]) == ("words", "./words.py:Words")
    assert task["counts"] == {"train": 30, "dev": 40}
    validated = json.loads((project / "validated/tasks/words.json").read_text(encoding="utf-8"))
    assert validated["sha256"].keys() == {"source", "words"}


def test_every_stage_that_reads_such_a_file_is_asked_to_watch_it(said: dict[str, str]) -> None:
    lacking = {command: text.split("deps")[-1].split()[1::2] for command, text in said.items() if " deps" in text}
    assert lacking == {
        "validate": ["words.py", "words.txt"],
        "plan": ["rate.py"],
        "probe": ["losses.py"],
        "report": ["rate.py", "losses.py"],
    }


def test_the_pages_tests_pass(project: Path) -> None:
    suites = {
        "test_words.py": TASK_CHECKS,
        "test_data2vec_text.py": FAMILY_CHECKS,
        "test_one_by_one.py": TRAINER_CHECKS,
        "test_signum.py": OPTIMIZER_CHECKS,
    }
    command = [warm.python(), "-m", "pytest", "-v", "-p", "no:cacheprovider", *suites]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    passed = Counter(re.findall(r"^(\w+\.py)::.* PASSED", result.stdout, flags=re.MULTILINE))
    assert passed == {file: len(checks) for file, checks in suites.items()}, result.stdout
    assert result.returncode == 0


def test_the_pages_reader_reads_its_format(tmp_path: Path) -> None:
    code = tmp_path / "scores_txt.py"
    code.write_text(FILES[code.name])
    for strategy in ("a", "b"):
        for seed in (1, 2):
            folder = tmp_path / "runs" / strategy / f"seed-{seed}"
            folder.mkdir(parents=True)
            (folder / "scores.txt").write_text(f"accuracy 0.{seed}5\nloss 1.5")
    wanted = Wanted(pattern="{strategy}/seed-{seed}", same={"task": "t"})
    found = read([str(tmp_path / "runs")], wanted, reader=f"{code}:ScoresTxt")
    assert found.table["score"].tolist() == [0.15, 0.25, 0.15, 0.25]
    (tmp_path / "runs" / "a" / "seed-1" / "scores.txt").write_text("accuracy high")
    with pytest.raises(UserError, match="expected a name and a number in each line"):
        read([str(tmp_path / "runs")], wanted, reader=f"{code}:ScoresTxt")


def test_an_installed_family_is_that_of_its_model_type(project: Path, tmp_path: Path) -> None:
    metadata = tmp_path / "my_models-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-models\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINT)
    paths = [str(tmp_path), str(project), *sys.path]
    program = """
from stabbench.models import families
sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
found = families.architecture_of({"model_type": "data2vec-text", **sizes}, 2)
print(found.family, families.of(found).capabilities.stacks, found.word_embeddings)
"""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["data2vec-text", "True", "data2vec_text.embeddings.word_embeddings.weight"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("./rate.py:Rate", "./rate.py:Rat", "unknown class in rate.py 'Rat': did you mean 'Rate'"),
        ("./rate.py:Rate", "./rates.py:Rate", "study './rates.py:Rate': there is no file rates.py"),
        ("./rate.py:Rate", "./rate.py", "found './rate.py', expected a file and its class such as"),
        ("./rate.py:Rate", "./losses.py:Losses", "is a class, Losses(Probe), expected a subclass of Study"),
        ("rate: 2.0e-3", "rte: 2.0e-3", "studies.faster.rte: unknown key: did you mean 'rate'?"),
        ("./losses.py:Losses", "./losses.py:LossesOptions", "expected a subclass of Probe"),
        ("./words.py:Words", "./word.py:Words", "tasks.words.source: found './word.py:Words', but"),
        (
            "./words.py:Words",
            "fils",
            "source: unknown task source 'fils': did you mean 'files'",
        ),
        ('"./words.py:Words"', "folder", "found options beside source 'folder', which takes none"),
        (", options:", ", dataset: rte, options:", "found dataset beside source './words.py:Words'"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    old: str, new: str, message: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project / "params.yaml").read_text()
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new))
    for name in (*FILES, "words.txt"):
        (tmp_path / name).symlink_to(project / name)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2, result.output
    assert message in result.output
