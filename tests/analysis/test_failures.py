from __future__ import annotations

import math
from itertools import pairwise

import pytest
from scipy.stats import binomtest, hypergeom

from stabbench.analysis.failures import fisher_exact, wilson_interval


@pytest.mark.parametrize(("failed", "n"), [(0, 25), (1, 25), (9, 25), (25, 25), (3, 10)])
def test_the_wilson_interval_is_scipys(failed: int, n: int) -> None:
    expected = binomtest(failed, n).proportion_ci(method="wilson")
    assert wilson_interval(failed, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_runs_have_no_interval() -> None:
    assert all(math.isnan(bound) for bound in wilson_interval(0, 0))


def test_fishers_test_sums_the_tables_that_are_at_most_as_likely() -> None:
    tables = hypergeom(50, 12, 25)
    likely = tables.pmf(10)
    expected = sum(tables.pmf(k) for k in range(13) if tables.pmf(k) <= likely * (1 + 1e-9))
    assert fisher_exact(10, 25, 2, 25) == pytest.approx(expected)


def test_fishers_test_does_not_care_which_cell_comes_first_and_finds_no_difference_from_itself() -> None:
    assert fisher_exact(7, 25, 1, 20) == pytest.approx(fisher_exact(1, 20, 7, 25))
    assert fisher_exact(7, 25, 7, 25) == pytest.approx(1.0)


def test_more_failures_against_none_mean_a_smaller_p() -> None:
    p_values = [p for failed in range(8) if (p := fisher_exact(failed, 25, 0, 25)) is not None]
    assert len(p_values) == 8
    assert all(later <= earlier for earlier, later in pairwise(p_values))
    assert p_values[5] > 0.05 > p_values[6]


def test_a_cell_without_runs_gives_no_p_value() -> None:
    assert fisher_exact(0, 0, 3, 25) is None


@pytest.mark.parametrize(("failed", "n"), [(26, 25), (-1, 25)])
def test_more_failures_than_runs_are_refused(failed: int, n: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= failed <= n"):
        wilson_interval(failed, n)
    with pytest.raises(ValueError, match="expected 0 <= failed <= n"):
        fisher_exact(failed, n, 0, 25)
