"""What a run costs, and what a *successful* run costs: the paper's economic argument (its section 6)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.frame import CELL, finished, how_many
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.numbers import NOT_AVAILABLE, counted, listed, magnitude, of_runs
from stabbench.report.provenance import times
from stabbench.report.section import RESULTS, Section
from stabbench.report.unknowns import not_known

MEASURES = ("steps", "tokens", "flops")


def section(content: Content) -> Section | None:
    """A table a model, with measured times where they are wanted; None where nobody says what a run costs."""
    table = cost_table(content.runs)
    tables = {model: grid for model in content.models if (grid := costs(table, model)).rows}
    if not tables:
        return None
    measured = {model: times(content, model) for model in content.models} if content.provenance else {}
    block = {"costs": tables, "times": measured}
    found = [*economy(content, table), *_unknown(content, table)]
    return Section("cost", "Cost", found=found, part=RESULTS, block=block)


def _unknown(content: Content, table: pd.DataFrame) -> list[str]:
    """Of which cells with records it is not known how many operations a run took."""
    known = {Place(*row) for row in table.loc[table["flops"].notna(), CELL].itertuples(index=False)}
    cells = [item.cell for item in content.selection.cells if item.records and Place.of(item.cell) not in known]
    return not_known(content, "how many operations a run took is", cells)


def cost_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a cell of a frame whose finished runs say what they cost; columns model, task, strategy, n, successful,
    for each of steps, tokens and flops the mean of a run and, as `<name>_successful`, the sum over all runs over the
    number of successful ones (infinite where none is), and `times_cheapest`: the last of them over the smallest of
    the task. What one run of a cell does not say is NaN, as is all on successful ones where nobody knows which failed.
    """
    rows = []
    known = finished(runs)
    known = known[known["steps"].notna()]
    for (model, task, strategy), part in known.groupby(["model", "task", "strategy"], sort=False, observed=True):
        failed = how_many(part["failed"])
        successful = None if isinstance(failed, NAType) else len(part) - failed
        row = {"model": model, "task": task, "strategy": strategy, "n": len(part), "successful": successful}
        for name in MEASURES:
            values = part[name].to_numpy(dtype=np.float64, na_value=math.nan)
            row[name] = float(values.mean())
            each = math.inf if successful == 0 else math.nan if successful is None else float(values.sum()) / successful
            row[f"{name}_successful"] = each
        rows.append(row)
    columns = ["model", "task", "strategy", "n", "successful", *MEASURES, *(f"{name}_successful" for name in MEASURES)]
    table = pd.DataFrame(rows, columns=columns).astype({"successful": "Int64"})
    cheapest = table.groupby(["model", "task"], sort=False)["flops_successful"].transform("min")
    return table.assign(times_cheapest=table["flops_successful"] / cheapest)


def costs(table: pd.DataFrame, model: str) -> Grid:
    """The rows of a model as text."""
    rows = []
    for _, row in table[table["model"] == model].iterrows():
        each = [magnitude(row[name]) for name in MEASURES]
        some = pd.notna(row["successful"]) and row["successful"] > 0
        successful = [magnitude(row[f"{name}_successful"]) if some else NOT_AVAILABLE for name in MEASURES]
        known = some and not math.isnan(row["times_cheapest"])
        times = f"{row['times_cheapest']:.2g}" if known else NOT_AVAILABLE
        share = of_runs(row["successful"], row["n"])
        rows.append([str(row["task"]), str(row["strategy"]), share, *each, *successful, times])
    names = ("updates", "tokens", "operations")
    head = ["task", "strategy", "successful", *names, *(f"{name} per success" for name in names), "times the cheapest"]
    return Grid(head, rows, texts=2)


def economy(content: Content, table: pd.DataFrame) -> list[str]:
    """A sentence a model and task: operations of a run, of a successful run, and what is cheapest."""
    found = []
    for place in content.places:
        part = table[(table["model"] == place.model) & (table["task"] == place.task)]
        part = part[part["flops"].notna()]
        if len(part) < 2:
            continue
        each = part.sort_values("flops", kind="stable").iloc[0]
        text = f"{content.heading(place)}: a run of {each['strategy']} costs least ({_operations(each['flops'])})"
        judged = part[part["successful"].notna()]
        some = judged[judged["successful"] > 0].sort_values("flops_successful", kind="stable")
        never = listed([str(name) for name in judged.loc[judged["successful"] == 0, "strategy"]])
        if judged.empty:
            found.append(f"{text}.")
            continue
        if some.empty:
            found.append(f"{text}; no run succeeded.")
            continue
        best = some.iloc[0]
        if best["strategy"] == each["strategy"]:
            text += f", and so does a successful one ({_operations(best['flops_successful'])})"
        else:
            cheapest = f"{best['strategy']} ({_operations(best['flops_successful'])} where {_with(each)})"
            text += f"; a successful one costs least with {cheapest}"
        found.append(f"{text}.{f' No run of {never} succeeded.' if never else ''}")
    return found


def _with(row: pd.Series) -> str:
    if pd.isna(row["successful"]):
        return f"it is not known which runs of {row['strategy']} succeeded"
    if not row["successful"]:
        return f"none of {row['strategy']}'s {counted(int(row['n']), 'run')} succeeded"
    return (
        f"{row['strategy']} takes {_operations(row['flops_successful'])}, {row['successful']} of {row['n']} succeeding"
    )


def _operations(flops: float) -> str:
    return f"{magnitude(flops)} operations".replace(" ", "\u00a0")
