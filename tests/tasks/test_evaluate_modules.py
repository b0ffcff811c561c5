"""The `evaluate` modules load from their files with no network and agree with the fast metrics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stabbench
from stabbench import metrics
from stabbench.errors import UserError
from stabbench.tasks.evaluate_modules import METRICS, check, rescore

CODE = """
import json, sys
import evaluate, numpy as np, pandas as pd
from stabbench.tasks.evaluate_modules import METRICS, MODULE, load, rescore
frame = pd.read_json(sys.argv[1])
direct = evaluate.load(str(MODULE), "mcc").compute(references=[0, 1, 1], predictions=[0, 1, 0])
constant = pd.DataFrame({"label": [0, 1, 0], "prediction": [1, 1, 1]})
single = pd.DataFrame({"label": [0], "prediction": [0]})
print(json.dumps({
    "names": {metric: type(load(metric)).__mro__[1].__name__ for metric in METRICS},
    "direct": direct,
    "scores": [rescore(each, METRICS) for each in (frame, constant, single)],
}))
"""


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame({"label": generator.integers(0, 2, 400), "prediction": generator.integers(0, 2, 400)})


@pytest.fixture(scope="module")
def said(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a process with an empty cache and the hub switched off prints."""
    folder = tmp_path_factory.mktemp("evaluate")
    frame.to_json(folder / "frame.json")
    environment = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1"}
    environment |= {"PYTHONPATH": str(Path(stabbench.__file__).parents[1]), "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(folder / "frame.json")], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    result: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    return result


def test_each_metric_loads_offline_as_an_evaluate_metric(said: dict[str, object]) -> None:
    assert said["names"] == dict.fromkeys(METRICS, "Metric")
    assert said["direct"] == {"mcc": pytest.approx(0.5)}


def test_rescoring_equals_the_fast_metrics_in_degenerate_cases_too(
    said: dict[str, object], frame: pd.DataFrame
) -> None:
    rows: list[tuple[list[int], list[int]]] = [
        (frame["label"].tolist(), frame["prediction"].tolist()),
        ([0, 1, 0], [1, 1, 1]),
        ([0], [0]),
    ]
    expected = [{metric: metrics.find(metric).score(*each) for metric in METRICS} for each in rows]
    scores = said["scores"]
    assert isinstance(scores, list)
    for found, wanted in zip(scores, expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-12)


def test_missing_columns_and_empty_tables_are_named(frame: pd.DataFrame) -> None:
    with pytest.raises(UserError, match="no column prediction; found: label"):
        rescore(frame[["label"]], ["accuracy"])
    with pytest.raises(UserError, match="hold no row"):
        rescore(frame.iloc[:0], ["accuracy"])


def test_an_unknown_metric_has_no_module() -> None:
    with pytest.raises(UserError, match="did you mean 'mcc'"):
        check("mc")


def test_the_fast_metrics_and_this_package_import_without_evaluate_and_scikit_learn() -> None:
    code = (
        "import sys, stabbench.metrics.classification, stabbench.tasks.evaluate_modules;"
        "print(sorted({'evaluate', 'sklearn', 'datasets', 'pandas', 'torch'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
