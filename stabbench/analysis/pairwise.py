"""Every strategy against every other on the same model and task: spread, level and failures, with Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis import paired
from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.frame import CELL, finished, how_many
from stabbench.analysis.intervals import StdRatio, std_ratios
from stabbench.analysis.levels import mann_whitney, welch
from stabbench.analysis.permutation import RESAMPLED_UP_TO, permutation_tests
from stabbench.analysis.spread import ascending
from stabbench.analysis.stability import PERMUTATION_SEED
from stabbench.analysis.variances import comparable, fligner_killeen, levene, spread_p_value
from stabbench.processes import shared_out

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
Array = npt.NDArray[np.float64]
Row = dict[str, str | int | float | NAType | None]


def pairwise(runs: pd.DataFrame, executor: Executor | None = None) -> pd.DataFrame:
    """One row a pair of strategies on one model and task, over the finished runs of a frame; columns `COLUMNS`.

    `p_fisher` is on failures, `p_welch` and `p_mann_whitney` on the level, the other p-values of `P_VALUES` on spread;
    `std_ratio` is a's over b's with its 95 % bootstrap interval (NaN: not estimable). `*_holm` are adjusted over all
    pairs and tasks of the frame for which that p-value exists. `PAIRED_P_VALUES` and `seed_correlation` use the seeds
    that both strategies have finished. NaN is n/a; where it is not known which runs failed, `failed_*` are NA. What is
    drawn is drawn anew for every pair with one fixed seed. An `executor`'s processes share in the work.
    """
    used = finished(runs[[*CELL, "seed", "status", "score", "failed"]])
    places = [
        [_Cell.of(cell) for _, cell in part.groupby("strategy", sort=False, observed=True)]
        for _, part in used.groupby(["model", "task"], sort=False, observed=True)
    ]
    pairs = [pair for cells in places for pair in combinations(cells, 2)]
    rows = chain.from_iterable(shared_out(executor, _rows, places))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table = table.astype({"failed_a": "Int64", "failed_b": "Int64"})
    table[["p_permutation", "p_log_std_ratio"]] = _permutation([(a.scores, b.scores) for a, b in pairs])
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


def _rows(cells: Sequence[_Cell]) -> list[Row]:
    pairs = list(combinations(cells, 2))
    ratios = std_ratios([(a.scores, b.scores) for a, b in pairs], _random)
    return [_row(a, b, ratio) for (a, b), ratio in zip(pairs, ratios, strict=True)]


def _row(a: _Cell, b: _Cell, ratio: StdRatio) -> Row:
    model, task, strategy = a.names
    shared = paired.pairs(a.by_seed, b.by_seed)
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
        "p_levene_median": levene(a.scores, b.scores, "median"),
        "p_levene_mean": levene(a.scores, b.scores, "mean"),
        "p_fligner": fligner_killeen(a.scores, b.scores),
        "p_welch": welch(a.scores, b.scores),
        "p_mann_whitney": mann_whitney(a.scores, b.scores),
        "shared_seeds": shared.a.size,
        "seed_correlation": paired.seed_correlation(shared.a, shared.b),
        "p_paired_pitman_morgan": paired.pitman_morgan(shared.a, shared.b),
        "p_paired_swap": paired.swap_test(shared.a, shared.b, _random()),
        "p_paired_wilcoxon": paired.wilcoxon(shared.a, shared.b),
        "p_paired_mcnemar": paired.mcnemar(shared.failed_a, shared.failed_b),
    }


def _permutation(samples: Sequence[tuple[Array, Array]]) -> Array:
    """Permutation p-values of Levene's statistic and of the log std ratio: shape `(pairs, 2)`, NaN where undefined."""
    found = np.full((len(samples), 2), math.nan)
    sizes: dict[tuple[int, ...], list[int]] = {}
    for index, (a, b) in enumerate(samples):
        if comparable(a, b) and max(a.size, b.size) <= RESAMPLED_UP_TO:
            sizes.setdefault(tuple(sorted((a.size, b.size))), []).append(index)
    for same in sizes.values():
        by_size = [sorted(samples[index], key=lambda x: x.size) for index in same]
        small, large = (np.stack([pair[side] for pair in by_size]) for side in (0, 1))
        p_values = permutation_tests(small, large, _random())
        found[same] = np.stack([p_values.levene, p_values.log_std_ratio], axis=1)
    return found


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
