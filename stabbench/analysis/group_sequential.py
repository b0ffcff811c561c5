"""Permutation tests with looks after stages of seeds, for many pairs of arms at once: spread and level.

As AdaStop (Mathieu et al., arXiv 2306.10882): what is permuted are the two arms' scores within each stage (of the
level: within each seed), the same permutations serve all looks, and at look k of K at most a share α k/K of them may
have crossed the boundaries so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stabbench.analysis.permutation import middle_ranks, smallest_ratio
from stabbench.analysis.spread import Array
from stabbench.analysis.variances import levene
from stabbench.looks import Question

Orders: TypeAlias = npt.NDArray[np.intp]
"""Permutations of the 2n scores of a stage, `(permutations + 1, 2n)`; the first is none."""
_TOLERANCE = 1e-9


def draw_orders(n: int, permutations: int, random: np.random.Generator, question: Question) -> Orders:
    """Permutations of one stage of `n` seeds an arm: of all scores for `spread`, for `level` swaps within seeds.

    Swapping the two arms' runs of a seed is exact wherever their difference is symmetric around 0: also where the arms
    spread differently, or their runs of a seed have something in common.
    """
    places = np.arange(2 * n)
    if question == "spread":
        drawn = random.permuted(np.broadcast_to(places, (permutations, 2 * n)), axis=1)
    else:
        swapped = np.tile(random.random((permutations, n)) < 0.5, 2)
        drawn = np.where(swapped, (places + n) % (2 * n), places)
    return np.concatenate([places[None], drawn])


def look(a: Array, b: Array, orders: Sequence[Orders], question: Question) -> Array:
    """The statistic of rows of two arms' scores `(rows, k n)` after k stages: `(rows, permutations + 1)`.

    The first column is what is seen, the others what the `orders` of each of the k stages make of it. `spread`:
    `permutation.levene_ratio` of the residuals from each arm's own median, centred again after permuting. `level`: the
    squared difference of the means, as a share of the scores' sum of squares. Both lie between 0 and 1.
    """
    if question == "level":
        return _level(a, b, orders)
    residuals = [x - np.median(x, axis=1, keepdims=True) for x in (a, b)]
    size = a.shape[1]
    moments = [_moments(mixed) for mixed in _mixed(residuals[0], residuals[1], orders)]
    return smallest_ratio(moments[0], moments[1], size, size)


def _mixed(a: Array, b: Array, orders: Sequence[Orders]) -> tuple[Array, Array]:
    """What each permutation within the stages makes of two arms: two of `(rows, permutations + 1, k n)`."""
    n = a.shape[1] // len(orders)
    mixed = [np.empty((len(a), len(orders[0]), a.shape[1])) for _ in range(2)]
    for start, order in zip(range(0, a.shape[1], n), orders, strict=True):
        both = np.concatenate([x[:, start : start + n] for x in (a, b)], axis=1)
        mixed[0][..., start : start + n] = both[:, order[:, :n]]
        mixed[1][..., start : start + n] = both[:, order[:, n:]]
    return mixed[0], mixed[1]


def _moments(scores: Array) -> list[tuple[Array, Array]]:
    """Mean of |x − centre| and the sum of squares around it, for each score in the middle; sorts `scores` in place."""
    scores.sort(axis=-1)
    n = scores.shape[-1]
    squares, total = np.einsum("...i,...i->...", scores, scores), scores.sum(axis=-1)
    found = []
    for middle in middle_ranks(n):
        signs = np.where(np.arange(1, n + 1) > middle, 1.0, -1.0)
        signs[middle - 1] = 2 * middle - 1 - n
        centre, mean = scores[..., middle - 1], scores @ signs / n
        found.append((mean, squares - 2 * centre * total + n * centre**2 - n * mean**2))
    return found


def _level(a: Array, b: Array, orders: Sequence[Orders]) -> Array:
    size, n = a.shape[1], a.shape[1] // len(orders)
    pooled = np.concatenate([a, b], axis=1)
    centre = pooled.mean(axis=1, keepdims=True)
    squares = ((pooled - centre) ** 2).sum(axis=1, keepdims=True)
    first = np.zeros((len(a), len(orders[0])))
    for start, order in zip(range(0, size, n), orders, strict=True):
        chosen = np.zeros((order.shape[0], 2 * n))
        np.put_along_axis(chosen, order[:, :n], 1.0, axis=1)
        first += (np.concatenate([x[:, start : start + n] for x in (a, b)], axis=1) - centre) @ chosen.T
    # the second arm's sum is minus the first's: between = 2 size (difference / 2)², difference = 2 first / size
    between = 2 * first**2 / size
    return np.asarray(np.divide(between, squares, out=np.zeros_like(between), where=squares > 0))


def asymptotic(a: Array, b: Array, question: Question) -> Array:
    """p-values `(rows,)` that spread is to have beside: Levene's median-centred, 1 where not defined; of level 0."""
    return np.nan_to_num(levene(a, b), nan=1.0) if question == "spread" else np.zeros(len(a))


def first_crossings(
    looks: Sequence[Array], asymptotics: Sequence[Array], alpha: float, stages: int
) -> npt.NDArray[np.intp]:
    """At which look of `looks` (of `stages` that are planned) each row is told apart at the level `alpha`; 0: at none.

    At look k the boundary is such that, of all permutations and what is seen, at most a share `alpha` k / `stages`
    has crossed this boundary or an earlier one, ties counting against. The row is told apart from the first look on at
    which what is seen has crossed a boundary and the asymptotic p-value is `alpha` k / `stages` at most, too. The
    seen row and its permutations are exchangeable where both arms' scores are: the level is exact then, however many
    permutations there are, and stays so when looks are left out.
    """
    rows, count = looks[0].shape
    alive = np.ones((rows, count), dtype=np.bool_)
    crossed = np.zeros(rows, dtype=np.bool_)
    found = np.zeros(rows, dtype=np.intp)
    spent = np.zeros(rows, dtype=np.intp)
    for number, (statistics, p) in enumerate(zip(looks, asymptotics, strict=True), start=1):
        share = alpha * number / stages
        left = int(share * count + _TOLERANCE) - spent
        ranked = np.where(alive, statistics, -np.inf)
        boundary = -np.take_along_axis(np.sort(-ranked, axis=1), left[:, None], axis=1)
        new = ranked > boundary + _TOLERANCE
        crossed |= new[:, 0]
        found[(found == 0) & crossed & (p <= share)] = number
        alive &= ~new
        spent += new.sum(axis=1)
    return found


def permutation_p(statistics: Array) -> Array:
    """The p-value of one look by itself: `(rows,)`."""
    return np.asarray((statistics >= statistics[:, :1] - _TOLERANCE).mean(axis=1))
