"""calibration-tasks.md, from the numbers of calibration-tasks.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.tables import table

NOMINAL = 0.95
LEVEL = 0.05
Row = Mapping[str, Any]
_NEW = {"new_true": "new task, true ratio", "new_measured": "new task, measured ratio"}
_RIVALS = ("unweighted t", "normal theory", "own kurtosis", "jackknife")


def markdown(found: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = found["rows"]
    pooled = [row for row in rows if row["tasks"] > 2]
    return (
        "\n\n".join([_head(found), _verdict(found), _coverage(rows), _rivals(pooled), _levels(pooled), _family(found)])
        + "\n"
    )


def _head(found: Mapping[str, Any]) -> str:
    cases = "\n".join(f"- {case['name']}: {case['words']}" for case in found["cases"])
    low, high = found["region"]
    return (
        "# Calibration of what is said over tasks\n\n"
        f"{found['repetitions']:,} simulated sets of tasks a setting, each with two strategies of n seeds a task; τ is "
        "the standard deviation of the true log ratios between tasks. Made by `python -m "
        "benchmarks.calibration_tasks`; all numbers with 99 % bounds (Clopper-Pearson) in "
        "[calibration-tasks.json](calibration-tasks.json). Rates in per cent; **bold**: outside of its level with all "
        f"of the 99 % bounds. Region of equivalence: {low:g} to {high:g}.\n\nCases:\n\n{cases}"
    )


def _verdict(found: Mapping[str, Any]) -> str:
    alike = {case["name"] for case in found["cases"] if case["same_shape"]}
    lines = []
    checks: dict[str, Callable[[Row], bool]] = {
        "interval of the pooled ratio": lambda row: _low(row["coverage"]["pooled"]),
        "interval of a new task's true ratio": lambda row: _low(row["coverage"]["new_true"]),
        "interval of a new task's measured ratio": lambda row: _low(row["coverage"]["new_measured"]),
        "test that the ratio is 1, α = .05": lambda row: _high(row["p_ratio"]["0.05"], 0.05),
        "test that the ratio is 1, α = .01": lambda row: _high(row["p_ratio"]["0.01"], 0.01),
        "verdicts": lambda row: any(_high(one["wrong"], LEVEL) for one in row["verdicts"].values()),
    }
    for name, fails in checks.items():
        for group, chosen in (("same shape", True), ("others", False)):
            rows = [row for row in found["rows"] if (row["case"] in alike) is chosen]
            if name.endswith("true ratio"):
                rows = [row for row in rows if "new_true" in row["coverage"]]
            bad = [row for row in rows if fails(row)]
            if rows:
                lines.append(
                    [name, group, f"{len(rows) - len(bad)} of {len(rows)}", "; ".join(map(_place, bad)) or "–"]
                )
    head = ["what", "scores of both strategies", "settings that keep .95 or α", "those that do not"]
    return (
        "## What keeps its level\n\nAn interval fails where the upper bound of its coverage is under 95 %, a test and "
        "a verdict where the lower bound of its rate is above α. Same shape: the two strategies' scores differ in "
        "scale alone and have as many seeds, so that a small sample distorts both stds alike.\n\n" + table(head, lines)
    )


def _place(row: Row) -> str:
    return f"{row['case']}, {row['tasks']} tasks, n = {row['seeds']}, τ = {row['tau']:g}"


def _low(rate: Mapping[str, float]) -> bool:
    return rate["high"] < NOMINAL


def _high(rate: Mapping[str, float], level: float) -> bool:
    return rate["low"] > level


def _setting(row: Row) -> list[str]:
    return [row["case"], str(row["tasks"]), str(row["seeds"]), f"{row['tau']:g}"]


_SETTING = ["case", "tasks", "n", "τ"]


def _held(rate: Mapping[str, float] | None) -> str:
    if rate is None:
        return "n/a"
    text = f"{100 * rate['rate']:.1f}"
    return f"**{text}**" if _low(rate) else text


def _coverage(rows: Sequence[Row]) -> str:
    lines = [
        [
            *_setting(row),
            f"{100 * row['estimable']:.1f}",
            _held(row["coverage"]["pooled"]),
            f"{row['width']:.2f}",
            f"{row['bias']:+.3f}",
            *(_held(row["coverage"].get(name)) for name in _NEW),
            _held(row["coverage"].get("usual_new_true")) if row["tasks"] > 2 else "n/a",
        ]
        for row in rows
    ]
    head = [
        *_SETTING,
        "estimable",
        "pooled ratio",
        "width (log)",
        "bias (log)",
        *_NEW.values(),
        "usual interval of the true ratio",
    ]
    return (
        "## Coverage of the 95 % intervals\n\nThe usual interval of a new task's true ratio (Higgins et al., 2009) has "
        "the variance τ² + error² and t quantiles with (tasks − 2) degrees of freedom. It is not the one that reports "
        f"have, as it holds too little where τ is small beside the sampling error.\n\n{table(head, lines)}"
    )


def _rivals(rows: Sequence[Row]) -> str:
    lines = [[*_setting(row), *(_held(row["coverage"][name]) for name in ("pooled", *_RIVALS))] for row in rows]
    head = [*_SETTING, "reports'", *_RIVALS]
    return (
        "## Other ways to pool\n\nCoverage of the pooled ratio by Student's interval of the unweighted mean, and with "
        "the sampling variance of a log std by normal theory, by each cell's own kurtosis and by the jackknife. The "
        "last two know each cell's weight by what also decides its std: a cell that happens to lack an outlier has a "
        "small std and a large weight.\n\n" + table(head, lines)
    )


def _levels(rows: Sequence[Row]) -> str:
    ratios = list(rows[0]["verdicts"])
    ratios.sort(key=lambda text: -float(text))
    lines = [
        [
            *_setting(row),
            *(_rate(row["p_ratio"][alpha], float(alpha)) for alpha in ("0.05", "0.01")),
            *(_said(row["verdicts"][ratio]) for ratio in ratios),
        ]
        for row in rows
    ]
    head = [*_SETTING, "p ≤ .05", "p ≤ .01", *(f"true ratio {ratio}" for ratio in ratios)]
    return (
        "## Level and power\n\nHow often the test that the ratio is 1 rejects where it is, and the verdicts of a "
        "single pair where the true mean ratio is 1 or .8 (equivalent, the latter just so) and .65 or .5 (steadier): "
        "steadier / equivalent / wrong.\n\n" + table(head, lines)
    )


def _rate(rate: Mapping[str, float], level: float) -> str:
    text = f"{100 * rate['rate']:.1f}"
    return f"**{text}**" if _high(rate, level) else text


def _said(shares: Mapping[str, Any]) -> str:
    return f"{100 * shares['steadier']:.0f} / {100 * shares['equivalent']:.0f} / {_rate(shares['wrong'], LEVEL)}"


def _family(found: Mapping[str, Any]) -> str:
    lines = [
        [str(row["seeds"]), f"{row['repetitions']:,}", *(_rate(row[name], LEVEL) for name in ("told", "wrong"))]
        for row in found["families"]
    ]
    head = ["n", "repetitions", "any pair told apart", "any pair called steadier or less steady"]
    return (
        "## Families\n\nFour strategies that spread alike on six tasks (normal scores, τ = 0): how often at least one "
        "of their six pairs is told apart at .05 after Holm, or has a verdict that a difference matters.\n\n"
        + table(head, lines)
    )
