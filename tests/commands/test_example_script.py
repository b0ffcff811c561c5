"""The example of a Trainer script: as a command, with and without its callback, beside this package's own trainer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import stabbench
from stabbench.plan import Cell, read_plan
from stabbench.records import Record, Store
from stabbench.report.content import gather
from tests import warm
from tests.tiny import PROJECT

SCRIPT = Path(__file__).parents[2] / "examples/fine_tune.py"
COMMAND = (
    "PYTHON fine_tune.py --model {model} --train_file {data}/train.csv "
    "--validation_file {data}/dev.csv --output_dir {out} --seed {seed} "
    "--learning_rate {recipe.learning_rate} --num_train_epochs {recipe.epochs}"
)
STRATEGIES = f"""
strategies:
  hf-default: {{plugin: hf-default, recipe: {{learning_rate: 1.0e-3, epochs: 2}}}}
  script: {{trainer: {{command: "{COMMAND}", data: csv}}, recipe: {{learning_rate: 1.0e-3, epochs: 2}}}}
  recorded: {{trainer: {{command: "{COMMAND} --record", data: csv}}, recipe: {{learning_rate: 1.0e-3, epochs: 2}}}}
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_trainer_script_is_run_as_it_is_and_with_the_callback_in_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(SCRIPT, tmp_path)
    params = PROJECT.replace("strategies: [devlin]", "strategies: [hf-default, script, recorded]")
    params = params.replace("acceptability", "entailment")
    (tmp_path / "params.yaml").write_text(f"seeds: 1{params}{STRATEGIES.replace('PYTHON', warm.python())}")
    project = stabbench.Project(tmp_path)
    project.prepare()
    project.pretrain()
    project.plan()
    trained = project.train(workers=2)
    assert not trained.errors, trained.errors
    assert gather(tmp_path / "runs").table["strategy"].tolist() == ["hf-default", "script", "recorded"]
    script, recorded = (_record(tmp_path, name, 1) for name in ("script", "recorded"))
    assert script.score == recorded.score  # the callback changes nothing
    assert script.result.total_steps == recorded.result.total_steps == 6
    assert not set(script.files) & {"predictions.parquet"}
    assert (recorded.predictions()["label"] == recorded.predictions()["prediction"]).mean() == recorded.score
    norms = recorded.gradnorms()
    assert set(norms["step"]) == {0}
    assert {"layer 1", "layer 2", "embeddings", "classifier"} <= {
        _cell(tmp_path, "recorded").tensors.of(name).layer for name in norms["parameter"]
    }


def _cell(folder: Path, strategy: str) -> Cell:
    return next(cell for cell in read_plan(folder / "plan") if cell.strategy == strategy)


def _record(folder: Path, strategy: str, seed: int) -> Record:
    found = Store(folder / ".stabbench/runs").find(_cell(folder, strategy).fingerprint(seed))
    assert found is not None
    return found
