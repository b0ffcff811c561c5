"""`stabbench.compare`: the tables and the page of a report for results that somebody else's code produced."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.analysis.equivalence import REGION
from stabbench.analysis.results import TEXT, Results, runs_of
from stabbench.analysis.train_once import train_once
from stabbench.errors import UserError
from stabbench.notebook import html
from stabbench.readers import Found, Wanted, with_same
from stabbench.readers import read as read_results
from stabbench.report import findings, tables
from stabbench.report.build import Progress, silent, write
from stabbench.report.content import Content, gather_plain
from stabbench.report.layout import STAR, blocks
from stabbench.report.metrics import statistics
from stabbench.report.origin import Origin
from stabbench.report.over_tasks import pooled
from stabbench.report.warnings import warnings_of
from stabbench.tables import read_table


@dataclass(frozen=True, repr=False)
class Comparison:
    """What plain results say about the stability of strategies. All scores are fractions."""

    content: Content
    notes: Sequence[str]
    """What was taken for granted of the results, a sentence each."""

    @property
    def runs(self) -> pd.DataFrame:
        """The results as they were understood, a row a run."""
        return self.content.runs

    @property
    def stability(self) -> pd.DataFrame:
        """A row a model, task and strategy: spread, failed runs, which is best and whether significantly so.

        The columns are those of `stabbench.analysis.stability`.
        """
        return self.content.table

    @property
    def pairs(self) -> pd.DataFrame:
        """A row a pair of strategies on one model and task: p-values; the columns of `stabbench.analysis.pairwise`."""
        return self.content.pairs

    @property
    def over_tasks(self) -> pd.DataFrame | None:
        """A row a pair of strategies of a model: std ratio pooled over tasks, verdict, probability of a better run.

        The columns are those of `stabbench.analysis.over_tasks` and `level_tables.improvements`; None where no model
        has two strategies and two tasks.
        """
        found = pooled(self.content)
        return None if found is None else found.pairs

    @property
    def over_tasks_strategies(self) -> pd.DataFrame | None:
        """A row a strategy of a model, the steadiest first: relative std, sets of tied ones, interquartile mean."""
        found = pooled(self.content)
        return None if found is None else found.strategies

    @cached_property
    def train_once(self) -> pd.DataFrame:
        """A row a model, task and strategy: how often a run fails, and how bad the worst runs are."""
        return train_once(self.content.runs, self.content.table, self.content.scoring.lower)

    @cached_property
    def answers(self) -> Mapping[str, str]:
        """Which strategy is the most stable, and how surely, in a sentence or two by model."""
        return {model: findings.answer(self.content, model) for model in self.content.models}

    @property
    def warnings(self) -> Sequence[str]:
        """What has to be known before the tables are trusted, a sentence each."""
        return [item.sentence for item in warnings_of(self.content)]

    def __str__(self) -> str:
        return "\n".join(f"{model}: {text}" if len(self.answers) > 1 else text for model, text in self.answers.items())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            (block.model, task, row.strategy, *entry.text.values(), STAR * entry.star, entry.failed)
            for block in blocks(self.content)
            for row in block.rows
            for (task, _), entry in zip(block.tasks, row.entries, strict=True)
            if entry is not None
        ]
        head = ("model", "task", "strategy", "std", "mean", "best run", "", "failed")
        return html([*str(self).splitlines(), *self.warnings], head, rows)

    def to_dict(self) -> dict[str, Any]:
        """All numbers as JSON has them: `statistics.json`'s, with `answers` by model, `notes` and `warnings`."""
        told = {"answers": dict(self.answers), "notes": list(self.notes), "warnings": list(self.warnings)}
        return {**told, **statistics(self.content)}

    def to_markdown(self) -> str:
        """The stability table in the layout of the paper's Table 1, × 100, as GitHub shows it."""
        return tables.markdown(self.content)

    def to_latex(self) -> str:
        """The same for LaTeX with booktabs."""
        return tables.latex(self.content)

    def report(
        self, folder: str | PathLike[str], executor: Executor | None = None, progress: Progress = silent
    ) -> None:
        """Write index.html, metrics.json, tables/ and figures/ into `folder`; `executor` draws, where there is one."""
        write(self.content, Path(folder), executor=executor, progress=progress)


def compare(
    results: pd.DataFrame | str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    majority: Mapping[str, float] | None = None,
    percent: bool = False,
    columns: Mapping[str, str] | None = None,
    wide: Sequence[str] | None = None,
    nan: str = "error",
    lower_is_better: Collection[str] = (),
    higher_is_better: Collection[str] = (),
    levene_center: str = "median",
    alpha: float = 0.001,
    equivalence: Sequence[float] = REGION,
    predictions: pd.DataFrame | str | PathLike[str] | None = None,
    pattern: str | None = None,
    metric: str | None = None,
    same: Mapping[str, str] | None = None,
    reader: str | None = None,
    source: str = "results",
    executor: Executor | None = None,
) -> Comparison:
    """Compare strategies by a table of scores, a row a run: columns `strategy`, `task`, `seed`, `score`.

    `stabbench.analysis.results.runs_of` says what else the table may hold and how failed runs are known: by its column
    `failed`, by `majority`, the best constant classifier's accuracy (without a column `accuracy`: score) by task, or by
    the metric's definition. Scores are fractions, with `percent` per cent (`majority` too). Which way is better the
    metric's name says (accuracy, loss …), else `lower_is_better` and `higher_is_better`. `columns` says what the table
    calls its columns (`{"strategy": "method"}`), `wide` which of its columns are tasks (`["*"]`: all of numbers), `nan`
    whether a run without a score is an `error`, has `failed` or is `missing`. `levene_center` and `alpha` are the
    star's, `equivalence` the ratios of standard deviations between which a difference does not matter to you, for the
    verdicts over tasks, `source` is what messages call the table. An `executor`'s processes share in the work, where
    there is one.

    Instead of a table, `results` may be what a reader knows (`stabbench.readers`): a file, a folder of runs,
    `mlflow:EXPERIMENT`, or several of them. Then `pattern` says where names and seed stand in the runs' paths
    (`"runs/{task}/{strategy}/seed-{seed}"`), `metric` which of their metrics is the score, `same` what is the same for
    all (`{"task": "rte"}`) and `reader` which reader it is, where that is not found by what is inside.

    `predictions`, a table or its file, holds what each run predicted for each example: `strategy`, `task`, `seed`
    (`model`), `example`, `label`, `prediction`. Then per-point stability is measured, and failed runs are known by the
    labels.

    For example:

        comparison = stabbench.compare(pd.read_csv("results.csv"), majority={"rte": 0.527})
        print(comparison.to_markdown())
        comparison.report("comparison")

    Raises UserError where the table is not as it should be: it names the rows and the column.
    """
    found = understood(
        results,
        majority=majority,
        percent=percent,
        columns=columns,
        wide=wide,
        nan=nan,
        lower_is_better=lower_is_better,
        higher_is_better=higher_is_better,
        predictions=predictions,
        pattern=pattern,
        metric=metric,
        same=same,
        reader=reader,
        source=source,
    )
    origin = Origin(
        score="given scores" if len(found.runs) != 1 else "given score",
        scored_on="",
        failed=found.failed,
        definitions=found.notes,
        made_from="plain results",
    )
    content = gather_plain(
        found.runs,
        origin,
        levene_center=levene_center,
        alpha=alpha,
        equivalence=equivalence,
        lower=found.lower,
        predictions=found.predictions,
        executor=executor,
    )
    return Comparison(content, found.notes)


def understood(
    results: pd.DataFrame | str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    majority: Mapping[str, float] | None = None,
    percent: bool = False,
    columns: Mapping[str, str] | None = None,
    wide: Sequence[str] | None = None,
    nan: str = "error",
    lower_is_better: Collection[str] = (),
    higher_is_better: Collection[str] = (),
    predictions: pd.DataFrame | str | PathLike[str] | None = None,
    pattern: str | None = None,
    metric: str | None = None,
    same: Mapping[str, str] | None = None,
    reader: str | None = None,
    source: str = "results",
) -> Results:
    """The runs of whatever `compare` takes, by the same arguments, with what was taken for granted of them."""
    wanted = Wanted(columns or {}, pattern, metric, wide, same or {})
    read, source = _read(results, wanted, reader, source)
    found = runs_of(
        read.table,
        majority=majority,
        percent=percent,
        columns=None if read.shaped else columns,
        wide=None if read.shaped else wide,
        nan=nan,
        lower_is_better={*lower_is_better, *(read.lower - set(higher_is_better))},
        higher_is_better={*higher_is_better, *(read.higher - set(lower_is_better))},
        items=read.items if predictions is None else _table_of(predictions),
        source=source,
    )
    return replace(found, notes=[*read.notes, *found.notes])


def _read(
    results: pd.DataFrame | str | PathLike[str] | Sequence[str | PathLike[str]],
    wanted: Wanted,
    reader: str | None,
    source: str,
) -> tuple[Found, str]:
    """The table of runs, and what messages call it."""
    if isinstance(results, pd.DataFrame):
        if wanted.pattern is not None or wanted.metric is not None or reader is not None:
            raise UserError("pattern, metric and reader say how files are read, found a data frame")
        return Found(with_same(results, wanted.same)), source
    several = [results] if isinstance(results, (str, PathLike)) else results
    if not isinstance(several, (list, tuple)) or not all(isinstance(one, (str, PathLike)) for one in several):
        expected = "a data frame (pandas.read_csv(...)), or what `stabbench compare` reads: files, folders"
        raise UserError(f"{source}: found a {type(results).__name__}, expected {expected}")
    texts = [fspath(one) for one in several]
    return read_results(texts, wanted, reader), texts[0] if len(texts) == 1 else source


def _table_of(predictions: pd.DataFrame | str | PathLike[str]) -> pd.DataFrame:
    if isinstance(predictions, pd.DataFrame):
        return predictions
    return read_table(Path(predictions), TEXT)
