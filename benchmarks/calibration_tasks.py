"""What pooled ratios over tasks are worth: coverage of their intervals, and how often a verdict is wrong, simulated.

    python -m benchmarks.calibration_tasks                 # 10,000 repetitions: a few minutes on one core
    python -m benchmarks.calibration_tasks --repetitions 500 --out quick-calibration

Writes calibration-tasks.json and calibration-tasks.md; the same command gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration import Array
from benchmarks.calibration_tasks_cases import CASES, TaskCase, family
from benchmarks.calibration_tasks_report import markdown
from benchmarks.calibration_tasks_rivals import RIVALS, true_ratio_interval
from benchmarks.simulation import CONFIDENCE, bounded, options, write
from stabbench.analysis.equivalence import REGION, holm_of_verdicts, parts, two_sided, verdict_p_values
from stabbench.analysis.over_tasks import kurtosis_of, log_std_variances
from stabbench.analysis.pairwise import holm
from stabbench.analysis.random_effects import pool

TASKS = (2, 4, 10)
SEEDS = (10, 25)
TAUS = (0.0, 0.3)
"""Standard deviations of the true log ratios between tasks."""
RATIOS = (1.0, 0.8, 0.65, 0.5)
"""True ratios for which verdicts are counted: equivalent, just so, and two that are steadier."""
ALPHAS = (0.05, 0.01)
REPETITIONS = 10_000
_AT_ONCE = 1_000


def measure(
    repetitions: int,
    cases: Sequence[TaskCase] = CASES,
    tasks: Sequence[int] = TASKS,
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Any]:
    """Everything that calibration-tasks.json holds; `repetitions` are rounded up to whole batches of 1,000."""
    batches = -(-repetitions // _AT_ONCE)
    rows = []
    for number, case in enumerate(cases):
        for k in tasks:
            for n in seeds:
                for tau in TAUS:
                    random = np.random.default_rng([number, k, n, round(10 * tau)])
                    rows.append(_row(case, k, n, tau, batches, random))
            print(f"{case.name}, {k} tasks: done", flush=True)
    families = [_family(n, batches, np.random.default_rng([n])) for n in seeds]
    return {
        "repetitions": batches * _AT_ONCE,
        "bounds": CONFIDENCE,
        "region": list(REGION),
        "cases": [{"name": case.name, "words": case.words, "same_shape": case.same_shape} for case in cases],
        "rows": rows,
        "families": families,
    }


def _row(case: TaskCase, k: int, n: int, tau: float, batches: int, random: np.random.Generator) -> dict[str, Any]:
    """Rates of one setting; what is not estimable (a constant cell) is left out of its task, as in a report."""
    found: dict[str, list[Array]] = {}
    for _ in range(batches):
        for name, values in _simulate(case, k, n, tau, random).items():
            found.setdefault(name, []).append(values)
    all_of = {name: np.concatenate(values) for name, values in found.items()}
    known = ~np.isnan(all_of["estimate"])
    estimate, error, freedom = (all_of[name][known] for name in ("estimate", "error", "freedom"))
    held = {name: all_of[name][known] for name in ("pooled", "new_measured", "new_true", "usual_new_true", *RIVALS)}
    row: dict[str, Any] = {
        "case": case.name,
        "tasks": k,
        "seeds": n,
        "tau": tau,
        "estimable": float(known.mean()),
        "bias": float(estimate.mean()),
        "width": float(np.median(all_of["width"][known])),
        "coverage": {
            name: bounded(int(values.sum()), values.size)
            for name, values in held.items()
            if case.new_ratio_known or name not in ("new_true", "usual_new_true")
        },
    }
    p = two_sided(estimate, error, freedom)
    row["p_ratio"] = {f"{alpha:g}": bounded(int((p <= alpha).sum()), p.size) for alpha in ALPHAS}
    row["verdicts"] = {f"{ratio:g}": _verdicts(estimate + math.log(ratio), error, freedom, ratio) for ratio in RATIOS}
    return row


def _simulate(case: TaskCase, k: int, n: int, tau: float, random: np.random.Generator) -> Mapping[str, Array]:
    """One batch: estimates around a true mean log ratio of 0, and whether each interval holds what it should."""
    drawn = case.draw(random, _AT_ONCE, k + 1, n)
    effects = tau * random.standard_normal((_AT_ONCE, k + 1))
    sides = [_log_stds(scores) for scores in drawn]
    logs = sides[0][0] - sides[1][0] - math.log(case.std_ratio) + effects
    variances = sides[0][1] + sides[1][1]
    seen, new = logs[:, :k], logs[:, k]
    pooled = pool(seen, variances[:, :k])
    inside = {
        "pooled": (pooled.low <= 0) & (pooled.high >= 0),
        "new_measured": np.isnan(new) | ((pooled.new_low <= new) & (new <= pooled.new_high)),
        "new_true": (pooled.new_low <= effects[:, k]) & (effects[:, k] <= pooled.new_high),
        "usual_new_true": true_ratio_interval(pooled, effects[:, k]),
        **{name: rival([scores[:, :k] for scores in drawn], seen) for name, rival in RIVALS.items()},
    }
    return {
        "estimate": pooled.estimate,
        "error": pooled.error,
        "freedom": pooled.tasks - 1,
        "width": pooled.high - pooled.low,
        **{name: values.astype(np.float64) for name, values in inside.items()},
    }


def _log_stds(scores: Array) -> tuple[Array, Array]:
    """Log stds, unbiased for n, and their variances, each `(repetitions, tasks)`, of scores with a last axis of seeds.

    The last task is the new one: the variances of the others are not to know of it.
    """
    n = np.full(scores.shape[:2], float(scores.shape[2]))
    centred = scores - scores.mean(axis=2, keepdims=True)
    second, fourth = ((centred**power).mean(axis=2) for power in (2, 4))
    constant = np.ptp(scores, axis=2) == 0
    with np.errstate(divide="ignore"):
        logs = np.where(constant, np.nan, np.log(scores.std(axis=2, ddof=1)) + 1 / (2 * (n - 1)))
    kurtosis = np.where(constant, np.nan, kurtosis_of(n, second, fourth))
    kurtosis[:, -1] = np.nan
    return logs, log_std_variances(n, kurtosis)


def _verdicts(estimate: Array, error: Array, freedom: Array, ratio: float) -> dict[str, Any]:
    """Shares of the verdicts of single pairs, and of those that are wrong of a true ratio."""
    said = np.array(parts(estimate, REGION))
    made = verdict_p_values(estimate, error, freedom, REGION) <= 0.05
    truth = parts(np.array([math.log(ratio)]), REGION)[0]
    shares = {word: float((made & (said == word)).mean()) for word in ("steadier", "equivalent", "less steady")}
    return {**shares, "wrong": bounded(int((made & (said != truth)).sum()), said.size)}


def _family(n: int, batches: int, random: np.random.Generator) -> dict[str, Any]:
    """Four strategies that spread alike on six tasks, six pairs: how often Holm lets one of them be told apart."""
    told, claimed, repetitions = 0, 0, batches * _AT_ONCE
    for stds, variances in family(random, repetitions, n):
        a, b = np.triu_indices(len(stds), 1)
        pooled = pool(stds[a] - stds[b], variances[a] + variances[b])
        p = pd.Series(two_sided(pooled.estimate, pooled.error, pooled.tasks - 1))
        verdict = pd.Series(verdict_p_values(pooled.estimate, pooled.error, pooled.tasks - 1, REGION))
        part = parts(pooled.estimate, REGION)
        wrong = (holm_of_verdicts(part, verdict) <= 0.05) & (np.array(part) != "equivalent")
        told += bool((holm(p) <= 0.05).any())
        claimed += bool(wrong.any())
    return {
        "seeds": n,
        "repetitions": repetitions,
        "told": bounded(told, repetitions),
        "wrong": bounded(claimed, repetitions),
    }


def main() -> None:
    """Measure and write the two files."""
    given = options(__doc__, REPETITIONS).parse_args()
    found = measure(given.repetitions)
    write(found, markdown(found), given.out, "calibration-tasks")


if __name__ == "__main__":
    main()
