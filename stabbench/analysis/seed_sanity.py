"""Whether the seed changes anything: cells whose scores, results or records are more alike than seeds can make them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.analysis.distinct_scores import FEWEST, Grid, few_distinct
from stabbench.analysis.frame import CELL, FAILED, finished
from stabbench.analysis.place import Place
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.spread import Array, is_constant
from stabbench.metrics.contract import MetricKind
from stabbench.metrics.kinds import lower_is_better, metric_kind
from stabbench.records import Record, SelectedCell, Selection
from stabbench.records.content import UNJUDGED

CAUSES = (
    "the seed was set after the head was drawn; the order of the data is cached, or follows a seed of its own that was "
    "not changed (data_seed); one run was copied; or the dev set or the rounding is too coarse, or the task too easy, "
    "to tell runs apart"
)
"""The usual ones, as the end of a sentence."""
_NO_COINCIDENCE = 8
"""Distinct scores without a metric's name that lie on one grid: F1 and correlations of so many have none in common."""
NEARLY = 0.9
"""Share of a cell's runs from which on equal scores are nearly all of them."""
CLOSE = 1e-4
"""Scores of `FEWEST` runs and more that lie within a hundredth of a per cent of each other (losses: of their size)
differ as one run does that is computed twice on other hardware: a seed moves a dev set's score by more."""

_TELLING = 3
"""Losses of a learning curve that two runs cannot share by chance, rounded as they may be."""

Alike = Mapping[Place, str]
"""What is alike in a cell, as the end of a sentence."""
_USED = [*CELL, "seed", "status", "metric", "score", "accuracy", "majority", "failed", "result_digest"]


def seedless_cells(
    runs: pd.DataFrame,
    dev_examples: Mapping[tuple[str, str], int] | None = None,
    lower: Collection[str] | None = None,
    scoring: Scoring | None = None,
) -> Alike:
    """The cells of a frame of runs on which the seed seems to change nothing, in the frame's order.

    `dev_examples` is by model and task, where it is known; `lower` as for `stability`. What is known of the metrics is
    what their names say, or where records are behind the runs their `scoring`. A cell is named where

    - two of its runs have one `result_digest`: they are the same to the last bit;
    - all of its scores are the same to rounding; or, of the scores of `FEWEST` and more runs that did not fail, all or
      a share of `NEARLY`: failed runs may all have the trivial score, which is no fault of a seed (where nobody says
      which failed, it may be the worst score);
    - it has fewer distinct scores than their grid explains (`few_distinct`).
    """
    known = dev_examples or {}
    done = finished(runs[_USED])
    if lower is None:
        lower = lower_is_better(set(map(str, done["metric"].unique()))) if scoring is None else scoring.lower
    own = {} if scoring is None else scoring.own
    found: dict[Place, str] = {}
    for names, part in done.groupby(["model", "task"], sort=False, observed=True):
        model, task = map(str, names)
        metric = str(part["metric"].iloc[0])
        kind = own[metric].kind if metric in own else metric_kind(metric)
        cells = _Task(part, known.get((model, task)), kind, metric in lower)
        found |= {Place(model, task, strategy): why for strategy, why in cells.alike()}
    return found


class _Task:
    """The finished runs of a model and task."""

    def __init__(self, runs: pd.DataFrame, dev_examples: int | None, kind: MetricKind, lower: bool) -> None:
        self.strategies, self.names = pd.factorize(runs["strategy"])
        self.scores = runs["score"].to_numpy(dtype=np.float64)
        self.accuracy = runs["accuracy"].to_numpy(dtype=np.float64)
        self.judged = runs["failed"].notna().to_numpy(dtype=bool)
        trivial = self.scores == runs["majority"].to_numpy(dtype=np.float64)
        self.failed = runs["failed"].to_numpy(dtype=bool, na_value=False) | trivial
        digests = runs["result_digest"]
        self.digests = digests.astype(str).to_numpy() if digests.notna().all() and (digests != "").any() else None
        self.seeds = runs["seed"].to_numpy()
        self.kind, self.lower = kind, lower
        self.dev_examples = dev_examples
        self._grids: dict[bool, Grid] = {}

    def alike(self) -> Iterator[tuple[str, str]]:
        order = np.argsort(self.strategies, kind="stable")
        ends = np.cumsum(np.bincount(self.strategies, minlength=len(self.names)))
        for name, rows in zip(self.names, np.split(order, ends[:-1]), strict=True):
            why = self._same_results(rows) or self._same_scores(rows) or self._few_scores(rows)
            if why:
                yield str(name), why

    def _same_results(self, rows: npt.NDArray[np.intp]) -> str:
        if self.digests is None:
            return ""
        seeds = _repeated(dict(zip(self.seeds[rows].tolist(), self.digests[rows].tolist(), strict=True)))
        return f"{seeds} gave one result, the same to the last bit" if seeds else ""

    def _same_scores(self, rows: npt.NDArray[np.intp]) -> str:
        scores = self.scores[rows[~self.failed[rows]]]
        n = scores.size
        if n < (2 if n == rows.size else FEWEST):
            return ""
        failed = "" if n == rows.size else " of the runs that did not fail"
        if is_constant(scores):
            return f"all {n} scores{failed} are the same"
        range_, size = float(np.ptp(scores)), 1.0 if self.kind.fraction else float(np.abs(scores).max())
        if n >= FEWEST and range_ < CLOSE * size:
            return f"all {n} scores{failed} lie within {range_:.1g} of each other"
        if n < FEWEST or n * (1 - NEARLY) < 1 - 1e-9:
            return ""
        values, counts = np.unique(scores, return_counts=True)
        most, worst = int(counts.max()), values[-1] if self.lower else values[0]
        judged = bool(self.judged[rows].all())
        if most < NEARLY * n or (not judged and values[counts.argmax()] == worst):
            return ""  # nobody says which failed, and these may all have the trivial score
        return f"{most} of {n} scores{failed} are the same"

    def _few_scores(self, rows: npt.NDArray[np.intp]) -> str:
        kept = rows[~self.failed[rows]]
        by_accuracy = not np.isnan(self.accuracy[rows]).any()  # F1 and correlations lie on no grid that is known
        every = self.accuracy if by_accuracy else self.scores
        scores = every[kept]
        if not self.judged[rows].all():
            scores = _without_worst(scores, self.lower and not by_accuracy)
        if not FEWEST <= scores.size <= Grid.LARGEST or np.unique(scores).size > Grid.MOST_DISTINCT * scores.size:
            return ""
        if by_accuracy not in self._grids:
            exact = 1 / self.dev_examples if by_accuracy and self.dev_examples else None
            self._grids[by_accuracy] = Grid(exact) if exact else self._grid_of(every, by_accuracy)
        distinct = few_distinct(scores, self._grids[by_accuracy])
        what = "accuracies" if by_accuracy else "scores"
        return (
            f"{scores.size} runs have {distinct} different {what}, fewer than their grid explains" if distinct else ""
        )

    def _grid_of(self, scores: Array, by_accuracy: bool) -> Grid:
        kind = self.kind
        if by_accuracy or kind.counted or not kind.fraction:
            return Grid.of(scores, by_accuracy or kind.counted)
        enough = np.unique(scores).size >= _NO_COINCIDENCE and not kind.known
        return Grid.of(scores, counted=True) if enough else Grid(math.nan)


def _without_worst(scores: Array, lower: bool) -> Array:
    """Without the runs at the worst score, where several have it: they may have failed, and nobody says so."""
    if scores.size == 0:
        return scores
    worst = scores == (scores.max() if lower else scores.min())
    return scores[~worst] if worst.sum() > 2 else scores


def seedless_records(runs: pd.DataFrame, selection: Selection) -> Alike:
    """`seedless_cells` of records' runs, and the cells of which two records are alike.

    That is, they hold one learning curve, or two of runs that did not fail the same predictions. Records name the
    hashes of their files, so nothing beside record.json is read but where these are alike: equal losses or logits are
    no chance, while equal scores, all that other people's code may have told, or equal classes may be.
    """
    found: dict[Place, str] = {}
    by_chance: set[str] = set()
    for item in selection.cells:
        why = _same_files(item, "history.parquet", "learning curves", ("ok", *FAILED, UNJUDGED), _has_losses)
        why = why or _same_files(item, "predictions.parquet", "predictions", ("ok",), _has_logits)
        if why:
            found[Place.of(item.cell)] = why
        by_chance |= _alike_by_chance(item)
    runs = runs.assign(result_digest=runs["result_digest"].where(~runs["fingerprint"].isin(by_chance), ""))
    sizes = [(Place.of(item.cell), item.cell.task_facts.counts.get("dev", 0)) for item in selection.cells]
    dev = {(place.model, place.task): size for place, size in sizes if size}
    scoring = Scoring.of_cells(item.cell for item in selection.cells)
    return {**found, **seedless_cells(runs, dev, scoring=scoring)}


Tells = Callable[[Record], bool]


def _same_files(item: SelectedCell, name: str, what: str, statuses: Collection[str], tells: Tells) -> str:
    hashes = {
        seed: str(record.files.get(name, "")) for seed, record in item.records.items() if record.status in statuses
    }
    silent = _silent(item, hashes, tells)
    seeds = _repeated({seed: "" if seed in silent else value for seed, value in hashes.items()})
    return f"{seeds} have the same {what}" if seeds else ""


def _alike_by_chance(item: SelectedCell) -> set[str]:
    """The fingerprints of runs whose results are the same and hold too little for that to say anything."""
    digests = {seed: record.result.result_digest for seed, record in item.records.items()}
    silent = _silent(item, digests, lambda record: _has_losses(record) or _has_logits(record))
    return {item.records[seed].fingerprint for seed in silent}


def _silent(item: SelectedCell, values: Mapping[int, str], tells: Tells) -> set[int]:
    """The seeds that share a value with others, though that does not tell that their runs are the same."""
    return {seed for seeds in _shared(values) if not tells(item.records[seeds[0]]) for seed in seeds}


def _has_losses(record: Record) -> bool:
    history = record.history() if "history.parquet" in record.files else None
    return history is not None and int(history[["train_loss", "dev_loss"]].notna().sum().sum()) >= _TELLING


def _has_logits(record: Record) -> bool:
    return "predictions.parquet" in record.files and "logits" in record.predictions()


def _shared(values: Mapping[int, str]) -> list[list[int]]:
    """The seeds of each value that several have, rising; what is empty is no value."""
    shared: dict[str, list[int]] = {}
    for seed, value in values.items():
        if value:
            shared.setdefault(value, []).append(seed)
    return [sorted(seeds) for seeds in shared.values() if len(seeds) > 1]


def _repeated(values: Mapping[int, str]) -> str:
    """`seeds 3 and 7`, of the first value that several seeds have; how many seeds share theirs where they are many."""
    groups = _shared(values)
    if not groups:
        return ""
    if len(groups) == 1 and len(groups[0]) == 2:
        return f"seeds {groups[0][0]} and {groups[0][1]}"
    return f"{sum(map(len, groups))} of {len(values)} seeds"
