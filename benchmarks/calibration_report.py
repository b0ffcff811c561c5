"""calibration.md, from the numbers of calibration.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.calibration_tests import FAILURES, LEVEL, PAIRED_SPREAD, SPREAD
from benchmarks.tables import table
from stabbench.analysis.design import ALPHAS

GROUPS = {
    "spread": (*SPREAD, *PAIRED_SPREAD),
    "level": LEVEL,
    "failures": FAILURES,
}
STAR_ALPHAS = (0.05, 0.01)


def markdown(found: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [_head(found), _verdict(found)]
    for group, tests in GROUPS.items():
        for null in (True, False):
            rows = [row for row in found["rates"] if row["test"] in tests and row["null"] is null]
            parts.append(f"## Tests of {group}: {'false-positive rates' if null else 'power'}\n\n{_rates(rows, tests)}")
    return "\n\n".join([*parts, _coverage(found), _design(found)]) + "\n"


def _head(found: Mapping[str, Any]) -> str:
    cases = "\n".join(f"- {case['name']}: {case['words']}" for case in found["cases"])
    return (
        "# Calibration of the tests and intervals\n\n"
        f"{found['repetitions']:,} simulated comparisons a case and number of seeds n an arm; permutation tests with "
        f"{found['permutations']:,} permutations, bootstrap intervals with {found['resamples']:,} resamples. Made by "
        "`python -m benchmarks.calibration`; all numbers with 99 % bounds (Clopper-Pearson) in "
        "[calibration.json](calibration.json). A p-value that is not defined (a constant cell) rejects nothing. "
        "Rates in per cent, at α = .05 / .01 / .001; **bold**: the lower bound of a false-positive rate is above α.\n\n"
        "The star is the larger of two p-values of Levene's median-centred test, the asymptotic one (Brown-Forsythe) "
        "and that of permuted residuals. With an even number of seeds the permutation test takes as the centre the one "
        f"of the two middle scores that makes least of the difference.\n\nCases:\n\n{cases}"
    )


def _verdict(found: Mapping[str, Any]) -> str:
    star = [row for row in found["rates"] if row["test"] == "star" and row["null"]]
    bad = [
        f"{row['case']}, n = {row['n']}, α = {alpha:g}"
        for row in star
        for alpha in STAR_ALPHAS
        if row["rates"][f"{alpha:g}"]["low"] > alpha
    ]
    lines = []
    for test in dict.fromkeys(row["test"] for row in found["rates"]):
        above = [row for row in found["above_level"] if row["test"] == test]
        where = "; ".join(f"{row['case']} n = {row['n']}" for row in above)
        lines.append([test, where or "nowhere"])
    says = f"does not keep its level: {'; '.join(bad)}" if bad else "keeps its level at .05 and .01 in every null case"
    return (
        f"## Which tests keep their level\n\nThe star {says}. Of all bounds about one in two hundred lies above α by "
        f"chance alone, where a test just reaches its level.\n\n{table(['test', 'above its level'], lines)}"
    )


def _rates(rows: Sequence[Mapping[str, Any]], tests: Sequence[str]) -> str:
    places = dict.fromkeys((row["case"], row["n"]) for row in rows)
    by_place = {(row["case"], row["n"], row["test"]): row for row in rows}
    head = ["case", "n", *tests]
    lines = [
        [case, str(n), *(_triple(by_place[case, n, test]) if (case, n, test) in by_place else "" for test in tests)]
        for case, n in places
    ]
    return table(head, lines)


def _triple(row: Mapping[str, Any]) -> str:
    return " / ".join(_rate(float(alpha), rate, row["null"]) for alpha, rate in _falling(row["rates"]))


def _falling(rates: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """By α from the largest, whatever the order of a file's keys."""
    return sorted(rates.items(), key=lambda item: -float(item[0]))


def _rate(alpha: float, rate: Mapping[str, float], null: bool) -> str:
    text = f"{100 * rate['rate']:.2f}" if alpha < 0.01 and null else f"{100 * rate['rate']:.1f}"
    return f"**{text}**" if null and rate["low"] > alpha else text


def _coverage(found: Mapping[str, Any]) -> str:
    rows = []
    for row in found["coverage"]:
        coverage = row.get("coverage")
        bounds = (
            ""
            if coverage is None or "low" not in coverage
            else f" ({100 * coverage['low']:.1f}–{100 * coverage['high']:.1f})"
        )
        held = "n/a" if coverage is None else f"{100 * coverage['rate']:.1f}{bounds}"
        rows.append([row["interval"], row["case"], str(row["n"]), held, f"{100 * row['estimable']:.1f}"])
    head = ["95 % interval", "case", "n", "holds the truth, %", "estimable, %"]
    return (
        "## Coverage of the intervals\n\nOf those that can be estimated: with a resample of standard deviation 0, as "
        f"five seeds nearly always give, there is no interval. Wilson's coverage is exact.\n\n{table(head, rows)}"
    )


def _design(found: Mapping[str, Any]) -> str:
    curves = found["seeds_needed"]
    columns = [f"seeds_{alpha:g}" for alpha in ALPHAS]
    head = ["assumed ratio", *(f"α = {alpha:g}" for alpha in ALPHAS)]
    rows = [[f"{row['ratio']:g}", *(str(row[name]) for name in columns)] for row in curves]
    return (
        "## Seeds needed\n\nAn arm, for power 0.8: Levene's median-centred test, asymptotic, normal scores, one "
        f"standard deviation so many times the other.\n\n{table(head, rows)}"
    )
