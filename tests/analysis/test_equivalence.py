from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stabbench.analysis.equivalence import (
    REGION,
    benjamini_hochberg,
    check_region,
    holm_of_verdicts,
    parts,
    two_sided,
    verdict_p_values,
    verdicts,
)
from stabbench.errors import UserError

LOW, HIGH = (math.log(bound) for bound in REGION)


def said(estimate: float, error: float, freedom: float = 5.0) -> str:
    arrays = np.array([estimate]), np.array([error]), np.array([freedom])
    return verdicts(parts(arrays[0], REGION), pd.Series(verdict_p_values(*arrays, REGION)))[0]


@pytest.mark.parametrize(
    ("estimate", "error", "verdict"),
    [
        (-1.0, 0.1, "steadier"),
        (1.0, 0.1, "less steady"),
        (0.02, 0.03, "equivalent"),
        (0.02, 0.3, "unknown"),
        (-0.25, 0.1, "unknown"),
        (-1.0, math.nan, "descriptive"),
    ],
)
def test_a_verdict_is_the_part_of_the_scale_that_holds_the_whole_interval(
    estimate: float, error: float, verdict: str
) -> None:
    assert said(estimate, error) == verdict


@given(st.floats(-2, 2), st.floats(0.01, 1), st.integers(1, 20))
def test_a_verdict_stands_just_where_the_95_percent_interval_crosses_no_bound(
    estimate: float, error: float, freedom: int
) -> None:
    half = stats.t.isf(0.025, freedom) * error
    low, high = estimate - half, estimate + half
    if min(abs(end - bound) for end in (low, high) for bound in (LOW, HIGH)) < 1e-6:
        return
    expected = (
        "steadier"
        if high < LOW
        else "less steady"
        if low > HIGH
        else "equivalent"
        if low > LOW and high < HIGH
        else "unknown"
    )
    assert said(estimate, error, freedom) == expected


@given(st.floats(-2, 2), st.floats(0.01, 1), st.integers(1, 20))
def test_swapping_the_strategies_swaps_the_verdict(estimate: float, error: float, freedom: int) -> None:
    turned = {"steadier": "less steady", "less steady": "steadier"}
    found = said(estimate, error, freedom)
    if min(abs(abs(estimate) - HIGH), abs(abs(estimate) + LOW)) > 1e-9:
        assert said(-estimate, error, freedom) == turned.get(found, found)


def test_a_p_value_is_that_of_a_two_sided_t_test() -> None:
    p = two_sided(np.array([0.4]), np.array([0.2]), np.array([7.0]))
    assert p[0] == pytest.approx(2 * stats.t.sf(2.0, 7))


def test_adjustments_are_those_of_statsmodels_and_leave_out_what_has_no_p_value() -> None:
    p = pd.Series([0.01, math.nan, 0.04, 0.03, 0.2])
    expected = multipletests(p.dropna(), method="fdr_bh")[1]
    assert benjamini_hochberg(p).dropna().to_numpy() == pytest.approx(expected)
    assert math.isnan(benjamini_hochberg(p)[1])
    assert benjamini_hochberg(pd.Series([math.nan])).isna().all()


def test_claims_of_a_difference_and_of_equivalence_are_two_families_over_all_pairs() -> None:
    part = ["steadier", "equivalent", "less steady", "equivalent"]
    p = pd.Series([0.01, 0.02, 0.015, math.nan])
    found = holm_of_verdicts(part, p)
    assert found[[0, 1, 2]].tolist() == pytest.approx([0.03, 0.06, 0.03])
    assert math.isnan(found[3])
    family = multipletests([0.01, 1.0, 0.015], method="holm")[1]
    assert found[[0, 2]].tolist() == pytest.approx([family[0], family[2]])


@pytest.mark.parametrize("region", [(0.8,), (1.1, 1.3), (0.8, 0.9), (0, 2), (0.5, math.inf), (math.nan, 2), ()])
def test_a_region_that_does_not_lie_around_one_is_refused(region: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match=r"expected two ratios of standard deviations around 1"):
        check_region(region)
    assert check_region([0.5, 2]) == (0.5, 2.0)
