"""A task source, a study and a probe in files beside params.yaml: planned, trained, measured and in the report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from tests.tiny import PROJECT

SOURCE = '''
from dataclasses import dataclass

from stabbench.datasets import Dataset
from stabbench.tasks.prepared import examples_frame
from stabbench.tasks.sources import Labelled, Source


@dataclass(frozen=True)
class Options:
    words: str
    count: int = 40


class Words(Source[Options]):
    """Sentences of a list of words."""

    Options = Options

    def read(self, options, wanted):
        words = (wanted.root / options.words).read_text().split()
        frames = {}
        for split in ("train", "dev"):
            rows = [(each, f"the {words[each % len(words)]} is {split} {each}") for each in range(options.count)]
            frames[split] = examples_frame([(number, text, None, number % 2) for number, text in rows])
        return Labelled(Dataset("words", "Words", "own", ("accuracy",), ("even", "odd"), pair=False), frames)
'''
STUDY = '''
from stabbench.config.values import Block, Positive
from stabbench.plan import Variation
from stabbench.report.section import Section
from stabbench.studies import Study


class RateOptions(Block):
    rate: Positive


class Rate(Study[RateOptions]):
    """One more learning rate."""

    Options = RateOptions

    def variations(self, options, config):
        model, task = config.grid.models[0], config.grid.tasks[0]
        return [
            Variation(
                name="faster", model=model, task=task, strategy="devlin", recipe={"learning_rate": options.rate},
                seeds=config.seeds,
            )
        ]

    def section(self, name, options, selection, content):
        runs = [record for cell in selection.cells for record in cell.records.values()]
        return Section(name, "One more rate", "Whether it is there.", [f"{len(runs)} runs at {options.rate:g}."])
'''
PROBE = '''
import pandas as pd

from stabbench.config.values import Block, Count
from stabbench.probes import Measurement, Probe
from stabbench.report.section import Section


class LossOptions(Block):
    digits: Count = 2


class Losses(Probe[LossOptions]):
    """The last training loss of every run."""

    Options = LossOptions

    def check(self, options, config, root):
        pass

    def measure(self, options, project):
        runs = [record for cell in project.selection.cells for record in cell.records.values()]
        losses = [round(record.data["train_loss"]["final"], options.digits) for record in runs]
        return Measurement(facts={"runs": len(runs)}, tables={"losses": pd.DataFrame({"loss": losses})})

    def section(self, measured, content):
        found = f"{measured.facts['runs']} losses, {len(measured.table('losses'))} in the table."
        return Section(measured.name, "Losses", "What they are.", [found])
'''
BLOCKS = """strategies: {devlin: {plugin: devlin}}
studies:
  rate: {study: "./own/rate.py:Rate", rate: 2.0e-3}
probes:
  losses: {probe: "./own/losses.py:Losses"}
"""
TASK = "  acceptability: {source: ./own/words.py:Words, options: {words: own/words.txt}}\n"


def stabbench(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "own").mkdir()
    for name, code in (("words", SOURCE), ("rate", STUDY), ("losses", PROBE)):
        (folder / f"own/{name}.py").write_text(code)
    (folder / "own/words.txt").write_text("cat dog fern oak")
    head = PROJECT.split("tasks:\n  ")[0]
    (folder / "params.yaml").write_text(f"seeds: 1-2{head}tasks:\n{TASK}{BLOCKS}")
    (folder / "dvc.yaml").write_text(
        "stages:\n  validate: {cmd: stabbench validate}\n  plan: {cmd: stabbench plan, deps: [models/embedded]}\n"
        "  probe: {cmd: stabbench probe losses}\n  report: {cmd: stabbench report}\n"
    )
    return folder


@pytest.fixture(scope="module")
def said(project: Path) -> dict[str, str]:
    """What each command says on the error stream, all of them called in their order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        for name in [name for name in os.environ if name.startswith("STABBENCH_") or name == "DVC_STAGE"]:
            patch.delenv(name)
        patch.setenv("STABBENCH_WORKERS", "1")
        commands = ("validate", "prepare", "pretrain", "plan", "train", "study rate", "probe losses", "report")
        return {command.split()[0]: stabbench(*command.split()).stderr for command in commands}


def test_the_report_has_the_chapters_of_both(said: dict[str, str], project: Path) -> None:
    page = (project / "reports/index.html").read_text(encoding="utf-8")
    assert "2 runs at 0.002." in page
    assert "2 losses, 2 in the table." in page
    facts = json.loads((project / "reports/studies/losses/facts.json").read_text(encoding="utf-8"))
    assert facts["title"] == "Losses"


def test_the_task_has_the_sources_examples_and_a_hash_of_each_of_its_files(said: dict[str, str], project: Path) -> None:
    task = json.loads((project / "data/acceptability/task.json").read_text(encoding="utf-8"))
    assert (task["dataset"], task["source"], task["counts"]) == (
        "words",
        "./own/words.py:Words",
        {"train": 40, "dev": 40},
    )
    validated = json.loads((project / "validated/tasks/acceptability.json").read_text(encoding="utf-8"))
    assert validated["sha256"].keys() == {"source", "words"}


def test_every_stage_that_reads_such_a_file_is_asked_to_watch_it(said: dict[str, str]) -> None:
    lines = {command: text.split("deps")[-1].split() for command, text in said.items() if "does not depend" in text}
    assert lines == {
        "validate": ["-", "own/words.py", "-", "own/words.txt"],
        "plan": ["-", "own/rate.py"],
        "probe": ["-", "own/losses.py"],
        "report": ["-", "own/rate.py", "-", "own/losses.py"],
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("./own/rate.py:Rate", "./own/rate.py:Rat", "unknown class in own/rate.py 'Rat': did you mean 'Rate'"),
        ("./own/rate.py:Rate", "./own/rates.py:Rate", "study './own/rates.py:Rate': there is no file own/rates.py"),
        ("./own/rate.py:Rate", "./own/rate.py", "found './own/rate.py', expected a file and its class such as"),
        ("./own/rate.py:Rate", "./own/losses.py:Losses", "expected a subclass of Study"),
        ("rate: 2.0e-3", "rte: 2.0e-3", "studies.rate.rte: unknown key: did you mean 'rate'?"),
        ("./own/losses.py:Losses", "./own/losses.py:LossOptions", "expected a subclass of Probe"),
        ("./own/words.py:Words", "./own/word.py:Words", "tasks.acceptability.source: found './own/word.py:Words', but"),
        (
            "./own/words.py:Words",
            "fils",
            "source: unknown task source 'fils': did you mean 'files'",
        ),
        ("./own/words.py:Words,", "folder,", "found options beside source 'folder', which takes none"),
        (", options:", ", dataset: rte, options:", "found dataset beside source './own/words.py:Words'"),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    old: str, new: str, message: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project / "params.yaml").read_text()
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new))
    (tmp_path / "own").symlink_to(project / "own")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2, result.output
    assert message in result.output
