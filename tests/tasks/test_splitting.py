"""Tables without a dev set: stratified, the same for the same seed, and no group on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stabbench.tasks.splitting import split_rows

LABELS = np.repeat([0, 1, 2], [60, 30, 10])[np.random.default_rng(0).permutation(100)]


def shares(labels: np.ndarray, rows: np.ndarray) -> list[float]:
    found: list[float] = (np.bincount(labels[rows], minlength=3) / rows.sum()).round(6).tolist()
    return found


@pytest.mark.parametrize("share", [None, 0.1, 0.2, 0.5, 0.7])
def test_a_share_of_the_rows_has_the_share_of_each_class(share: float | None) -> None:
    dev = split_rows(LABELS, share=share)
    assert dev.sum() == round(100 * (share or 0.2))
    assert shares(LABELS, dev) == shares(LABELS, ~dev) == [0.6, 0.3, 0.1]


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    groups = np.array([f"g{row % 25}" for row in range(100)], dtype=object)
    for more in ({}, {"folds": 5, "fold": 2}, {"groups": groups}):
        first, second, other = (split_rows(LABELS, **more, seed=seed) for seed in (7, 7, 8))
        assert (first == second).all()
        assert (first != other).any()


@pytest.mark.parametrize("groups", [None, np.array([f"g{row % 25}" for row in range(100)], dtype=object)])
@pytest.mark.parametrize("labels", [LABELS, LABELS + np.linspace(0, 0.5, 100)], ids=["classes", "numbers"])
def test_folds_are_disjoint_dev_sets_that_cover_all_rows(labels: np.ndarray, groups: np.ndarray | None) -> None:
    found = np.stack([split_rows(labels, groups, folds=4, fold=fold) for fold in (1, 2, 3, 4)])
    assert (found.sum(axis=0) == 1).all()
    for dev in found:
        assert 20 <= dev.sum() <= 30
        if groups is not None:
            assert not set(groups[dev]) & set(groups[~dev])
    if groups is None:
        assert found.sum(axis=1).tolist() == [25] * 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=8, max_size=60), st.integers(0, 3))
def test_no_group_is_on_both_sides(rows: list[tuple[int, int]], seed: int) -> None:
    labels = np.array([label for label, _ in rows])
    groups = np.array([f"g{group}" for _, group in rows], dtype=object)
    if len(set(groups)) < 3:
        with pytest.raises(ValueError, match="groups, which cannot be split into 3 parts"):
            split_rows(labels, groups, share=0.3, seed=seed)
        return
    dev = split_rows(labels, groups, share=0.3, seed=seed)
    assert 0 < dev.sum() < len(dev)
    assert not set(groups[dev]) & set(groups[~dev])


def test_numbers_are_split_alike_over_their_whole_range() -> None:
    labels = np.random.default_rng(1).lognormal(size=200)
    dev = split_rows(labels, share=0.25)
    edges = np.quantile(labels, np.linspace(0, 1, 11)[1:-1])
    assert np.bincount(np.searchsorted(edges, labels[dev], side="right"), minlength=10).tolist() == [5] * 10


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=2, max_size=40), st.floats(0.05, 0.5), st.integers(0, 3))
def test_train_keeps_a_row_of_each_class_at_least(labels: list[int], share: float, seed: int) -> None:
    classes = np.array(labels)
    dev = split_rows(classes, share=share, seed=seed)
    assert 0 < dev.sum() < len(dev)
    if len(set(labels)) < len(labels):
        assert set(classes[dev]) <= set(classes[~dev])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40), st.floats(0.05, 0.95))
def test_any_numbers_can_be_split(labels: list[float], share: float) -> None:
    dev = split_rows(np.array(labels), share=share)
    assert dev.sum() == min(max(1, round(share * len(labels))), len(labels) - 1)


@pytest.mark.parametrize(
    ("labels", "more", "message"),
    [
        ([0], {}, "1 row cannot be split"),
        ([0, 1], {"folds": 3}, "there are 2 rows, which cannot be split into 3 parts"),
        ([0, 1, 0, 1], {"groups": np.array(list("aaab"), dtype=object)}, "there are 2 groups, which cannot be split"),
        ([0, 1, 0], {"groups": np.array(list("aaa"), dtype=object), "share": 0.5}, "there are 1 groups"),
    ],
)
def test_what_cannot_be_split_is_told(labels: list[int], more: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_rows(np.array(labels), **more)  # type: ignore[arg-type]
