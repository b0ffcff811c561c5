"""Which rows of a table are the dev set, where nobody has said so."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.bool_]
DEV_SHARE = 0.2
"""Of a table that says nothing of it."""
BINS = 10
"""Equally full ranges of labels that are numbers, each of which is split alike."""


def split_rows(
    labels: NDArray[np.int64] | NDArray[np.float64],
    groups: NDArray[np.object_] | None = None,
    *,
    share: float | None = None,
    folds: int | None = None,
    fold: int | None = None,
    seed: int = 0,
) -> Rows:
    """Whether each row is of the dev set, shape `(n,)`: the same for the same seed.

    scikit-learn splits: a stratified shuffle for a share without groups, else one of equally large folds, stratified,
    in which no group is divided. Groups are as large as they are: with them a share is that of the nearest number of
    folds (0.2: one of five). A class's only row is for training, and where there are more classes than rows on a side,
    so is one row of each.

    Args:
        labels: classes, or numbers, which are stratified by `BINS` quantiles.
        groups: what each row belongs to.
        share: of the rows, above 0 and below 1.
        folds: 2 or more; then `fold`, counted from 1, is the one to take.
        fold: from 1 to `folds`.
        seed: of the shuffle.

    ValueError where there are fewer rows (or groups) than folds, or a part would be empty.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    classes = labels.dtype.kind in "iu"
    strata = labels.astype(np.int64) if classes else _quantiles(labels)
    rows = np.arange(len(labels))
    count = len(set(groups)) if groups is not None else len(labels)
    if folds is None and groups is None:
        size = min(max(1, round((share or DEV_SHARE) * len(labels))), len(labels) - 1)
        if size < 1:
            raise ValueError(f"{len(labels)} row cannot be split: add a file for dev")
        chosen = _stratified(strata, size, seed, classes=classes)
        if classes and np.setdiff1d(strata, np.delete(strata, chosen)).size:  # one row of each stays
            free = np.setdiff1d(rows, _for_training(strata, seed, each=True))
            chosen = np.random.RandomState(seed).permutation(free if len(free) else rows)[:size]
    else:
        parts = folds or max(2, round(1 / (share or DEV_SHARE)))
        if count < parts:
            what, todo = "rows", "ask for fewer folds"
            if groups is not None:
                what, todo = (
                    "groups",
                    f"name another column, or ask for fewer folds or dev_share {1 / max(2, count):.2g}",
                )
            raise ValueError(f"there are {count} {what}, which cannot be split into {parts} parts: {todo}")
        most = int(np.bincount(strata).max())
        if folds and most < folds:
            raise ValueError(f"folds: {folds} are more than the largest class or tenth of the labels has rows ({most})")
        if most < parts:  # there is nothing to stratify by
            strata = np.zeros_like(strata)
        if groups is None:
            each = _found(StratifiedKFold(parts, shuffle=True, random_state=seed).split, rows, strata)
        else:
            each = _found(StratifiedGroupKFold(parts, shuffle=True, random_state=seed).split, rows, strata, groups)
        chosen = each[(fold or 1) - 1]
    dev = np.zeros(len(labels), dtype=bool)
    dev[chosen] = True
    if dev.all() or not dev.any():
        raise ValueError("the groups are too large to be split: name another column, or add a file for dev")
    return dev


def _stratified(strata: NDArray[np.int64], size: int, seed: int, *, classes: bool) -> NDArray[np.int64]:
    """`size` rows with the same share of each stratum; of fewer rows on a side than there are strata any."""
    from sklearn.model_selection import StratifiedShuffleSplit

    counts, rows = np.bincount(strata), np.arange(len(strata))
    if min(size, len(strata) - size) < int(np.count_nonzero(counts)):
        return np.random.RandomState(seed).permutation(len(strata))[:size]
    if classes and 1 in counts:
        rows = np.setdiff1d(rows, _for_training(strata, seed, each=False))
    # Of numbers, a stratum of one row is put together with the largest: it has to have one for each side.
    joined = np.where(counts > 1, np.arange(len(counts)), counts.argmax())
    splitter = StratifiedShuffleSplit(1, test_size=size, random_state=seed)
    return rows[_found(splitter.split, rows, joined[strata[rows]])[0]]


def _quantiles(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Which of the equally full ranges each label is in."""
    edges = np.unique(np.quantile(labels, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, labels, side="right")


def _for_training(strata: NDArray[np.int64], seed: int, *, each: bool) -> NDArray[np.int64]:
    """The only row of every class that has no other; with `each` a row of every class."""
    order = np.random.RandomState(seed).permutation(len(strata))
    _, firsts, counts = np.unique(strata[order], return_index=True, return_counts=True)
    return order[firsts if each else firsts[counts == 1]]


def _found(split: object, *arguments: object) -> list[NDArray[np.int64]]:
    """The rows of each part; scikit-learn's warning of classes with fewer rows than folds is told by what follows."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [dev for _, dev in split(*arguments)]  # type: ignore[operator]
