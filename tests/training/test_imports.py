"""Training runs on a machine that has torch and little else, and what is no training runs without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tiny import PROJECT

ABSENT = ("pydantic", "mlflow", "dvc", "datasets", "evaluate", "sklearn", "scipy", "statsmodels", "matplotlib", "rich")


def test_training_and_its_workers_import_without_the_rest_of_the_tool() -> None:
    program = f"""
import sys
for name in {ABSENT!r}:
    sys.modules[name] = None
import stabbench.training.loop
import stabbench.strategies.mixout, stabbench.strategies.registry
import stabbench.execution.cell
print("ready")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "ready", result.stderr


def test_workers_do_not_pay_for_importing_transformers() -> None:
    program = "import sys, stabbench.execution.cell; print('transformers' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_params_yaml_is_checked_without_importing_torch_or_pandas(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(f"seeds: 1-2{PROJECT}strategies: {{devlin: {{plugin: devlin}}}}\n")
    program = (
        "import sys; from stabbench.cli import main; main(['validate'], standalone_mode=False);"
        "print(sorted({'torch', 'pandas', 'numpy', 'pyarrow', 'scipy', 'matplotlib'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["params.yaml: no mistakes; 1 cells, 0 studies, 0 probes", "[]"]
