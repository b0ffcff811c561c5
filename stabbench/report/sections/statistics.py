"""Where every number comes from: the function and the test behind each column; and how many seeds a test needs."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.columns import TABLES
from stabbench.analysis.design import ALPHAS, POWER, design_curves, detectable_ratio
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.numbers import NOT_AVAILABLE, listed
from stabbench.report.section import MAKING, Section


def section(content: Content) -> Section:
    """A table of columns for each file, and the design curves."""
    curves = design_curves()
    head = ["assumed ratio of stds", *(f"seeds a strategy at α = {alpha:g}" for alpha in ALPHAS)]
    needed = [
        [f"{row['ratio']:g}", *(str(row[f"seeds_{alpha:g}"]) for alpha in ALPHAS)] for _, row in curves.iterrows()
    ]
    return Section(
        name="statistics",
        title="Where the numbers come from",
        looks_for=(
            "Each column of the tables with the function of stabbench.analysis that made it. Unpaired tests are the "
            "default; paired ones, by the seeds that two strategies share, are called so. What is drawn (permutations, "
            "resamples) is drawn with one fixed seed."
        ),
        found=[_detectable(content)],
        part=MAKING,
        tables=[
            *((f"{name}.", _columns(name)) for name in TABLES),
            (
                f"Seeds needed for power {POWER:g}: Levene's median-centred test, asymptotic, normal scores "
                "(simulated, stabbench.analysis.design.design_curves). For assumed ratios, not for those observed.",
                Grid(head, needed),
            ),
        ],
        data={"seeds-needed": curves, "columns": _documented()},
    )


def _columns(name: str) -> Grid:
    rows = [[", ".join(column.all_names), column.meaning, column.function] for column in TABLES[name]]
    return Grid(["column", "what it is", "made by"], rows, words=True)


def _documented() -> pd.DataFrame:
    rows = [
        (table, name, f"{column.meaning}{', adjusted after Holm' if name not in column.names else ''}", column.function)
        for table, columns in TABLES.items()
        for column in columns
        for name in column.all_names
    ]
    return pd.DataFrame(rows, columns=["table", "column", "meaning", "function"])


def _detectable(content: Content) -> str:
    n = int(content.table["n"].min())
    ratios = [
        f"{NOT_AVAILABLE if (ratio := detectable_ratio(n, alpha)) is None else f'{ratio:.1f}×'} at α = {alpha:g}"
        for alpha in ALPHAS
    ]
    return (
        f"With the {n} runs of the smallest cell a test of two normal samples finds, with power {POWER:g}, standard "
        f"deviations that differ by a factor of at least {listed(ratios)}."
    )
