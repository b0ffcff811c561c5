"""Training runs on a machine that has torch and little else, and what is no training runs without it."""

from __future__ import annotations

import subprocess
import sys

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


def test_params_yaml_is_checked_without_importing_torch() -> None:
    program = "import sys, stabbench.project.validation; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
