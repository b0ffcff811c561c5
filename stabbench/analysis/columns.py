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

OVER_TASKS = (
    Column(("tasks", "tasks_left_out"), "tasks that count, and those on which a cell's std says nothing",
           "over_tasks.over_tasks"),
    Column(("std_ratio", "std_ratio_low", "std_ratio_high", "tau"),
           "std of a over that of b, pooled over tasks with random effects, its 95 % interval, and the std of the true "
           "log ratios between tasks", "random_effects.pool"),
    Column(("new_task_low", "new_task_high"), "95 % prediction interval of the ratio measured on a new task",
           "random_effects.pool"),
    Column(("p_ratio",), "that the ratio is 1: t test", "equivalence.two_sided", adjusted=True),
    Column(("p_ratio_bh",), "the same, adjusted after Benjamini and Hochberg", "equivalence.benjamini_hochberg"),
    Column(("p_verdict",), "level at which the interval lies within one part of the scale",
           "equivalence.verdict_p_values", adjusted=True),
    Column(("verdict", "verdict_holm"), "which part that is, at .05: of the pair alone, and after Holm",
           "equivalence.verdicts"),
    Column(("improvement", "improvement_low", "improvement_high"),
           "probability that a run of a is better than one of b, mean over tasks, 95 % bootstrap interval",
           "level_over_tasks.improvement"),
)  # fmt: skip
"""Columns of pairs.csv of the chapter over tasks."""

STRATEGIES_OVER_TASKS = (
    Column(("tasks",), "tasks of the pair that has most", "over_tasks.steadiness"),
    Column(("relative_std", "tied"), "std over the geometric mean of all strategies'; letters of sets not told apart",
           "over_tasks.steadiness"),
    Column(("level_tasks", "n"), "tasks that all strategies have, and the runs on them", "level_tables.levels"),
    Column(("iqm", "iqm_low", "iqm_high"), "interquartile mean of those runs' scores, 95 % bootstrap interval",
           "level_over_tasks.interquartile_mean"),
)  # fmt: skip
"""Columns of strategies.csv of that chapter."""

TRAIN_ONCE = (
    Column(("n", "failed"), "finished and failed runs", "frame.frame"),
    Column(("failed_share", "failed_low", "failed_high"), "share that failed, Wilson's 95 % interval",
           "failures.wilson_interval"),
    Column(("mean", "median"), "of finished runs' scores", "spread.spread"),
    Column(("worst_tenth", "worst"), "score that one run in ten does not reach, and the worst run's",
           "train_once.train_once"),
    Column(("worst_fifth_mean",), "mean of the worst 20 % of the runs", "train_once.worst_mean"),
)  # fmt: skip
"""Columns of train-once.csv."""

NAMES = ("model", "task", "strategy", "strategy_a", "strategy_b", "metric", "majority")
"""Columns that are not computed."""
TABLES = {
    "stability.csv": STABILITY,
    "pairwise.csv": PAIRWISE,
    "over-tasks/pairs.csv": OVER_TASKS,
    "over-tasks/strategies.csv": STRATEGIES_OVER_TASKS,
    "train-once/train-once.csv": TRAIN_ONCE,
}
