"""The answer in sentences, computed from the statistics."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from stabbench.analysis.frame import FAILED
from stabbench.analysis.gradients import Pair, contrast, failed_beside_successful, has_norms
from stabbench.analysis.place import Place
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.records.content import UNJUDGED
from stabbench.report import over_tasks, staged
from stabbench.report.beyond import beyond_the_noise
from stabbench.report.content import Content
from stabbench.report.numbers import counted, exponent, listed, p_equation, some

NAMED = 5
"""Names of a kind in a sentence; of the others it says how many there are."""
PAPER_LARGEST_LEARNING_RATE = 5e-5
"""The highest rate that the paper fine-tuned BERT with (Table 3)."""


def answer(content: Content, model: str) -> str:
    """Which strategy is the most stable on a model, in how many tasks and how surely, and how often runs fail.

    First what is known beyond the noise of the dev set, where predictions tell. A strategy without a rival is
    described and not called the most stable, and what cannot be tested is called so.
    """
    table = content.table[content.table["model"] == model]
    sentences = [
        beyond_the_noise(content, model),
        _smallest_std(content, table),
        _without_a_contest(content, table),
        over_tasks.answer(content, model),
        _failures(content, table),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _smallest_std(content: Content, table: pd.DataFrame) -> str:
    tasks = table["task"].nunique()
    best = table[table["best_std"]]
    if best.empty:
        return ""
    wins = best.groupby("strategy", sort=False)["task"].count()
    leaders = [str(name) for name in wins[wins == wins.max()].index]
    verb = "has" if len(leaders) == 1 else "each have"
    where = f"on {wins.max()} of {counted(tasks, 'task')}" if tasks > 1 else f"on {best['task'].iloc[0]}"
    mine = best[best["strategy"].isin(leaders)].sort_values("star", ascending=False, kind="stable")
    by_verdict: dict[str, list[str]] = {}
    for _, row in mine.iterrows():
        by_verdict.setdefault(verdict(content, row), []).append(str(row["task"]))
    pieces = [words if tasks == 1 else f"{words} on {some(names, NAMED)}" for words, names in by_verdict.items()]
    return f"{some(leaders, NAMED)} {verb} the smallest standard deviation {where}, {'; '.join(pieces)}."


def verdict(content: Content, row: pd.Series) -> str:
    """How surely the smallest std of a task, a row of `stability`, is smaller than the second smallest."""
    looks = content.looks.get(Place(str(row["model"]), str(row["task"])))
    if looks is not None and row["rival"]:
        return staged.verdict(looks, row)
    if row["star"]:
        return f"significantly smaller than the second smallest (p < {content.alpha:g})"
    if _equals(content, row):
        return "a tie"
    reason = untestable(content, row)
    if reason:
        return f"which cannot be tested: {reason}"
    return f"not significantly smaller than the second smallest (p ≥ {content.alpha:g})"


def untestable(content: Content, row: pd.Series) -> str:
    """Why the smallest std of a task, a row of `stability`, cannot be tested; empty where it can."""
    if not row["rival"]:
        equal = _equals(content, row)
        if equal:
            return f"it is a tie with {some(equal, NAMED)}"
        return "no other strategy of which at least half of the runs succeeded has a larger one"
    place = Place(str(row["model"]), str(row["task"]))
    if place in content.looks:
        return ""
    rows = content.rows(place)
    smallest = int(rows.loc[rows["strategy"].isin([row["strategy"], row["rival"]]), "n"].min())
    if smallest < MINIMUM_SEEDS:
        return f"fewer than {MINIMUM_SEEDS} seeds"
    column = "p_spread" if content.levene_center == "median" else "p_levene_mean"
    return "the test is not defined for these scores" if pd.isna(row[column]) else ""


def _equals(content: Content, row: pd.Series) -> list[str]:
    """The other strategies that have the smallest std of a task too."""
    rows = content.rows(Place(str(row["model"]), str(row["task"])))
    return [str(name) for name in rows.loc[rows["best_std"], "strategy"] if name != row["strategy"]]


def _without_a_contest(content: Content, table: pd.DataFrame) -> str:
    """What there is to say of the tasks on which no strategy has a rival: the spread of the one, or why none is."""
    places = [rows for _, rows in table.groupby("task", sort=False) if not rows["best_std"].any()]
    if not places:
        return ""
    tasks = [str(rows["task"].iloc[0]) for rows in places]
    on = "" if table["task"].nunique() == 1 else f" on {some(tasks, NAMED)}"
    if table["strategy"].nunique() == 1 and table["eligible"].all():
        spreads = [
            f"{_spread(content, rows.iloc[0])}{f' on {task}' if on else ''}"
            for task, rows in zip(tasks, places, strict=True)
        ]
        alone = f"{table['strategy'].iloc[0]} is the only strategy, so there is nothing to compare it with"
        return f"{alone}: {some(spreads, NAMED)}."
    cells = [row for rows in places for _, row in rows.iterrows()]
    reasons = [*dict.fromkeys(_left_out(content, row) for row in cells), *_elsewhere(table, places)]
    why = some([reason for reason in reasons if reason], NAMED)
    left = [row for row in cells if row["eligible"]]
    if not left:
        what = "no strategy can be called stable" if on else "none can be called stable"
        return f"Of the strategies{on} {what}: {why}."
    alone = f"; {left[0]['strategy']} alone is left, {_spread(content, left[0])}" if len(left) == 1 else ""
    return f"There is nothing to compare{on}: {why}{alone}."


def _elsewhere(table: pd.DataFrame, places: Sequence[pd.DataFrame]) -> list[str]:
    """Which strategies of the table have no runs at all on tasks without a contest."""
    tasks: dict[str, list[str]] = {}
    for rows in places:
        for name in table["strategy"].unique():
            if name not in set(rows["strategy"]):
                tasks.setdefault(str(name), []).append(str(rows["task"].iloc[0]))
    return [f"{name} has no runs on {some(absent, NAMED)}" for name, absent in tasks.items()]


def _spread(content: Content, row: pd.Series) -> str:
    shown = content.shown(row)
    std, low, high, iqr = (shown.text(float(row[name])) for name in ("std", "min", "max", "iqr"))
    return f"std {std}, from {low} to {high}, IQR {iqr}, over {counted(int(row['n']), 'seed')}"


def left_out(content: Content, row: pd.Series) -> str:
    """Why a cell, a row of `stability`, is neither best nor second smallest, after its name; empty where it may be."""
    n = int(row["n"])
    if n < 2:
        return f"has {'no finished run' if n == 0 else 'one finished run'}"
    if pd.notna(row["failed"]) and row["failed"] == n:
        return f"failed in all of its {n} runs"
    if pd.isna(row["std"]):
        return "has a diverged run without a score, as nobody says what a constant prediction scores"
    if row["std"] == 0:
        return f"has the same score in all of its {n} runs"
    why = content.seedless.get(Place(str(row["model"]), str(row["task"]), str(row["strategy"])))
    return f"does not seem to change with its seed ({why})" if why else ""


def _left_out(content: Content, row: pd.Series) -> str:
    reason = left_out(content, row)
    if not reason and row["mostly_failed"]:
        reason = f"failed in {row['failed']} of its {row['n']} runs"
    return f"{row['strategy']} {reason}" if reason else ""


def _failures(content: Content, table: pd.DataFrame) -> str:
    judged = table[table["failed"].notna()]
    if judged.empty:
        return "Nobody says which runs failed."
    sums = judged.groupby("strategy", sort=False)[["failed", "n"]].sum()
    sums = sums[sums["n"] > 0]
    if sums.empty:
        return "No run has finished." if not table["n"].any() else "Nobody says which runs failed."
    shares = sums["failed"] / sums["n"]
    if sums["failed"].sum() == 0:
        return f"None of the {sums['n'].sum()} runs failed."
    if len(sums) > 1 and shares.nunique() == 1:
        of = sums["n"].sum()
        if shares.iloc[0] == 1:
            return f"All {of} runs failed."
        return f"Of the {of} runs {sums['failed'].sum()} failed, of every strategy the same share."
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
    tests = [f"{row['task']} {p_equation(row['p_fisher'])}" for _, row in chosen.head(NAMED).iterrows()]
    more = f", and {len(chosen) - NAMED} tasks more" if len(chosen) > NAMED else ""
    return f" (Fisher's exact test by task: {', '.join(tests)}{more})"


def regime(content: Content, model: str) -> str:
    """A warning where a learning rate is above the paper's; empty where none is."""
    rates = {
        float(rate)
        for item in content.selection.cells
        if item.cell.model == model and (rate := item.cell.spec.recipe.get("learning_rate")) is not None
    }
    if max(rates, default=0.0) <= PAPER_LARGEST_LEARNING_RATE:
        return ""
    return (
        f"{model} was fine-tuned at a learning rate of up to {exponent(max(rates))}; the paper's largest for "
        f"BERT-large is {exponent(PAPER_LARGEST_LEARNING_RATE)}, and it saw no instability in BERT-base. A model "
        "that fails at a raised rate is in another regime: this report compares the strategies there, "
        "not at the paper's rate."
    )


def gradients(content: Content, place: Place) -> tuple[Pair | None, str]:
    """The pair of runs to draw and what their gradients show; without a pair, the reason."""
    cells = content.cells(place)
    pair = failed_beside_successful(cells)
    if pair is None:
        records = [record for cell in cells for record in cell.records.values()]
        statuses = {record.status for record in records}
        reason = "no run failed" if statuses <= {"ok"} else "no run succeeded"
        if UNJUDGED in statuses:
            reason = "no run is known to have succeeded" if statuses & {*FAILED} else "no run is known to have failed"
        return None, f"{place.model}, {place.task}: {reason}, so there is no failed run to set beside a successful one."
    missing = [run for run in (pair.failed, pair.successful) if not has_norms(run.record)]
    if missing:
        names = listed([f"{run.strategy} seed {run.seed}" for run in missing])
        return None, f"{place.model}, {place.task}: {names} recorded no gradient norms."
    return pair, _contrast_sentence(pair)


def _contrast_sentence(pair: Pair) -> str:
    start = (
        f"{pair.model}, {pair.task}: {pair.failed.strategy} seed {pair.failed.seed} failed, "
        f"{'its' if pair.same_cell else pair.successful.strategy} seed {pair.successful.seed} succeeded"
    )
    if not pair.same_cell:
        start += " (no cell has both)"
    layers = contrast(pair)
    if not layers:
        return f"{start}. In which layers the tensors of both lie is not known."
    ends = layers if len(layers) < 3 else (layers[0], layers[-1])
    numbers = "; ".join(f"{item.layer} {item.failed:.2g} against {item.successful:.2g}" for item in ends)
    return f"{start}. Median gradient norm over the second half of training, failed against successful: {numbers}."
