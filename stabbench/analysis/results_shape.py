"""Which column of somebody's table is which: renamed on request, wide tables made long, likely names suggested."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api import types

from stabbench.errors import UserError, nearest, unknown
from stabbench.metrics.kinds import metric_kind

REQUIRED = ("strategy", "task", "seed", "score")
OPTIONAL = (
    "model", "metric", "status", "accuracy", "majority", "failed", "diverged", "collapsed", "result_digest", "reported",
)  # fmt: skip
_OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "strategy": (
        *("method", "approach", "algorithm", "technique", "recipe", "optimizer", "optimiser", "system", "variant"),
        *("config", "configuration", "setting", "treatment", "condition", "group", "name", "experiment", "run_name"),
    ),
    "task": ("dataset", "data_set", "data", "benchmark", "corpus", "domain", "test_set", "task_name", "dataset_name"),
    "seed": (
        *("random_seed", "random_state", "seed_id", "rng_seed", "run", "run_id", "trial", "repetition", "repeat"),
        *("rep", "replicate", "restart", "iteration", "fold"),
    ),
    "score": ("value", "result", "performance", "metric_value", "test_score", "eval_score", "dev_score", "val_score"),
}
_TAKEN = (*REQUIRED, *(name for name in OPTIONAL if name not in ("accuracy", "result_digest", "reported")))
SHOWN = 12
"""Names that a message lists before it counts the others."""
WIDE_ALL = "*"
"""As the only name of `wide`: every column of numbers that is not named."""


@dataclass(frozen=True)
class Shaped:
    """A table with the columns of `REQUIRED` and perhaps of `OPTIONAL`, a row a run."""

    table: pd.DataFrame
    rows: int
    """Rows of the file: of a wide table row r here is row r modulo this there."""
    notes: Sequence[str]


def shaped(
    table: pd.DataFrame, source: str, columns: Mapping[str, str] | None = None, wide: Sequence[str] | None = None
) -> Shaped:
    """Give the columns their names: `columns` says by which the table calls them, `wide` which of them are tasks.

    A score that comes by the name of another column is of that metric, unless there is a column metric. Blanks around
    names do not count.

    Raises UserError where a name is unknown, a column is missing (with those that it may be), or stands twice.
    """
    if not isinstance(table, pd.DataFrame):
        raise UserError(f"{source}: found a {type(table).__name__}, expected a data frame: pandas.read_csv(...)")
    found = table.set_axis([str(name).strip() for name in table.columns], axis=1)
    names = list(found.columns)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{source}: more than one column '{twice[0]}', expected one")
    renamed, notes = _renamed(found, source, columns or {})
    if wide is not None:
        renamed, settings = _long(renamed, source, wide)
        notes = [*notes, *settings]
    absent = [name for name in REQUIRED if name not in renamed]
    if absent:
        raise UserError(_absent(source, absent, renamed, columns or {}))
    if renamed.empty:
        raise UserError(f"{source}: no rows, expected one for each run")
    return Shaped(renamed, len(found), notes)


def _renamed(table: pd.DataFrame, source: str, columns: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    for role, name in columns.items():
        if role not in (*REQUIRED, *OPTIONAL):
            raise unknown("name before = in --columns (columns=…)", role, (*REQUIRED, *OPTIONAL))
        if name not in table:
            raise unknown(f"column of {source} in --columns (columns=…)", name, map(str, table.columns))
    if len(set(columns.values())) < len(columns):
        raise UserError(f"--columns (columns=…): one column of {source} under two names, expected each once")
    aside = {role: f"{role} (not used)" for role in columns if role in table and role not in columns.values()}
    renamed = table.rename(columns={**aside, **{name: role for role, name in columns.items()}})
    metric = columns.get("score", "score")
    if metric == "score" or "metric" in renamed:
        return renamed, []
    named = pd.Categorical.from_codes([0] * len(renamed), categories=pd.Index([metric]))
    return renamed.assign(metric=named), [f"There is no column metric: the scores were taken for {metric}."]


def _long(table: pd.DataFrame, source: str, wide: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The table with a row a run, and what was not taken for a task."""
    for name in ("task", "score"):
        if name in table:
            raise UserError(
                f"{source}: --wide makes the columns task and score, but there is a column '{name}' already"
            )
    chosen, settings = list(dict.fromkeys(wide)), list[str]()
    if chosen == [WIDE_ALL]:
        chosen, settings = _tasks_and_settings(table)
    for name in chosen:
        if name not in table:
            raise unknown(f"column of {source} in --wide (wide=…)", name, map(str, table.columns))
    if not chosen:
        raise UserError(f"{source}: --wide finds no column of numbers beside {', '.join(map(str, table.columns))}")
    kept = [name for name in table if name in (*REQUIRED, *OPTIONAL) and name not in chosen]
    notes = [
        f"{some(settings)} {'is' if len(settings) == 1 else 'are'} the same for all seeds of each strategy, and so "
        "taken for settings and not for tasks; --wide with names takes them for tasks."
    ]
    return table.melt(id_vars=kept, value_vars=chosen, var_name="task", value_name="score"), notes if settings else []


def _tasks_and_settings(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The columns of numbers, and apart from them those whose numbers a strategy alone decides, if not all do so."""
    numbers = _numbers_without_a_name(table)
    if "strategy" not in table or not table["strategy"].duplicated().any():
        return numbers, []
    values = table.groupby("strategy", observed=True)[numbers].nunique(dropna=False) if numbers else pd.DataFrame()
    settings = [name for name in numbers if (values[name] == 1).all()]
    if len(settings) == len(numbers):
        return numbers, []
    return [name for name in numbers if name not in settings], settings


def _numbers_without_a_name(table: pd.DataFrame) -> list[str]:
    return [
        str(name)
        for name in table
        if name not in (*REQUIRED, *OPTIONAL)
        and types.is_numeric_dtype(table[name])
        and not types.is_bool_dtype(table[name])
    ]


def _absent(source: str, absent: Sequence[str], table: pd.DataFrame, columns: Mapping[str, str]) -> str:
    """The message for missing columns, with the options that would name what is likely meant."""
    names = [str(name) for name in table.columns]
    chosen: dict[str, str] = {}
    for role in absent:
        close = likely(role, [name for name in names if name not in (*_TAKEN, *chosen.values())])
        if close:
            chosen[role] = close
    tasks = [name for name in _numbers_without_a_name(table) if name not in chosen.values()]
    wide = bool(tasks) and {"task", "score"} <= set(absent) and "task" not in chosen and "score" not in chosen
    options = []
    if chosen:
        options.append(
            f"--columns {_quoted(','.join(f'{role}={name}' for role, name in {**columns, **chosen}.items()))}"
        )
    if wide:
        options.append(f"--wide {_quoted(','.join(tasks))}" if len(tasks) <= SHOWN else "--wide")
    hint = f" (is it '{chosen[absent[0]]}'?)" if len(absent) == 1 and chosen else ""
    missing = ", ".join(f"'{name}'" for name in absent)
    text = f"{source}: no column {missing}{hint}, expected {', '.join(REQUIRED)}; found {some(names)}."
    if not options:
        return f"{text} Say which is which: --columns strategy=…,task=…,seed=…,score=… (columns={{…}})"
    rest = [role for role in absent if role not in chosen and not (wide and role in ("task", "score"))]
    if rest:
        text += f" Add a column {' and '.join(rest)}."
    meant = "If the numbers are scores on these tasks" if wide and not chosen else "If that is what they are"
    strategies = (
        "; if each is a strategy's: make it a row a run (pandas: melt with var_name='strategy', value_name='score')"
        if wide and "strategy" in rest
        else ""
    )
    return f"{text} {meant}: {' '.join(options)}{strategies}"


def _quoted(text: str) -> str:
    return f"'{text}'" if re.search(r"[^\w=,./:+-]", text) else text


def likely(role: str, names: Collection[str]) -> str | None:
    """The one of some columns that is most likely meant by strategy, task, seed or score; None where none is."""
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in names}
    for other in _OTHER_NAMES[role]:
        if other in plain:
            return plain[other]
    if role == "score":
        metrics = [name for name in names if metric_kind(name).known]
        if metrics:
            return metrics[0]
    return nearest(role, names, cutoff=0.6)


def some(names: Sequence[str], most: int = SHOWN) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
