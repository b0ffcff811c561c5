"""The answer in sentences, computed from the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from stabbench.analysis.cautions import added_seeds, few_seeds, in_two_groups, stable_in_failure, unequal_seeds
from stabbench.analysis.frame import seed_list
from stabbench.analysis.gradients import LayerContrast, Pair, Run, contrast, failed_beside_successful
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.report.content import Content
from stabbench.report.numbers import counted, exponent, listed, p_equation, percent

LISTED_ERRORS, LONGEST_ERROR = 5, 200
"""Broken runs that are named, and characters of each one's message."""
PAPER_LARGEST_LEARNING_RATE = 5e-5
"""The highest rate that the paper fine-tuned BERT with (Table 3)."""


def answer(content: Content, model: str) -> str:
    """Which strategy is the most stable on a model, in how many tasks and how surely, and how often runs fail."""
    table = content.table[content.table["model"] == model]
    return f"{_smallest_std(content, table)} {_failures(content, table)}"


def _smallest_std(content: Content, table: pd.DataFrame) -> str:
    tasks = table["task"].nunique()
    best = table[table["best_std"]]
    if best.empty:
        return "No strategy has two finished runs of which at least half succeeded, so none can be called stable."
    wins = best.groupby("strategy", sort=False)["task"].count()
    leaders = [str(name) for name in wins[wins == wins.max()].index]
    verb = "has" if len(leaders) == 1 else "each have"
    where = f"on {wins.max()} of {counted(tasks, 'task')}" if tasks > 1 else f"on {best['task'].iloc[0]}"
    starred = [str(name) for name in best.loc[best["star"] & best["strategy"].isin(leaders), "task"]]
    surely = f"significantly smaller than the second smallest (p < {content.alpha:g}) on {listed(starred) or 'none'}"
    if tasks == 1:
        surely = f"{'' if starred else 'not '}significantly smaller than the second smallest (p < {content.alpha:g})"
    return f"{listed(leaders)} {verb} the smallest standard deviation {where}, {surely}."


def _failures(content: Content, table: pd.DataFrame) -> str:
    judged = table[table["failed"].notna()]
    if judged.empty:
        return "Nobody says which runs failed."
    sums = judged.groupby("strategy", sort=False)[["failed", "n"]].sum()
    sums = sums[sums["n"] > 0]
    if sums.empty:
        return "No run has finished."
    shares = sums["failed"] / sums["n"]
    if sums["failed"].sum() == 0:
        return f"None of the {sums['n'].sum()} runs failed."
    most, least = str(shares.idxmax()), str(shares.idxmin())
    failed, n = ({str(name): int(value) for name, value in sums[column].items()} for column in ("failed", "n"))
    text = f"Of its {n[most]} runs {most} failed in {failed[most]}"
    if most == least:
        return f"{text}."
    text = f"{text}, {least} in {failed[least]} of {n[least]}"
    return f"{text}{_where_it_shows(content, table, most, least)}."


def _where_it_shows(content: Content, table: pd.DataFrame, most: str, least: str) -> str:
    pairs = content.pairs[content.pairs["model"] == table["model"].iloc[0]]
    both = pairs[["strategy_a", "strategy_b"]].isin([most, least]).all(axis=1)
    chosen = pairs[both & pairs["p_fisher"].notna()]
    if chosen.empty:
        return ""
    tests = [f"{row['task']} {p_equation(row['p_fisher'])}" for _, row in chosen.iterrows()]
    return f" (Fisher's exact test by task: {', '.join(tests)})"


def regime(content: Content, model: str) -> str:
    """A warning where a learning rate is above the paper's; empty where none is."""
    rates = {
        float(item.cell.spec["recipe"]["learning_rate"]) for item in content.selection.cells if item.cell.model == model
    }
    if max(rates, default=0.0) <= PAPER_LARGEST_LEARNING_RATE:
        return ""
    return (
        f"{model} was fine-tuned at a learning rate of up to {exponent(max(rates))}; the paper's largest for "
        f"BERT-large is {exponent(PAPER_LARGEST_LEARNING_RATE)}, and it saw no instability in BERT-base. A model "
        "that fails at a raised rate is in another regime: this report compares the strategies there, "
        "not at the paper's rate."
    )


@lru_cache(maxsize=1)
def warnings(content: Content) -> tuple[str, ...]:
    """What a reader must know before trusting the table: missing runs and what `analysis.cautions` finds."""
    found = []
    table = content.table
    if not content.complete:
        parts = [
            f"{row['model']}/{row['task']}/{row['strategy']} n = {row['n']}/{row['planned']}"
            for _, row in table[table["n"] < table["planned"]].iterrows()
        ]
        found.append(f"This report is incomplete: {', '.join(parts)}.")
        found += _broken(content)
    if len(content.traced) < len(content.places):
        within = (
            f"; what their runs recorded within training (curves, gradient norms, predictions) is looked into for the "
            f"first {len(content.traced)}"
            if content.recorded
            else ""
        )
        found.append(
            f"Scores are drawn for the first {len(content.drawn)} of {len(content.places)} pairs of a model and a task"
            f"{within}. The tables, tests and scores hold all of them."
        )
    few = few_seeds(table)
    if len(few):
        found.append(
            f"{counted(len(few), 'cell')} of {len(table)} with fewer than {MINIMUM_SEEDS} seeds: the tests have next "
            "to no power there, so no star is given."
        )
    unjudged = list(table.loc[table["failed"].isna(), "task"].unique())
    if unjudged:
        found.append(
            f"Which runs failed is not known on {listed(unjudged)}: none is counted there, and a cell all of whose "
            "runs failed can have the smallest std."
        )
    in_failure = [
        f"{row['strategy']} on {row['task']} ({row['model']}; {row['failed']} of {row['n']} runs failed, std "
        f"{percent(row['std'])})"
        for _, row in stable_in_failure(table).iterrows()
    ]
    if in_failure:
        found.append(f"Stable in failure, and therefore not called stable: {listed(in_failure)}.")
    return (*found, *_two_groups(content), *_seeds(content))


def _broken(content: Content) -> list[str]:
    broken = [
        f"seed {seed} of {item.cell.name}: {' '.join(message.split())[:LONGEST_ERROR]}"
        for item in content.selection.cells
        for seed, message in item.errors.items()
    ]
    more = f"; and {len(broken) - LISTED_ERRORS} more" if len(broken) > LISTED_ERRORS else ""
    return [f"{counted(len(broken), 'run')} broke: {'; '.join(broken[:LISTED_ERRORS])}{more}."] if broken else []


def _two_groups(content: Content) -> list[str]:
    cells = [
        f"{names['strategy']} on {names['task']} ({names['model']}; {groups.lower} runs around "
        f"{percent(groups.mean_lower)}, {groups.higher} around {percent(groups.mean_higher)})"
        for names, groups in in_two_groups(content.runs)
    ]
    if not cells:
        return []
    return [
        f"Scores in two groups, which mean and std describe badly: {listed(cells)}. Look at the score of every seed."
    ]


def _seeds(content: Content) -> list[str]:
    added = [f"seeds {seed_list(seeds)} of {name}" for name, seeds in added_seeds(content.selection.cells).items()]
    unequal = [
        f"{task} ({model}: {', '.join(f'{name} {count}' for name, count in counts.items())})"
        for model, task, counts in unequal_seeds(content.runs)
    ]
    found = []
    if added:
        found.append(
            f"Added after the first runs of their cell were trained: {listed(added)}. Where seeds are added after a "
            "look at the results, p-values no longer mean what they say."
        )
    if unequal:
        found.append(f"Strategies have different seeds planned on {listed(unequal)}: seeds may have been added later.")
    return found


def gradients(content: Content, model: str, task: str) -> tuple[Pair | None, str]:
    """The pair of runs to draw and what their gradients show; without a pair, the reason."""
    cells = content.cells(model, task)
    pair = failed_beside_successful(cells)
    if pair is None:
        records = [record for cell in cells for record in cell.records.values()]
        reason = "no run failed" if all(record.status == "ok" for record in records) else "no run succeeded"
        return None, f"{model}, {task}: {reason}, so there is no failed run to set beside a successful one."
    missing = [run for run in (pair.failed, pair.successful) if "gradnorms.parquet" not in run.record.data["files"]]
    if missing:
        return None, f"{model}, {task}: {_runs(missing)} recorded no gradient norms."
    return pair, _contrast_sentence(pair)


def _runs(runs: Sequence[Run]) -> str:
    return listed([f"{run.strategy} seed {run.seed}" for run in runs])


def _contrast_sentence(pair: Pair) -> str:
    start = (
        f"{pair.model}, {pair.task}: {pair.failed.strategy} seed {pair.failed.seed} failed, "
        f"{'its' if pair.same_cell else pair.successful.strategy} seed {pair.successful.seed} succeeded"
    )
    if not pair.same_cell:
        start += " (no cell has both)"
    layers = contrast(pair)
    if not layers:
        return f"{start}."
    numbers = "; ".join(f"{item.layer} {item.failed:.2g} against {item.successful:.2g}" for item in _ends(layers))
    return f"{start}. Median gradient norm over the second half of training, failed against successful: {numbers}."


def _ends(items: Sequence[LayerContrast]) -> Sequence[LayerContrast]:
    return items if len(items) < 3 else [items[0], items[-1]]
