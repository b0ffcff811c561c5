"""The paper's claims about which strategies fail and how far their scores spread (table 1, figures 1 and 5).

What each verdict takes is written in the claim's docstring, so that nothing is decided after a number was seen.
"""

from __future__ import annotations

import math

from benchmarks.evidence.data import EvidenceCell
from benchmarks.evidence.rules import (
    CORRECTED,
    DEFAULT,
    HOLDS,
    LEVEL,
    LONG,
    MANY,
    MIXOUT,
    NOT,
    PAPERS_LEVEL,
    PART,
    RARE,
    UNKNOWN,
    Found,
    failed_of,
    failures_of,
    first_fails_more,
    not_run,
    ratio_of,
)  # fmt: skip
from stabbench.analysis.failures import fisher_exact, wilson_interval
from stabbench.report.numbers import exponent, interval, p_equation

NOISE_PAIRS = "studies/noise/noise-pairs.csv"
RATES = ("studies/bias-correction/correction.csv", "studies/ablation/correction.csv")
FEW_EPOCHS = 3
"""Epochs of the default recipe."""


def default_fails(cell: EvidenceCell) -> Found:
    """Holds with one failed run of devlin; does not hold with none of 20 or more."""
    side = cell.side(DEFAULT)
    if side is None or side.failed is None:
        return not_run(DEFAULT)
    shown = f"{failed_of(side)} ({interval(*wilson_interval(side.failed, side.n))})"
    if side.failed:
        return HOLDS, shown
    return (NOT if side.n >= MANY else UNKNOWN), shown


def correction_prevents(cell: EvidenceCell) -> Found:
    """Holds where devlin-bc fails less than devlin (Fisher, .05) and not surely above 10 %; not, where it does above.

    In part where both are so; nothing is told where devlin never fails or the test finds nothing.
    """
    return _prevents(cell, CORRECTED)


def long_prevents(cell: EvidenceCell) -> Found:
    """As for bias correction, of mosbach."""
    return _prevents(cell, LONG)


def _prevents(cell: EvidenceCell, remedy: str) -> Found:
    pair = cell.pair(DEFAULT, remedy)
    if pair is None or pair.first.failed is None or pair.second.failed is None:
        return not_run(DEFAULT, remedy)
    shown = failures_of(pair)
    if pair.first.failed == 0:
        return UNKNOWN, f"nothing to prevent: {shown}"
    fewer, significant = first_fails_more(pair), pair.number("p_fisher") <= LEVEL
    often = wilson_interval(pair.second.failed, pair.second.n)[0] > RARE
    if fewer and significant:
        return (PART if often else HOLDS), shown
    return (NOT if often or significant else UNKNOWN), shown


def more_rates_train(cell: EvidenceCell) -> Found:
    """Holds where over figure 5's learning rates together runs with it fail less (Fisher, .05); not, if more.

    Of the study bias-correction, or the 3 epochs of the ablation where that was not run.
    """
    measured = next((rows for path in RATES if len(rows := cell.rows(path))), None)
    if measured is None:
        return UNKNOWN, "not measured"
    rows = measured[measured["epochs"] == FEW_EPOCHS]
    (failed, n), (failed_with, n_with) = (
        (int(rows[f"failed_{side}"].sum()), int(rows[f"n_{side}"].sum())) for side in ("without", "with")
    )
    p = fisher_exact(failed, n, failed_with, n_with)
    if p is None:
        return UNKNOWN, f"no runs of {FEW_EPOCHS} epochs on both sides"
    by_rate = ", ".join(
        f"{exponent(row['learning_rate'])}: {row['failed_without']:.0f} and {row['failed_with']:.0f}"
        for row in rows.sort_values("learning_rate").to_dict("records")
    )
    shown = f"failed of {n} runs without and {n_with} with it, at {by_rate} ({p_equation(p)} over all)"
    if p > LEVEL:
        return UNKNOWN, shown
    return (HOLDS if failed_with * n < failed * n_with else NOT), shown


def mixout_helps_less(cell: EvidenceCell) -> Found:
    """Holds where mixout fails more than mosbach (Fisher, .05) or its std is larger (95 % interval); not, if reversed.

    In part where one is so and the other reversed.
    """
    pair = cell.pair(MIXOUT, LONG)
    if pair is None:
        return not_run(MIXOUT, LONG)
    worse = [pair.number("p_fisher") <= LEVEL and first_fails_more(pair), pair.number("std_ratio_low") > 1]
    better = [pair.number("p_fisher") <= LEVEL and not first_fails_more(pair), pair.number("std_ratio_high") < 1]
    shown = f"{failures_of(pair)}; std {ratio_of(pair)} times as large"
    if any(worse) and any(better):
        return PART, shown
    return (HOLDS if any(worse) else NOT if any(better) else UNKNOWN), shown


def steadier(cell: EvidenceCell) -> Found:
    """Holds where mosbach's std is smaller than devlin's and Levene's p is at most .001 from mean and from median.

    In part with one of them (the paper takes the mean); not, with neither and 20 runs or more a side, or a larger std.
    """
    pair = cell.pair(DEFAULT, LONG)
    if pair is None:
        return not_run(DEFAULT, LONG)
    ps = {"mean": pair.number("p_levene_mean"), "median": pair.number("p_spread")}
    if math.isnan(pair.number("std_ratio")) or any(map(math.isnan, ps.values())):
        return UNKNOWN, f"a cell without a std to compare: {failures_of(pair)}"
    shown = f"devlin's std is {ratio_of(pair)} times mosbach's, " + ", ".join(
        f"{p_equation(p)} ({centre})" for centre, p in ps.items()
    )
    below = [p <= PAPERS_LEVEL for p in ps.values()]
    if pair.number("std_ratio") <= 1:
        return NOT, shown
    many = min(pair.first.n, pair.second.n) >= MANY
    return (HOLDS if all(below) else PART if any(below) else NOT if many else UNKNOWN), shown


def beyond_noise(cell: EvidenceCell) -> Found:
    """Holds where mosbach's std beyond the dev set's noise is smaller than devlin's at .05; not, if it is larger."""
    pair = cell.pair(DEFAULT, LONG, NOISE_PAIRS)
    if pair is None:
        return UNKNOWN, "not measured"
    first, second, p = (pair.number(name) for name in ("beyond_a", "beyond_b", "p_beyond"))
    shown = f"beyond it devlin's std is {100 * first:.1f}, mosbach's {100 * second:.1f} (× 100), {p_equation(p)}"
    if math.isnan(p) or p > LEVEL:
        return UNKNOWN, shown
    return (HOLDS if second < first else NOT), shown
