"""What the tests and intervals are worth: false-positive rates, power and coverage, simulated.

    python -m benchmarks.calibration                       # 10,000 repetitions: some minutes on one core
    python -m benchmarks.calibration --repetitions 500 --out quick-calibration

Writes calibration.json and calibration.md; the same command gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.calibration_cases import CASES, COLLAPSED_AT, COLLAPSED_SHARE, Case
from benchmarks.calibration_report import markdown
from benchmarks.calibration_tests import FAILURES, LEVEL, PAIRED_SPREAD, SPREAD, p_values
from benchmarks.simulation import CONFIDENCE, bounded, options, write
from stabbench.analysis.design import design_curves
from stabbench.analysis.failures import wilson_interval
from stabbench.analysis.intervals import log_std_ratio_intervals

SEEDS = (5, 10, 25)
ALPHAS = (0.05, 0.01, 0.001)
REPETITIONS = 10_000
PERMUTATIONS = 999
RESAMPLES = 999
_AT_ONCE = 250
"""Repetitions that share one set of permutations and resamples."""

Array = npt.NDArray[np.float64]


def measure(repetitions: int, cases: Sequence[Case] = CASES, seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Everything that calibration.json holds; `repetitions` are rounded up to whole batches of 250."""
    batches = -(-repetitions // _AT_ONCE)
    rates: list[dict[str, Any]] = []
    coverage: list[dict[str, Any]] = []
    for number, case in enumerate(cases):
        for n in seeds:
            found, intervals = _simulate(case, n, batches, np.random.default_rng([number, n]))
            rates += [_rates(case, n, test, p) for test, p in found.items() if _asked(case, test)]
            coverage.append(_std_coverage(case, n, intervals))
            print(f"{case.name}, n = {n}: done", flush=True)
    return {
        "repetitions": batches * _AT_ONCE,
        "permutations": PERMUTATIONS,
        "resamples": RESAMPLES,
        "bounds": CONFIDENCE,
        "cases": [{"name": case.name, "words": case.words} for case in cases],
        "rates": rates,
        "coverage": coverage + [_wilson_coverage(n) for n in seeds],
        "above_level": [row for row in rates if row["null"] and _above(row)],
        "seeds_needed": design_curves().to_dict("records"),
    }


def _simulate(case: Case, n: int, batches: int, random: np.random.Generator) -> tuple[Mapping[str, Array], Array]:
    """p-values by test `(repetitions,)`, and intervals of the log std ratio `(repetitions, 2)`."""
    found: dict[str, list[Array]] = {}
    intervals = []
    for _ in range(batches):
        a, b = case.draw(random, _AT_ONCE, n)
        failed = [(x == COLLAPSED_AT) & case.failures for x in (a, b)]
        for test, p in p_values(a, b, failed[0], failed[1], random, PERMUTATIONS).items():
            found.setdefault(test, []).append(p)
        constant = (np.ptp(a, axis=1) == 0) | (np.ptp(b, axis=1) == 0)
        drawn = log_std_ratio_intervals(a, b, random, RESAMPLES)
        drawn[constant] = np.nan
        intervals.append(drawn)
    return {test: np.concatenate(parts) for test, parts in found.items()}, np.concatenate(intervals)


def _asked(case: Case, test: str) -> bool:
    return case.failures if test in FAILURES else True


def _null(case: Case, test: str) -> bool:
    """Whether what the test tests is true of the case."""
    if test in (*SPREAD, *PAIRED_SPREAD):
        return case.same_spread
    return case.same_level if test in LEVEL else case.same_failures


def _rates(case: Case, n: int, test: str, p: Array) -> dict[str, Any]:
    rejected = {alpha: int((p <= alpha).sum()) for alpha in ALPHAS}
    return {
        "case": case.name,
        "n": n,
        "test": test,
        "null": _null(case, test),
        "rates": {f"{alpha:g}": bounded(count, p.size) for alpha, count in rejected.items()},
    }


def _above(row: Mapping[str, Any]) -> bool:
    """Whether the lower bound of a false-positive rate is above a level."""
    return any(rate["low"] > float(alpha) for alpha, rate in row["rates"].items())


def _std_coverage(case: Case, n: int, intervals: Array) -> dict[str, Any]:
    known = ~np.isnan(intervals).any(axis=1)
    truth = np.log(case.std_ratio)
    held = int(((intervals[known, 0] <= truth) & (truth <= intervals[known, 1])).sum())
    head = {"interval": "std ratio, bootstrap", "case": case.name, "n": n, "estimable": float(known.mean())}
    return {**head, **({"coverage": bounded(held, int(known.sum()))} if known.any() else {})}


def _wilson_coverage(n: int) -> dict[str, Any]:
    """Exact: the probability of all numbers of failures whose interval holds the true share."""
    bounds = [wilson_interval(failed, n) for failed in range(n + 1)]
    held = [failed for failed, (low, high) in enumerate(bounds) if low <= COLLAPSED_SHARE <= high]
    rate = float(stats.binom.pmf(held, n, COLLAPSED_SHARE).sum())
    row = {"interval": "share of failed runs, Wilson", "case": "a fifth of the runs fails", "n": n, "estimable": 1.0}
    return {**row, "coverage": {"rate": rate}}


def main() -> None:
    """Measure and write the two files."""
    given = options(__doc__, REPETITIONS).parse_args()
    found = measure(given.repetitions)
    write(found, markdown(found), given.out, "calibration")


if __name__ == "__main__":
    main()
