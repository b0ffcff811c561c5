"""The GPU benchmark says what it could not measure, and its checks pass where they can run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu_report
from benchmarks.gpu_cases import EXAMPLES, LENGTHS, QUANTILES, make_inputs, texts
from tests import warm

ROOT = Path(__file__).parent.parent


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    command = [warm.python(), "-m", "benchmarks.gpu", "--out", str(folder), *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads((folder / "gpu.json").read_text())
    return found


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_report_says_not_measured_and_why(tmp_path: Path) -> None:
    report = run(tmp_path)
    assert "sees no GPU" in report["not_measured"]
    assert "Not measured: torch" in (tmp_path / "gpu.md").read_text()
    (tmp_path / "gpu.json").write_text('{"parts": {"rates": {"fp32": 1.0}}}')
    assert run(tmp_path) == {"parts": {"rates": {"fp32": 1.0}}}


@pytest.mark.slow
def test_the_quick_parts_pass_on_a_cpu_and_are_kept_for_the_next_start(tmp_path: Path) -> None:
    report = run(tmp_path, "--device", "cpu", "--quick")
    assert not [part for part in report["parts"].values() if "error" in part]
    checks = {name: part for name, part in report["parts"].items() if name.startswith("check/") and "found" in part}
    assert len(checks) == 3
    assert all(part["found"] <= part["tolerated"] for part in checks.values())
    (speed,) = (part for name, part in report["parts"].items() if name.startswith("speed/"))
    assert speed["rival_ms_a_step"] > 0
    assert "| draws | 0 | 0 | passed" in (tmp_path / "gpu.md").read_text()
    again = run(tmp_path, "--device", "cpu", "--quick", "--minutes", "0")
    assert {name for name, part in again["parts"].items() if "skipped" not in part} == {
        name for name, part in report["parts"].items() if "skipped" not in part
    }


@pytest.mark.parametrize(("task", "mean"), [("rte", 66.6), ("cola", 11.3)])
def test_texts_have_the_lengths_of_the_task(task: str, mean: float) -> None:
    drawn = texts(task, EXAMPLES[task], seed=1, pieces=500)
    assert len(LENGTHS[task]) == len(QUANTILES)
    assert drawn.lengths.mean() == pytest.approx(mean, rel=0.05)
    assert make_inputs("smoke", "smoke", precision="fp32").architecture.layers == 2


def test_table_1_is_projected_from_the_fastest_updates_of_each_kind() -> None:
    def part(task: str, strategy: str, milliseconds: float) -> dict[str, Any]:
        head = {"model": "bert-large", "precision": "bf16", "runs": None}
        return {**head, "task": task, "strategy": strategy, "ms_a_seed_step": milliseconds}

    parts = {
        "speed/a": part("rte", "plain", 9.0),
        "speed/b": part("rte", "plain", 8.0),
        "speed/c": part("cola", "plain", 4.0),
        "speed/d": part("rte", "mixout", 10.0),
    }
    assert gpu_report.projection(parts) is None
    projected = gpu_report.projection({**parts, "speed/e": part("cola", "mixout", 6.0)})
    assert projected is not None
    assert projected["updates"] == 598_650
    expected = 25 * ((156 + 230) * (23 * 8 + 3 * 10) + 535 * (23 * 4 + 3 * 6)) / 1000 / 3600
    assert projected["hours"] == pytest.approx(expected)
