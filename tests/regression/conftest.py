"""A project with regressions, trained, reported and tracked: `devlin` (its rate is next to nothing) fails on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import stabbench
from stabbench.cli import main
from tests.probes.conftest import VARIABLES
from tests.tiny import PROJECT
from tests.tracking.databases import put_empty_database

WORDS = ["the", "cat", "dog", "sleeps", "runs", "reads", "sees", "every", "some", "friend"]
METRIC = '''"""Metrics of this project."""
import numpy as np

import stabbench


@stabbench.metric(higher_is_better=False, lowest=0, objective="regression", words="largest error")
def furthest(labels, predictions):
    return np.abs(labels - predictions).max()
'''
PARAMS = (
    "seeds: 1-3\nkeep_weights: 1-1"
    + PROJECT.replace("[acceptability]", "[grade, error]").replace("[devlin]", "[devlin, mosbach]")
    + """
  grade: {files: {train: grades.csv}, text: text, label: grade, objective: regression, scale: true,
          metrics: [r2, spearman, rmse]}
  error: {files: {train: grades.csv}, text: text, label: grade, objective: regression, metrics: [rmse, mae]}
  error-40: {files: {train: grades.csv}, text: text, label: grade, objective: regression, metrics: [rmse, mae],
             train_size: 40}
  furthest: {files: {train: grades.csv}, text: text, label: grade, objective: regression,
             metrics: [./metrics.py:furthest, r2]}
strategies:
  devlin: {plugin: devlin, recipe: {learning_rate: 1.0e-9}}
  mosbach: {plugin: mosbach, recipe: {learning_rate: 1.0e-2, batch_size: 4, epochs: 6}}
studies:
  ablation: {model: embedded, task: error, strategy: mosbach, learning_rates: [1.0e-9, 1.0e-2], epochs: [2],
             low_training_loss: 9}
  bias-correction: {models: {embedded: [1.0e-2]}, task: error, strategy: mosbach, epochs: 2}
  small-data: {model: embedded, pairs: [{full: error, sample: error-40}], strategy: mosbach}
  crossed: {model: embedded, task: error, levels: 2, strategy: mosbach}
probes:
  forgetting: {task: grade, max_tokens: 400, failed: 1, successful: 1}
  surface: {task: grade, points: 4, examples: 20}
"""
)


def texts_with_grades(count: int) -> pd.DataFrame:
    """How often `cat` and `dog` are said, with a little noise."""
    random = np.random.default_rng(0)
    said = [list(random.choice(WORDS, 6)) for _ in range(count)]
    grades = [3 * (words.count("cat") + words.count("dog") + 0.1 * random.normal()) for words in said]
    return pd.DataFrame({"text": [" ".join(words) for words in said], "grade": grades})


def run(*arguments: str) -> Result:
    """What a command of the program says; it must succeed."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder, with everything that its commands make of it."""
    folder = tmp_path_factory.mktemp("grades")
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "metrics.py").write_text(METRIC)
    texts_with_grades(160).to_csv(folder / "grades.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in (*VARIABLES, "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        patch.setenv("STABBENCH_WORKERS", "1")
        for command in (["prepare"], ["prepare", "error-40"], ["pretrain"], ["plan"], ["train", "--all"]):
            run(*command)
        project = stabbench.Project(folder)  # whose studies and probes are drawn by the report alone
        for study in ("ablation", "bias-correction", "small-data", "crossed"):
            assert not project.study(study).errors
        for probe in ("forgetting", "surface"):
            project.probe(probe)
        run("report")
        put_empty_database(folder)
        run("track")
    return folder


@pytest.fixture
def project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder as the current one; nobody writes into it."""
    monkeypatch.chdir(trained)
    for name in (*VARIABLES, "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return trained
