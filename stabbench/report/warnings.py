"""What a reader must know before trusting the tables: a sentence each, and every cell that it is about for a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from stabbench.analysis.frame import finished, seed_list
from stabbench.analysis.place import Place
from stabbench.analysis.seed_sanity import CAUSES
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.analysis.warnings import (
    few_seeds,
    in_two_groups,
    same_runs,
    stable_in_failure,
)
from stabbench.report.beyond import mostly_noise
from stabbench.report.content import Content
from stabbench.report.numbers import counted, some
from stabbench.report.per_example import per_example
from stabbench.report.report_warning import EXAMPLES, ReportWarning
from stabbench.report.reported import mixed
from stabbench.report.seed_warnings import added, by_stages, looks_declared_later, unequal

LISTED_ERRORS, LONGEST_ERROR = 5, 200
"""Broken runs that are named, and characters of each one's message."""
_WAY_OUT = "Declare what a constant prediction scores there (the trivial score of the metric or the task)."


@lru_cache(maxsize=1)
def warnings_of(content: Content) -> tuple[ReportWarning, ...]:
    """Missing and broken runs, and what `analysis.warnings` and `analysis.seed_sanity` find; few words for any grid."""
    kinds = (
        _incomplete, _absent, _broken, _metrics, mixed, _direction, _left_out_of_figures, _seedless, _same_runs,
        _few_seeds, _unjudged, _unscored, _in_failure, _two_groups, _noise, by_stages, looks_declared_later,
        added, unequal,
    )  # fmt: skip
    return tuple(found for kind in kinds if (found := kind(content)) is not None)


def table(content: Content) -> pd.DataFrame:
    """Every cell that a warning is about, a row each: what tables/warnings.csv holds."""
    rows = [(item.kind, *place, what) for item in warnings_of(content) for place, what in item.about]
    return pd.DataFrame(rows, columns=["warning", "model", "task", "strategy", "what"])


def _named(content: Content, about: Sequence[tuple[Place, str]], most: int = EXAMPLES) -> str:
    """The first cells, each with what is said of it in brackets."""
    several = len(content.models) > 1
    texts = []
    for (model, task, strategy), what in about:
        where = f"{task} ({model}" if several else f"{task} ("
        text = f"{strategy} on {where}" if strategy else where
        texts.append(f"{text}{'; ' if several and what else ''}{what})" if several or what else text[:-2])
    return some(texts, most)


def _absent(content: Content) -> ReportWarning | None:
    """Planned cells that nothing was trained of."""
    if not content.absent:
        return None
    about = [(place, "no run") for place in content.absent]
    named = some([place.name for place in content.absent], 2 * EXAMPLES)
    are = "is" if len(about) == 1 else "are"
    sentence = f"Of {counted(len(about), 'planned cell')} there {are} no runs, and no table has any: {named}."
    return ReportWarning("cells without a run", sentence, about)


def _incomplete(content: Content) -> ReportWarning | None:
    if content.complete:
        return None
    rows = content.table[content.table["n"] < content.table["planned"]]
    about = [(_cell(row), f"n = {row['n']}/{row['planned']}") for _, row in rows.iterrows()]
    parts = some([f"{place.name} {what}" for place, what in about], 2 * EXAMPLES)
    missing = int((rows["planned"] - rows["n"]).sum())
    where = f" ({counted(missing, 'run')} of {counted(len(about), 'cell')})" if len(about) > 2 * EXAMPLES else ""
    return ReportWarning("incomplete", f"This report is incomplete{where}: {parts}.", about)


def _broken(content: Content) -> ReportWarning | None:
    broken = [
        (Place.of(item.cell), seed, " ".join(message.split())[:LONGEST_ERROR])
        for item in content.selection.cells
        for seed, message in item.errors.items()
    ]
    if not broken:
        return None
    about = [(place, f"seed {seed}: {text}") for place, seed, text in broken]
    named = "; ".join(f"seed {seed} of {place.name}: {text}" for place, seed, text in broken[:LISTED_ERRORS])
    more = f"; and {len(broken) - LISTED_ERRORS} more" if len(broken) > LISTED_ERRORS else ""
    return ReportWarning("broken", f"{counted(len(broken), 'run')} broke: {named}{more}.", about)


def _metrics(content: Content) -> ReportWarning | None:
    """Records of a folder that several people's code filled; a plan has one headline metric a task."""
    if not content.recorded:
        return None
    mixed = content.table.groupby("task", sort=False, observed=True)["metric"].transform("nunique") > 1
    about = [(_cell(row), str(row["metric"])) for _, row in content.table[mixed].iterrows()]
    if not about:
        return None
    sentence = (
        "The numbers of a task are of different metrics, and say nothing about each other: "
        f"{_named(content, about, 2 * EXAMPLES)}. Record its runs by one (metric=…, --metric)."
    )
    return ReportWarning("different metrics", sentence, about)


def _direction(content: Content) -> ReportWarning | None:
    """Where somebody's table is compared, its notes say so."""
    strange = [name for name in map(str, content.table["metric"].unique()) if not content.scoring.is_known(name)]
    if not strange or not content.recorded:
        return None
    rows = content.table[content.table["metric"].isin(strange)]
    about = list(dict.fromkeys((_cell(row).whole, str(row["metric"])) for _, row in rows.iterrows()))
    sentence = (
        f"Which way is better is not known by the name of {some(strange, EXAMPLES)}: the higher was taken to be. If "
        f"the lower is, record it under a name that ends in loss or error ({strange[0]}_error)."
    )
    return ReportWarning("direction", sentence, about)


def _left_out_of_figures(content: Content) -> ReportWarning | None:
    if len(content.traced) == len(content.places):
        return None
    within = (
        f"; what their runs recorded within training (curves, gradient norms, predictions) is looked into for the "
        f"first {len(content.traced)}"
        if content.recorded
        else ""
    )
    return ReportWarning(
        "drawn",
        f"Scores are drawn for the first {len(content.drawn)} of {len(content.places)} pairs of a model and a task"
        f"{within}. The tables, tests and scores hold all of them.",
    )


def _seedless(content: Content) -> ReportWarning | None:
    about = list(content.seedless.items())
    if not about:
        return None
    sentence = (
        f"The seed changes nothing, or hardly anything, in {counted(len(about), 'cell')} of {len(content.table)}, "
        f"which no table calls best: {_named(content, about)}. The usual causes: {CAUSES}."
    )
    return ReportWarning("seed", sentence, about)


def _same_runs(content: Content) -> ReportWarning | None:
    found = same_runs(content.runs, content.table)
    if not found:
        return None
    about = []
    for place, names in found:
        for name in names:
            others = some([other for other in names if other != name], EXAMPLES)
            about.append((place._replace(strategy=name), f"the same scores as {others}"))
    named = some([f"{some(names, EXAMPLES)} on {content.heading(place)}" for place, names in found], EXAMPLES)
    sentence = (
        f"Strategies with the same score under every seed: {named}. An option without effect on any "
        "score, or one run's results under two names."
    )
    return ReportWarning("same runs", sentence, about)


def _few_seeds(content: Content) -> ReportWarning | None:
    about = [(_cell(row), f"n = {row['n']}") for _, row in few_seeds(content.table).iterrows()]
    if not about:
        return None
    sentence = (
        f"{counted(len(about), 'cell')} of {len(content.table)} with fewer than {MINIMUM_SEEDS} seeds: the tests have "
        "next to no power there, so no star is given."
    )
    return ReportWarning("few seeds", sentence, about)


def _unjudged(content: Content) -> ReportWarning | None:
    unknown = content.table["failed"].isna()
    judged = content.table[~unknown]
    partly = {_cell(row).whole for _, row in judged.iterrows()}
    cells = [_cell(row) for _, row in content.table[unknown].iterrows()]
    about = [(place, "") for place in dict.fromkeys(cell if cell.whole in partly else cell.whole for cell in cells)]
    if not about:
        return None
    if any(place.strategy for place, _ in about):
        sentence = (
            f"Which runs failed is not known of {_named(content, about)}: none is counted there, and a cell all of "
            f"whose runs failed can have the smallest std. {_WAY_OUT}"
        )
        return ReportWarning("unjudged", sentence, about)
    names = list(dict.fromkeys(place.task for place, _ in about))
    tasks = content.table["task"].nunique()
    on = some(names, EXAMPLES)
    if len(names) > EXAMPLES:
        on = f"{'all' if len(names) == tasks else f'{len(names)} of'} {tasks} tasks ({on})"
    sentence = (
        f"Which runs failed is not known on {on}: none is counted there, and a cell all of whose runs failed can have "
        "the smallest std."
    )
    return ReportWarning("unjudged", f"{sentence} {_WAY_OUT}" if content.recorded else sentence, about)


def _unscored(content: Content) -> ReportWarning | None:
    runs = finished(content.runs)
    runs = runs[runs["score"].isna()]
    seeds: dict[Place, list[int]] = {}
    for _, row in runs.iterrows():
        seeds.setdefault(_cell(row), []).append(int(row["seed"]))
    about = [(cell, f"seed{'s' * (len(each) > 1)} {seed_list(each)}") for cell, each in seeds.items()]
    if not about:
        return None
    named = some([f"{what} of {cell.name}" for cell, what in about], EXAMPLES)
    sentence = (
        f"Runs diverged and have no score: {named}. A diverged run counts with what a constant prediction scores, "
        "which nobody says there, so std, mean and the tests of such a cell are n/a, not those of its other runs. "
        f"{_WAY_OUT}"
    )
    return ReportWarning("without score", sentence, about)


def _in_failure(content: Content) -> ReportWarning | None:
    about = []
    for _, row in stable_in_failure(content.table).iterrows():
        std = content.shown(row).text(row["std"])
        about.append((_cell(row), f"{row['failed']} of {row['n']} runs failed, std {std}"))
    if not about:
        return None
    sentence = f"Stable in failure, and therefore not called stable: {_named(content, about)}."
    return ReportWarning("stable in failure", sentence, about)


def _two_groups(content: Content) -> ReportWarning | None:
    about = []
    for cell, groups in in_two_groups(content.runs):
        low, high = map(content.shown_at(cell.whole).text, (groups.mean_lower, groups.mean_higher))
        about.append((cell, f"{groups.lower} runs around {low}, {groups.higher} around {high}"))
    if not about:
        return None
    sentence = (
        f"Scores in two groups, which mean and std describe badly: {_named(content, about)}. Look at the score of "
        "every seed."
    )
    return ReportWarning("two groups", sentence, about)


def _noise(content: Content) -> ReportWarning | None:
    cells = mostly_noise(content)
    if not cells:
        return None
    sentence = (
        f"The noise of the dev set is over half of the variance over seeds in {counted(len(cells), 'cell')} of "
        f"{len(per_example(content).noise)}, whose std says more of the dev set than of the strategy: "
        f"{_named(content, cells)}. Numbers of examples and seeds are for a spread as estimated, with power .8."
    )
    return ReportWarning("noise", sentence, cells)


def _cell(row: pd.Series) -> Place:
    return Place(str(row["model"]), str(row["task"]), str(row["strategy"]))
