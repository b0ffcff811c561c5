"""`stabbench validate`: what plugins do not take is told before tasks are prepared and models are pretrained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stabbench import scaffold
from stabbench.cli import main

RATES = {"study": "rates", "model": "embedded", "task": "paraphrase", "strategies": {"devlin": [1e-4]}}
NO = {"optimizer": "sgd", "optimizer_options": {"nesterov": "no"}}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = YAML(typ="safe").load(scaffold.files_of("pretraining")["params.yaml"])
    return {**found, "studies": {}, "probes": {}}


def told(params: dict[str, Any]) -> str:
    with Path("params.yaml").open("w") as file:
        YAML().dump(params, file)
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2, result.output
    assert not Path("data").exists()
    return result.output


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"plugin": "rslora", "options": {"rnk": 8}}, "unknown option of strategy 'rslora'.*did you mean 'rank'"),
        ({"plugin": ["reinit", "llrd"], "options": {"reinit": {"layers": "two"}}}, "layers: found 'two'"),
        ({"plugin": "./mine.py:Mine"}, "mine.py"),
        ({"plugin": "devlin", "recipe": {"optimizer": "sgdd"}}, "unknown optimizer 'sgdd': did you mean 'sgd'"),
        (
            {"plugin": "devlin", "recipe": NO},
            "true or false",
        ),
    ],
)
def test_what_a_plugin_does_not_take_is_told(params: dict[str, Any], block: dict[str, Any], message: str) -> None:
    params["strategies"]["mine"] = block
    params["grid"]["strategies"] = ["devlin", "mine"]
    output = told(params)
    assert re.search(message, output), output
    assert output.count("\n") <= 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "paraphrse"}, "unknown task 'paraphrse': did you mean 'paraphrase'"),
        ({"model": "embeded"}, "unknown model 'embeded'"),
        ({"strategies": {"devlim": [1e-4]}}, "unknown strategy 'devlim'"),
        ({"strategies": {}}, "expected at least 1 of them"),
    ],
)
def test_what_a_study_names_has_to_be_there(params: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    assert message in told({**params, "studies": {"rates": {**RATES, **changes}}})


def test_the_default_is_checked_without_torch(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(scaffold.files_of("demo")["params.yaml"])
    code = (
        "import sys; from stabbench.project.validation import validate; from stabbench.folders import Folders; "
        "validate(Folders.of()); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]
