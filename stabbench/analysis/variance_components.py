"""Where the variance of scores comes from: random effects of a crossed design head × data order × dropout.

After Dodge et al. (2020), who crossed initial heads with data orders. A run's score is

    mean + head + order + dropout + head:order + head:dropout + order:dropout + head:order:dropout,

each term an independent random effect. A run is a function of its seeds, so nothing is left beside the last term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stabbench.analysis.spread import Array, is_constant

FACTORS = ("head", "order", "dropout")
"""The random streams that are crossed."""
COMPONENTS: tuple[tuple[str, ...], ...] = (
    *(("head",), ("order",), ("dropout",)),
    *(("head", "order"), ("head", "dropout"), ("order", "dropout")),
    FACTORS,
)
"""The terms of the model: factors first, then the interactions."""
RESAMPLES = 4_000
_ROUNDING = 1e-12


def components(scores: Array, weights: Sequence[Array] | None = None) -> Array:
    """Variance components of scores `(…, heads, orders, dropouts)`, in the order of `COMPONENTS`: shape `(…, 7)`.

    Unbiased, so they can be negative: with equal weights they are the method-of-moments estimates of the balanced
    three-way analysis of variance. `weights`, three arrays `(…, levels)`, weigh the levels of each factor.

    They come from the covariance of two runs that share the levels of some factors and of no others, which is the sum
    of the components of those factors and of their interactions.
    """
    if weights is None:
        weights = [np.ones(size) for size in scores.shape[-3:]]
    centred = scores - scores.mean(axis=(-3, -2, -1), keepdims=True)
    variance = _half_squared_difference(centred, weights, ())
    covariances = {shared: variance - _half_squared_difference(centred, weights, shared) for shared in COMPONENTS[:-1]}
    covariances[FACTORS] = variance
    return np.stack([_component(term, covariances) for term in COMPONENTS], axis=-1)


def _component(term: Sequence[str], covariances: Mapping[tuple[str, ...], Array]) -> Array:
    """What the covariance of runs that share `term` has beyond those of runs that share a part of it."""
    parts = [
        (-1) ** (len(term) - len(shared)) * covariance
        for shared, covariance in covariances.items()
        if set(shared) <= set(term)
    ]
    return np.asarray(sum(parts))


def _half_squared_difference(scores: Array, weights: Sequence[Array], shared: Sequence[str]) -> Array:
    """Half of the mean squared difference between runs with the same level in `shared` only: shape `(…,)`."""
    pairs = _partners(np.ones_like(scores), weights, shared)
    products = scores * _partners(scores, weights, shared)
    whole = (-3, -2, -1)
    return np.asarray(((scores**2 * pairs).sum(axis=whole) - products.sum(axis=whole)) / pairs.sum(axis=whole))


def _partners(values: Array, weights: Sequence[Array], shared: Sequence[str]) -> Array:
    """For each run the weighted sum of `values` over the runs with the same level in `shared` and others elsewhere."""
    for axis, (factor, weight) in enumerate(zip(FACTORS, weights, strict=True), start=-3):
        across = np.expand_dims(weight, [other for other in (-3, -2, -1) if other != axis])
        weighed = across * values
        values = weighed if factor in shared else across * (weighed.sum(axis=axis, keepdims=True) - weighed)
    return values


def shares(estimates: Array) -> tuple[Array, Array]:
    """First-order and total shares of the factors from components `(…, 7)`: two arrays `(…, 3)`.

    Negative components count as 0. The first-order share of a factor is its own component's, the total share adds all
    interactions that it takes part in; total shares can sum to more than 1. NaN where no component is positive.
    """
    largest = estimates.max(axis=-1, keepdims=True)
    positive = np.where(estimates > _ROUNDING * largest, np.maximum(estimates, 0), 0)
    whole = positive.sum(axis=-1, keepdims=True)
    parts = np.divide(positive, whole, out=np.full_like(positive, np.nan), where=whole > 0)
    total = [parts[..., [factor in term for term in COMPONENTS]].sum(axis=-1) for factor in FACTORS]
    return parts[..., : len(FACTORS)], np.stack(total, axis=-1)


@dataclass(frozen=True)
class VarianceShares:
    """Components and shares of one crossed design; the factors' intervals have shape `(3, 2)`, a row a factor."""

    components: Array
    """As estimated, in the order of `COMPONENTS`; negative ones are not truncated."""
    first_order: Array
    total: Array
    first_order_interval: Array
    total_interval: Array
    interactions: float
    """The share of all interactions together."""
    interactions_interval: Array
    """Shape `(2,)`."""


def variance_shares(
    scores: Array, random: np.random.Generator, resamples: int = RESAMPLES, confidence: float = 0.95
) -> VarianceShares | None:
    """Shares of each factor in the variance of scores `(heads, orders, dropouts)`, with percentile intervals.

    The intervals are of the Bayesian bootstrap (Rubin, 1981) over the levels of each factor: every resample weighs the
    levels by flat Dirichlet draws, which unlike draws with replacement never leaves a factor with one level. In
    simulated designs with normal effects (four settings, 150 designs each) the 95 % intervals of a factor's share held
    the true one in 81 to 100 % at five levels and in 57 to 100 % at three.

    None where all scores are the same; ValueError where one is missing or a factor has one level.
    """
    if not np.isfinite(scores).all() or min(scores.shape) < 2:
        raise ValueError(f"found scores of shape {scores.shape}, expected finite ones at two levels a factor or more")
    if is_constant(scores.ravel()):
        return None
    weights = [random.dirichlet(np.ones(levels), resamples) for levels in scores.shape]
    estimates = components(scores)
    first_order, total = shares(estimates)
    if np.isnan(first_order).any():
        return None
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    drawn_first_order, drawn_total = shares(components(scores, weights))
    return VarianceShares(
        components=estimates,
        first_order=first_order,
        total=total,
        first_order_interval=np.nanquantile(drawn_first_order, tails, axis=0).T,
        total_interval=np.nanquantile(drawn_total, tails, axis=0).T,
        interactions=float(1 - first_order.sum()),
        interactions_interval=np.nanquantile(1 - drawn_first_order.sum(axis=-1), tails),
    )
