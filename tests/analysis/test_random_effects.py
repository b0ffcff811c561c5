from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.meta_analysis import combine_effects

from stabbench.analysis.random_effects import Pooled, paule_mandel, pool

EFFECTS = np.array([-0.62, 0.10, -0.95, -0.31, 0.22, -1.40])
VARIANCES = np.array([0.05, 0.02, 0.11, 0.04, 0.09, 0.06])
CLOSE = np.array([0.11, 0.10, 0.12, 0.09])


def one(effects: np.ndarray, variances: np.ndarray) -> dict[str, float]:
    found = pool(effects[None], variances[None])
    return {name: float(getattr(found, name)[0]) for name in Pooled.__dataclass_fields__}


def test_the_pooled_effect_and_its_interval_are_those_of_statsmodels() -> None:
    theirs = combine_effects(EFFECTS, VARIANCES, method_re="iterated", use_t=True, atol=1e-14)
    mine = one(EFFECTS, VARIANCES)
    assert mine["tau"] ** 2 == pytest.approx(theirs.tau2, rel=1e-8)
    assert mine["estimate"] == pytest.approx(theirs.mean_effect_re, rel=1e-8)
    assert mine["error"] == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-6)
    low, high = theirs.conf_int(use_t=True)[3]
    assert (mine["low"], mine["high"]) == pytest.approx((low, high), rel=1e-6)


def test_the_variance_between_tasks_is_the_root_of_its_equation() -> None:
    def excess(tau2: float) -> float:
        weights = 1 / (VARIANCES + tau2)
        mean = np.average(EFFECTS, weights=weights)
        return float(weights @ (EFFECTS - mean) ** 2 - (EFFECTS.size - 1))

    assert paule_mandel(EFFECTS[None], VARIANCES[None])[0] == pytest.approx(optimize.brentq(excess, 0, 10, xtol=1e-14))


def test_effects_that_lie_closer_than_chance_lets_them_do_not_make_the_interval_narrower() -> None:
    found = one(CLOSE, np.full(4, 0.04))
    assert found["tau"] == 0
    assert found["error"] == pytest.approx(np.sqrt(0.04 / 4))
    assert found["high"] - found["estimate"] == pytest.approx(stats.t.isf(0.025, 3) * 0.1)


def test_the_interval_of_a_new_task_holds_its_sampling_error_too() -> None:
    found = one(EFFECTS, VARIANCES)
    variance = found["tau"] ** 2 + found["error"] ** 2 + VARIANCES.mean()
    assert found["new_high"] - found["estimate"] == pytest.approx(stats.t.isf(0.025, 5) * np.sqrt(variance))


def test_a_task_without_an_effect_counts_in_its_row_alone() -> None:
    effects, variances = np.stack([EFFECTS, EFFECTS]), np.stack([VARIANCES, VARIANCES])
    effects[0, 2] = np.nan
    variances[0, 2] = np.nan
    found, without = pool(effects, variances), one(np.delete(EFFECTS, 2), np.delete(VARIANCES, 2))
    assert found.tasks.tolist() == [5, 6]
    for name, value in without.items():
        assert getattr(found, name)[0] == pytest.approx(value), name
    for name, value in one(EFFECTS, VARIANCES).items():
        assert getattr(found, name)[1] == pytest.approx(value), name


@pytest.mark.parametrize("known", [0, 1])
def test_under_two_tasks_there_is_nothing(known: int) -> None:
    effects = np.full((1, 3), np.nan)
    effects[0, :known] = 0.3
    found = pool(effects, np.full((1, 3), 0.1))
    assert found.tasks[0] == known
    assert all(np.isnan(getattr(found, name)[0]) for name in Pooled.__dataclass_fields__ if name != "tasks")


effects = st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=2, max_size=8)


@settings(deadline=None, max_examples=60)
@given(effects, st.floats(-2, 2), st.integers(0, 100))
def test_turning_all_effects_round_turns_the_interval_round_and_moving_them_moves_it(
    values: list[float], shift: float, seed: int
) -> None:
    y = np.array(values)
    v = np.random.default_rng(seed).uniform(0.01, 0.5, y.size)
    found, turned, moved = one(y, v), one(-y, v), one(y + shift, v)
    assert (turned["low"], turned["high"]) == pytest.approx((-found["high"], -found["low"]), abs=1e-8)
    assert moved["estimate"] == pytest.approx(found["estimate"] + shift, abs=1e-7)
    assert moved["tau"] == pytest.approx(found["tau"], abs=1e-6)
    assert found["new_low"] < found["low"] <= found["estimate"] <= found["high"] < found["new_high"]
    assert y.min() - 1e-9 <= found["estimate"] <= y.max() + 1e-9


def test_tasks_of_one_precision_count_alike() -> None:
    assert one(EFFECTS, np.full(6, 0.03))["estimate"] == pytest.approx(EFFECTS.mean())
    interval = one(EFFECTS, np.full(6, 0.003))
    theirs = stats.ttest_1samp(EFFECTS, 0).confidence_interval()
    assert (interval["low"], interval["high"]) == pytest.approx(tuple(theirs))
