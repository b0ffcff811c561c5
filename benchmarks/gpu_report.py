"""The GPU benchmark's report: JSON as measured, and a page made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEPS_AN_EPOCH = {"rte": 156, "mrpc": 230, "cola": 535}
SEEDS = 25
PLAIN_EPOCHS, MIXOUT_EPOCHS = 3 + 20, 3
"""Table 1: Devlin et al. and Mosbach et al. are plain updates, Mixout is not."""


def projection(parts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Hours for Table 1's 225 runs of BERT-large from the best measured updates; None where one is missing.

    MRPC is shorter than RTE and is counted with RTE's time. Updates alone: no evaluation, no start-up.
    """
    best: dict[tuple[str, str], float] = {}
    for part in parts.values():
        if part.get("model") == "bert-large" and part.get("precision") == "bf16" and part.get("runs") is None:
            key = part["task"], part["strategy"]
            best[key] = min(best.get(key, float("inf")), part["ms_a_seed_step"] / 1000)
    if any((task, strategy) not in best for task in ("rte", "cola") for strategy in ("plain", "mixout")):
        return None
    seconds, updates = 0.0, 0
    for task, steps in STEPS_AN_EPOCH.items():
        measured = "rte" if task == "mrpc" else task
        for strategy, epochs in (("plain", PLAIN_EPOCHS), ("mixout", MIXOUT_EPOCHS)):
            updates += SEEDS * epochs * steps
            seconds += SEEDS * epochs * steps * best[measured, strategy]
    return {"updates": updates, "hours": seconds / 3600}


def page(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    lines = ["# GPU benchmark", ""]
    if report.get("not_measured"):
        return "\n".join([*lines, f"Not measured: {report['not_measured']}", ""])
    machine, parts = report["machine"], report["parts"]
    lines += [f"{machine['device']}; " + ", ".join(f"{name} {value}" for name, value in machine["versions"].items())]
    lines += [f"Rival: {machine['rival']}, bf16 on CUDA, padded to 128, one seed.", ""]
    lines += [*_checks(parts), *_rates(parts), *_speeds(parts), *_missing(parts)]
    projected = report.get("table_1")
    lines += ["## Table 1", ""]
    if projected is None:
        lines += ["Not projected: it needs BERT-large on both tasks, plain and Mixout, in bf16.", ""]
    else:
        lines += [
            f"225 BERT-large runs ({projected['updates']:,} updates): **{projected['hours']:.2f} h** by the times "
            "above, MRPC counted as RTE, evaluation and start-up left out.",
            "",
        ]
    return "\n".join(lines)


def _checks(parts: Mapping[str, Any]) -> list[str]:
    rows = ["## Checks", "", "| check | found | tolerated | |", "| --- | --- | --- | --- |"]
    for name, part in parts.items():
        if name.startswith("check/") and "found" in part:
            verdict = "passed" if part["found"] <= part["tolerated"] else "**FAILED**"
            more = "; ".join(
                f"{key.replace('_', ' ')}: {part[key]}" for key in ("bits", "repeats_itself", "weights") if key in part
            )
            rows.append(f"| {name[6:]} | {part['found']:.3g} | {part['tolerated']:.3g} | {verdict} {more} |")
    return [*rows, ""]


def _rates(parts: Mapping[str, Any]) -> list[str]:
    rates = parts.get("rates", {})
    measured = {name: rates[name] for name in ("fp32", "tf32", "bf16") if name in rates}
    if not measured:
        return []
    text = ", ".join(f"{name} {rate / 1e12:.2f}" for name, rate in measured.items())
    return ["## Matrix rate of the device", "", f"TFLOP/s of one large product: {text}.", ""]


def _speeds(parts: Mapping[str, Any]) -> list[str]:
    rows = [
        "## Speed",
        "",
        "| model | task | strategy | precision | mode | seeds side by side | ms a seed-step | rival | times as fast "
        "| TFLOP/s | of the matrix rate | peak GB |",
        "| --- " * 12 + "|",
    ]
    for name, part in parts.items():
        if not name.startswith("speed/") or "ms_a_seed_step" not in part:
            continue
        rate = parts.get("rates", {}).get(part["precision"])
        rival, times = part.get("rival_ms_a_step"), part.get("times_as_fast")
        cells = [
            part["model"],
            part["task"],
            part["strategy"],
            part["precision"],
            part["mode"],
            str(part["stacked_seeds"]),
            f"{part['ms_a_seed_step']:.3f}",
            "" if rival is None else f"{rival:.2f}",
            "" if times is None else f"{times:.1f}",
            f"{part['operations_a_second'] / 1e12:.3f}",
            "" if rate is None else f"{part['operations_a_second'] / rate:.1%}",
            "" if part["peak_bytes"] is None else f"{part['peak_bytes'] / 1e9:.1f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return [*rows, ""]


def _missing(parts: Mapping[str, Any]) -> list[str]:
    rows = [
        f"- {name}: {part.get('skipped') or part['error'].splitlines()[-1]}"
        for name, part in parts.items()
        if "skipped" in part or "error" in part
    ]
    return ["## Not measured", "", *rows, ""] if rows else []
