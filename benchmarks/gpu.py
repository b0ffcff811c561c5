"""`python -m benchmarks.gpu`: checks the GPU path on the device and times it against Hugging Face's Trainer.

It needs torch, transformers, numpy, pandas, pyarrow and safetensors, and no data: weights and texts are random, with
the shapes of public models and the lengths of real tasks. Parts run in the order of their importance until the minutes
are over; the report is written after each, and a part that fails says so in the report and stops nothing. Parts that
an earlier run on the same device measured are kept (`--afresh` measures them again), and so is a report of a GPU where
there is none.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_checks as checks
from benchmarks.gpu_cases import release
from benchmarks.gpu_report import page, projection
from benchmarks.gpu_rivals import rival_name
from benchmarks.gpu_speed import Case, matrix_rates, measure
from stabbench.models.compilation import can_compile

FOLDER = Path("reports/benchmarks")
PACKAGES = ("torch", "triton", "transformers", "accelerate", "numpy")
Part = Callable[[], Mapping[str, Any]]


def quick_parts(device: torch.device) -> dict[str, Part]:
    """A few seconds on a CPU: every kind of part once, on a tiny model."""
    case = Case("smoke", "smoke", mode="eager", precision="fp32")
    return {
        "check/draws": lambda: checks.draws_against_numpy(device),
        "check/stacked/smoke/eager/fp64": lambda: checks.stacked_against_separate(device, "smoke", "eager", "fp64", 4),
        "check/repeat/smoke/eager/fp32": lambda: checks.graph_against_eager(device, "smoke", "eager", "fp32", 4),
        "check/flash": lambda: checks.flash_against_buckets(device),
        "check/memory/smoke": lambda: checks.memory_against_estimate(device, "smoke", "fp32", "eager", 2),
        "rates": lambda: matrix_rates(device, 128, 3),
        case.name: lambda: measure(case, device, updates=2, rounds=1),
    }


def full_parts(device: torch.device) -> dict[str, Part]:
    """Everything, the most important first."""
    parts: dict[str, Part] = {"check/draws": lambda: checks.draws_against_numpy(device)}

    def check(kind: str, model: str, mode: str, precision: str, steps: int) -> None:
        function = {"stacked": checks.stacked_against_separate, "captured": checks.graph_against_eager}[kind]
        parts[f"check/{kind}/{model}/{mode}/{precision}"] = lambda: function(device, model, mode, precision, steps)

    def time_it(*cases: Case, updates: int = 20, rounds: int = 3) -> None:
        for case in cases:
            parts[case.name] = lambda case=case: measure(case, device, updates=updates, rounds=rounds)  # type: ignore[misc]

    check("stacked", "bert-tiny", "graph", "fp32", 30)
    check("captured", "bert-tiny", "graph", "bf16", 30)
    parts["rates"] = lambda: matrix_rates(device, 8192, 20)
    time_it(Case("bert-large", "rte"), Case("minilm", "rte"), Case("bert-tiny", "cola"), Case("bert-large", "cola"))
    time_it(
        Case("bert-large", "rte", "compile"), Case("bert-large", "cola", "compile"), Case("minilm", "rte", "compile")
    )
    time_it(*(Case("bert-large", task, "off", strategy="mixout", rival=False) for task in ("rte", "cola")), updates=10)
    parts["check/flash"] = lambda: checks.flash_against_buckets(device)
    parts["check/memory/bert-large"] = lambda: checks.memory_against_estimate(device, "bert-large", "bf16", "graph", 2)
    parts["check/memory/minilm"] = lambda: checks.memory_against_estimate(device, "minilm", "fp32", "graph", 8)
    check("captured", "minilm", "compile", "bf16", 20)
    check("stacked", "bert-tiny", "compile", "fp32", 20)
    check("stacked", "bert-tiny", "eager", "fp64", 10)
    check("captured", "minilm", "graph", "fp32", 20)
    for task in ("rte", "cola"):
        time_it(*(Case(model, task) for model in ("bert-base", "minilm", "bert-tiny")))
    time_it(Case("bert-tiny", "cola", "compile"), Case("bert-tiny", "rte", "compile"))
    for model, counts in (("minilm", (1, 5, 13, 25)), ("bert-tiny", (1, 5, 25)), ("bert-large", (1, 2, 4))):
        time_it(*(Case(model, "rte", rival=False, runs=runs) for runs in counts), rounds=1)
    time_it(*(Case("bert-large", "rte", precision=name, rival=False) for name in ("tf32", "fp32")), rounds=1)
    return parts


def main() -> None:
    """Measure what there is a device for, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda (default), or cpu for the checks alone, with --quick")
    parser.add_argument("--quick", action="store_true", help="each kind of part once, on a tiny model")
    parser.add_argument("--minutes", type=float, default=9.0, help="no part is begun after so many (default: 9)")
    parser.add_argument("--only", default="", help="parts whose names begin so, e.g. check/ or speed/bert-large")
    parser.add_argument("--afresh", action="store_true", help="measure again what the report has already")
    parser.add_argument("--out", type=Path, default=FOLDER, help=f"folder of gpu.json and gpu.md (default: {FOLDER})")
    arguments = parser.parse_args()
    reason = _reason_against(arguments.device, arguments.quick)
    if reason is not None:
        print(f"not measured: {reason}")
        if "parts" not in _read(arguments.out):
            _write(arguments.out, {"not_measured": reason})
        return
    device = torch.device(arguments.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    machine = _machine(device)
    earlier = _read(arguments.out) if not arguments.afresh else {}
    report: dict[str, Any] = {"machine": machine, "parts": {}}
    if earlier.get("machine") == machine:
        report["parts"] = {name: part for name, part in earlier["parts"].items() if _is_whole(part)}
    stop = time.monotonic() + 60 * arguments.minutes
    parts = quick_parts(device) if arguments.quick else full_parts(device)
    for name, part in parts.items():
        if name in report["parts"] or not name.startswith(arguments.only):
            continue
        print(f"{name} …", flush=True)
        began = time.monotonic()
        report["parts"][name] = _outcome(part) if began < stop else {"skipped": "the minutes were over"}
        report["parts"][name]["seconds_of_the_part"] = round(time.monotonic() - began, 2)
        release(device)
        report["table_1"] = projection(report["parts"])
        _write(arguments.out, report)


def _outcome(part: Part) -> dict[str, Any]:
    try:
        return dict(part())
    except Exception:  # one part's failure must not cost the others their device time
        return {"error": traceback.format_exc()}


def _is_whole(part: Mapping[str, Any]) -> bool:
    return "error" not in part and "skipped" not in part


def _reason_against(device: str, quick: bool) -> str | None:
    if device == "cpu":
        return None if quick else "on a CPU there is only --quick, a smoke test of the checks"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no GPU on this machine"
    return None


def _machine(device: torch.device) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    if device.type != "cuda":
        return {"device": f"cpu ({platform.machine()})", "versions": versions, "rival": rival_name()}
    facts = torch.cuda.get_device_properties(device)
    return {
        "device": facts.name,
        "memory_bytes": facts.total_memory,
        "versions": versions | {"cuda": str(torch.version.cuda)},
        "rival": rival_name(),
        "kernels_compiled": can_compile(),
    }


def _read(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "gpu.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _write(folder: Path, report: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (folder / "gpu.md").write_text(page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
