"""Every strategy against every other on the same model and task: spread, level and failures, with Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations

import numpy as np
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis import paired
from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.frame import CELL, finished, how_many
from stabbench.analysis.intervals import StdRatio, std_ratios
from stabbench.analysis.levels import mann_whitney, welch
from stabbench.analysis.permutation import PERMUTATION_SEED
from stabbench.analysis.spread import Array, ascending
from stabbench.analysis.variances import fligner_killeen, levene, permutation_p_values, spread_p_value
from stabbench.processes import parallel_map

P_VALUES = (
    "p_fisher",
    "p_levene_median",
    "p_levene_mean",
    "p_permutation",
    "p_spread",
    "p_log_std_ratio",
    "p_fligner",
    "p_welch",
    "p_mann_whitney",
)
"""Unpaired tests, all two-sided."""
PAIRED_P_VALUES = ("p_paired_pitman_morgan", "p_paired_swap", "p_paired_wilcoxon", "p_paired_mcnemar")
ADJUSTED = ("p_fisher", "p_levene_median", "p_spread", "p_welch", "p_mann_whitney")
COLUMNS = [
    *("model", "task", "strategy_a", "strategy_b", "n_a", "n_b", "failed_a", "failed_b"),
    *("std_ratio", "std_ratio_low", "std_ratio_high"),
    *P_VALUES,
    *(f"{name}_holm" for name in ADJUSTED),
    *("shared_seeds", "seed_correlation"),
    *PAIRED_P_VALUES,
]
_NUMBERS_AT_ONCE, _PAIRS_AT_ONCE = 50_000, 300
Row = dict[str, str | int | float | NAType | None]


def pairwise(runs: pd.DataFrame, executor: Executor | None = None) -> pd.DataFrame:
    """One row a pair of strategies on one model and task, over the finished runs of a frame; columns `COLUMNS`.

    `p_fisher` is on failures, `p_welch` and `p_mann_whitney` on the level, the other p-values of `P_VALUES` on spread;
    `std_ratio` is a's over b's with its 95 % bootstrap interval (NaN: not estimable). `*_holm` are adjusted over all
    pairs and tasks of the frame for which that p-value exists. `PAIRED_P_VALUES` and `seed_correlation` use the seeds
    that both strategies have finished. NaN is n/a; where it is not known which runs failed, `failed_*` are NA, and
    where a run has no score, all that is said of scores is NaN. What is drawn is drawn anew for every pair with one
    fixed seed. An `executor`'s processes share in the work.
    """
    used = finished(runs[[*CELL, "seed", "status", "score", "failed"]])
    places = [
        [_Cell.of(cell) for _, cell in part.groupby("strategy", sort=False, observed=True)]
        for _, part in used.groupby(["model", "task"], sort=False, observed=True)
    ]
    pairs = [pair for cells in places for pair in combinations(cells, 2)]
    rows = chain.from_iterable(parallel_map(executor, _rows, places))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table = table.astype({"failed_a": "Int64", "failed_b": "Int64"})
    samples = [(a.scores, b.scores) for a, b in pairs]
    parts = [samples[start : start + _PAIRS_AT_ONCE] for start in range(0, len(samples), _PAIRS_AT_ONCE)]
    permuted = parallel_map(executor, permutation_p_values, parts)
    table[["p_permutation", "p_log_std_ratio"]] = np.concatenate([np.empty((0, 2)), *permuted])
    table["p_spread"] = [
        spread_p_value(asymptotic, None if math.isnan(permutation) else permutation)
        for asymptotic, permutation in zip(table["p_levene_median"], table["p_permutation"], strict=True)
    ]
    numbers = [name for name in COLUMNS if name.startswith(("p_", "std_ratio", "seed_correlation"))]
    table[numbers] = table[numbers].astype("float64")
    for column in ADJUSTED:
        table[f"{column}_holm"] = holm(table[column])
    return table


@dataclass(frozen=True)
class _Cell:
    """One strategy on one model and task; `scores` `(n,)` are sorted."""

    names: tuple[str, str, str]
    scores: Array
    by_seed: paired.BySeed
    failed: int | NAType

    @classmethod
    def of(cls, runs: pd.DataFrame) -> _Cell:
        model, task, strategy = (str(runs[name].iloc[0]) for name in ("model", "task", "strategy"))
        scores = ascending(runs["score"].to_numpy(dtype=np.float64))
        return cls((model, task, strategy), scores, paired.BySeed.of(runs), how_many(runs["failed"]))


Tests = Mapping[str, Callable[[Array, Array], Array]]
"""Tests of many pairs of samples of the same sizes at once, by the column that takes their p-values."""

UNPAIRED: Tests = {
    "p_levene_median": levene,
    "p_levene_mean": partial(levene, center="mean"),
    "p_fligner": fligner_killeen,
    "p_welch": welch,
    "p_mann_whitney": mann_whitney,
}
PAIRED: Tests = {
    "seed_correlation": paired.seed_correlation,
    "p_paired_pitman_morgan": paired.pitman_morgan,
    "p_paired_swap": lambda a, b: paired.swap_tests(a, b, _random()),
    "p_paired_wilcoxon": paired.wilcoxon,
}


def _rows(cells: Sequence[_Cell]) -> list[Row]:
    pairs = list(combinations(cells, 2))
    shared = [paired.pairs(a.by_seed, b.by_seed) for a, b in pairs]
    scores = [(a.scores, b.scores) for a, b in pairs]
    ratios = std_ratios(scores, _random)
    tested = _tested(UNPAIRED, scores) | _tested(PAIRED, [(both.a, both.b) for both in shared])
    return [
        {**_row(*pair, shared[index], ratios[index]), **{name: p[index] for name, p in tested.items()}}
        for index, pair in enumerate(pairs)
    ]


def _tested(tests: Tests, samples: Sequence[tuple[Array, Array]]) -> dict[str, Array]:
    """What each test says of each pair of samples: shape `(pairs,)`."""
    found = {name: np.full(len(samples), math.nan) for name in tests}
    sizes: dict[tuple[int, int], list[int]] = {}
    for index, (a, b) in enumerate(samples):
        if not (np.isnan(a).any() or np.isnan(b).any()):
            sizes.setdefault((a.size, b.size), []).append(index)
    for (n_a, n_b), same in sizes.items():
        rows = max(1, _NUMBERS_AT_ONCE // max(1, n_a + n_b))
        for part in (same[start : start + rows] for start in range(0, len(same), rows)):
            left, right = (np.stack([samples[index][side] for index in part]) for side in (0, 1))
            for name, test in tests.items():
                found[name][part] = test(left, right)
    return found


def _row(a: _Cell, b: _Cell, shared: paired.Pairs, ratio: StdRatio) -> Row:
    model, task, strategy = a.names
    return {
        "model": model,
        "task": task,
        "strategy_a": strategy,
        "strategy_b": b.names[2],
        "n_a": a.scores.size,
        "n_b": b.scores.size,
        "failed_a": a.failed,
        "failed_b": b.failed,
        "std_ratio": ratio.ratio,
        "std_ratio_low": ratio.low,
        "std_ratio_high": ratio.high,
        "p_fisher": _fisher(a, b),
        "shared_seeds": shared.a.size,
        "p_paired_mcnemar": paired.mcnemar(shared.failed_a, shared.failed_b),
    }


def _random() -> np.random.Generator:
    return np.random.default_rng(PERMUTATION_SEED)


def _fisher(a: _Cell, b: _Cell) -> float | None:
    if isinstance(a.failed, NAType) or isinstance(b.failed, NAType):
        return None
    return fisher_exact(a.failed, a.scores.size, b.failed, b.scores.size)


def holm(p_values: pd.Series) -> pd.Series:
    """Holm's (1979) adjustment over the p-values that exist (NaN: n/a, which stays).

    The i-th smallest of n times n + 1 − i, at least as large as those before it and at most 1.
    """
    known = p_values.dropna().sort_values(kind="stable")
    adjusted = np.maximum.accumulate(known.to_numpy(dtype=np.float64) * np.arange(len(known), 0, -1))
    return pd.Series(np.minimum(adjusted, 1), index=known.index, dtype="float64").reindex(p_values.index)
