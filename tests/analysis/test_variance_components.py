from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from stabbench.analysis.variance_components import COMPONENTS, FACTORS, components, shares, variance_shares

Array = npt.NDArray[np.float64]
VARIANCES = np.array([3.0, 2.0, 1.0, 0.5, 0.4, 0.2, 0.3])


def designs(count: int, levels: tuple[int, int, int], variances: Array, seed: int = 0) -> Array:
    """Scores `(count, *levels)` of random-effects designs with these components."""
    random = np.random.default_rng(seed)
    scores = np.full((count, *levels), 70.0)
    for term, variance in zip(COMPONENTS, variances, strict=True):
        shape = [size if factor in term else 1 for factor, size in zip(FACTORS, levels, strict=True)]
        scores = scores + np.sqrt(variance) * random.standard_normal((count, *shape))
    return scores


def balanced_anova(y: Array) -> Array:
    """The method of moments by its textbook: mean squares of the three-way table set equal to their expectations."""
    a, b, c = y.shape
    mean = y.mean()
    main = [y.mean(axis=axes, keepdims=True) - mean for axes in ((1, 2), (0, 2), (0, 1))]
    pairs = [
        y.mean(axis=other, keepdims=True) - mean - main[first] - main[second]
        for first, second, other in ((0, 1, 2), (0, 2, 1), (1, 2, 0))
    ]
    rest = y - mean - sum(main) - sum(pairs)
    freedom = [a - 1, b - 1, c - 1, (a - 1) * (b - 1), (a - 1) * (c - 1), (b - 1) * (c - 1)]
    squares = [
        float((np.broadcast_to(effect, y.shape) ** 2).sum()) / degrees
        for effect, degrees in zip([*main, *pairs], freedom, strict=True)
    ]
    error = float((rest**2).sum()) / ((a - 1) * (b - 1) * (c - 1))
    head, order, dropout, head_order, head_dropout, order_dropout = squares
    return np.array(
        [
            (head - head_order - head_dropout + error) / (b * c),
            (order - head_order - order_dropout + error) / (a * c),
            (dropout - head_dropout - order_dropout + error) / (a * b),
            (head_order - error) / c,
            (head_dropout - error) / b,
            (order_dropout - error) / a,
            error,
        ]
    )


@pytest.mark.parametrize("levels", [(2, 2, 2), (3, 3, 3), (5, 4, 3)])
def test_components_are_those_of_the_balanced_analysis_of_variance(levels: tuple[int, int, int]) -> None:
    for scores in designs(5, levels, VARIANCES):
        assert components(scores) == pytest.approx(balanced_anova(scores), abs=1e-9)


@pytest.mark.parametrize("levels", [(3, 3, 3), (5, 5, 5)])
def test_known_components_are_recovered_on_average_over_many_designs(levels: tuple[int, int, int]) -> None:
    estimates = components(designs(20_000, levels, VARIANCES))
    error = estimates.std(axis=0) / np.sqrt(len(estimates))
    assert (np.abs(estimates.mean(axis=0) - VARIANCES) < 4 * error).all()
    assert (error < 0.05).all()


def test_unequal_weights_of_the_levels_leave_the_components_unbiased() -> None:
    scores = designs(20_000, (4, 4, 4), VARIANCES)
    weights = [np.array([0.4, 0.3, 0.2, 0.1])] * 3
    estimates = components(scores, weights)
    error = estimates.std(axis=0) / np.sqrt(len(estimates))
    assert (np.abs(estimates.mean(axis=0) - VARIANCES) < 4 * error).all()


def test_neither_the_level_of_the_scores_nor_the_names_of_levels_matter() -> None:
    scores = designs(1, (4, 4, 4), VARIANCES)[0]
    moved = scores[[2, 0, 3, 1]][:, [3, 1, 0, 2]] + 1000
    assert components(moved) == pytest.approx(components(scores), abs=1e-8)


def test_an_additive_table_has_no_interactions() -> None:
    head, order, dropout = np.array([0.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5])
    scores = head[:, None, None] + order[:, None] + dropout
    assert components(scores) == pytest.approx([head.var(ddof=1), order.var(ddof=1), dropout.var(ddof=1), 0, 0, 0, 0])


def test_a_negative_component_is_kept_as_it_is_and_counts_as_nothing_in_the_shares() -> None:
    first_order, total = shares(np.array([2.0, -1.0, 0.0, 1.0, 0.0, 0.0, 1.0]))
    assert first_order == pytest.approx([0.5, 0, 0])
    assert total == pytest.approx([1.0, 0.5, 0.25])
    found = variance_shares(designs(1, (3, 3, 3), np.array([0, 0, 0, 0, 0, 0, 1.0]))[0], np.random.default_rng(0), 50)
    assert found is not None
    assert (found.components < 0).any()
    assert (found.first_order >= 0).all()


def test_a_score_that_depends_on_the_head_alone_is_all_the_heads() -> None:
    scores = np.broadcast_to(np.array([0.1, 0.5, 0.9])[:, None, None], (3, 3, 3))
    found = variance_shares(scores, np.random.default_rng(0), resamples=200)
    assert found is not None
    assert found.first_order == pytest.approx([1, 0, 0], abs=1e-9)
    assert found.total == pytest.approx([1, 0, 0], abs=1e-9)
    assert found.first_order_interval[0] == pytest.approx([1, 1], abs=1e-9)
    assert found.interactions == pytest.approx(0, abs=1e-9)


def test_intervals_hold_the_true_share_about_as_often_as_the_documentation_says() -> None:
    variances = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 3.0])
    random = np.random.default_rng(1)
    intervals = [
        found.first_order_interval
        for scores in designs(60, (5, 5, 5), variances)
        if (found := variance_shares(scores, random, resamples=300)) is not None
    ]
    held = [(low <= 1 / 6) & (high >= 1 / 6) for low, high in np.concatenate(intervals)]
    assert len(held) == 180
    assert 0.8 < np.mean(held) <= 1


def test_the_same_generator_gives_the_same_intervals() -> None:
    scores = designs(1, (3, 3, 3), VARIANCES)[0]
    one, two = (variance_shares(scores, np.random.default_rng(5), resamples=100) for _ in range(2))
    assert one is not None
    assert two is not None
    assert (one.total_interval == two.total_interval).all()


def test_a_constant_score_has_no_shares() -> None:
    assert variance_shares(np.full((3, 3, 3), 0.7), np.random.default_rng(0)) is None


def test_a_missing_run_and_a_single_level_are_refused() -> None:
    scores = designs(1, (3, 3, 3), VARIANCES)[0]
    with pytest.raises(ValueError, match="two levels"):
        variance_shares(scores[:1], np.random.default_rng(0))
    scores[0, 1, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        variance_shares(scores, np.random.default_rng(0))
