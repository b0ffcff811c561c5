"""Which function and test made each number: the columns of the tables with statistics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One or several columns of a table that one function makes."""

    names: tuple[str, ...]
    meaning: str
    function: str
    """Where it is made, below `stabbench.analysis`."""
    adjusted: bool = False
    """Whether `<name>_holm` stands beside it: adjusted after Holm over all pairs and tasks."""

    @property
    def all_names(self) -> tuple[str, ...]:
        """With those adjusted after Holm."""
        return (*self.names, *(f"{name}_holm" for name in self.names if self.adjusted))


STABILITY = (
    Column(("planned", "n"), "runs planned and finished", "frame.frame"),
    Column(("std", "mean", "max", "min", "median", "iqr"), "of finished runs' scores; std: ddof 1", "spread.spread"),
    Column(("std_successful",), "std (ddof 1) of the runs that did not fail", "spread.standard_deviation"),
    Column(("failed", "diverged", "collapsed"), "runs with that flag", "frame.frame"),
    Column(("failed_low", "failed_high"), "Wilson's 95 % interval of the share failed", "failures.wilson_interval"),
    Column(("eligible", "mostly_failed", "best_std", "best_mean", "best_max", "rival", "star"),
           "which cells are compared, which are best (max: by the best run), and the star", "stability.stability"),
    Column(("p_levene_median", "p_levene_mean"), "smallest against second smallest std: Levene's test, asymptotic",
           "variances.levene"),
    Column(("p_permutation",), "the same by permuting median-centred residuals", "permutation.permutation_tests"),
    Column(("p_spread",), "the star's: the larger of p_levene_median and p_permutation", "variances.spread_p_value"),
)  # fmt: skip
"""Columns of stability.csv."""

PAIRWISE = (
    Column(("n_a", "n_b", "failed_a", "failed_b"), "finished and failed runs", "frame.frame"),
    Column(("std_ratio", "std_ratio_low", "std_ratio_high"),
           "std of a over that of b, 95 % percentile bootstrap interval of its log; empty: not estimable",
           "intervals.std_ratio"),
    Column(("p_fisher",), "failures: Fisher's exact test", "failures.fisher_exact", adjusted=True),
    Column(("p_levene_median",), "spread: Levene's test, median-centred (Brown-Forsythe), asymptotic",
           "variances.levene", adjusted=True),
    Column(("p_levene_mean",), "spread: Levene's test, mean-centred (Levene, 1960), asymptotic", "variances.levene"),
    Column(("p_permutation", "p_log_std_ratio"),
           "spread: permutation of median-centred residuals, of Levene's statistic and of the log std ratio",
           "permutation.permutation_tests"),
    Column(("p_spread",), "spread, the star's: the larger of p_levene_median and p_permutation",
           "variances.spread_p_value", adjusted=True),
    Column(("p_fligner",), "spread: Fligner-Killeen test, asymptotic", "variances.fligner_killeen"),
    Column(("p_welch",), "level: Welch's t test", "levels.welch", adjusted=True),
    Column(("p_mann_whitney",), "level: Mann-Whitney test", "levels.mann_whitney", adjusted=True),
    Column(("shared_seeds",), "seeds that both have finished", "paired.pairs"),
    Column(("seed_correlation",), "Pearson's correlation of the scores over those seeds", "paired.seed_correlation"),
    Column(("p_paired_pitman_morgan",), "paired by seed, spread: Pitman-Morgan test", "paired.pitman_morgan"),
    Column(("p_paired_swap",), "paired by seed, spread: swaps of residuals, log std ratio", "paired.swap_tests"),
    Column(("p_paired_wilcoxon",), "paired by seed, level: Wilcoxon's signed-rank test", "paired.wilcoxon"),
    Column(("p_paired_mcnemar",), "paired by seed, failures: McNemar's exact test", "paired.mcnemar"),
)  # fmt: skip
"""Columns of pairwise.csv; p-values are two-sided."""

NAMES = ("model", "task", "strategy", "strategy_a", "strategy_b", "metric", "majority")
"""Columns that are not computed."""
TABLES = {"stability.csv": STABILITY, "pairwise.csv": PAIRWISE}
