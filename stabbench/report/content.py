"""Everything a report is made of, gathered once: records, statistics and the settings of the tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from stabbench.analysis.curves import LearningCurves, learning_curves
from stabbench.analysis.equivalence import REGION, check_region
from stabbench.analysis.frame import check_complete, frame, ordered
from stabbench.analysis.order import ORDERS, strategies_by_std
from stabbench.analysis.pairwise import pairwise
from stabbench.analysis.place import Place
from stabbench.analysis.predictions import Predictions
from stabbench.analysis.reported import reported_by
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.seed_sanity import Alike, seedless_cells, seedless_records
from stabbench.analysis.stability import stability
from stabbench.analysis.variances import TEST_NAMES, Center, check_center
from stabbench.errors import UserError, unknown
from stabbench.plan import planned_places
from stabbench.records import SelectedCell, Selection
from stabbench.report.origin import Origin, of_records
from stabbench.report.shown import Shown, unit_words
from stabbench.report.staged import Looks, looks_of, with_their_stars

DRAWN_PLACES = 12
"""Models with a task whose scores get a figure of their own: the paper's grid of three models and four tasks. A page
with hundreds of figures is read by nobody and takes minutes; tables, statistics and data always hold everything."""
TRACED_CELLS = 48
"""Cells whose runs' own tables (curves, gradient norms, predictions) are all looked into: four strategies on each of
those. Of a larger grid it is the first model and task alone: ten thousand runs have thirty thousand such tables."""


@dataclass(frozen=True, eq=False)
class Content:
    """What all parts of one report share."""

    selection: Selection
    """The records behind the runs; without a cell where somebody else's code made them."""
    runs: pd.DataFrame
    """`stabbench.analysis.frame`: one row a planned run."""
    origin: Origin
    table: pd.DataFrame
    """`stabbench.analysis.stability`: one row a cell."""
    pairs: pd.DataFrame
    """`stabbench.analysis.pairwise`: one row a pair of strategies."""
    levene_center: Center
    alpha: float
    scoring: Scoring = field(default_factory=Scoring)
    """What the metrics and objectives of the runs are."""
    seedless: Alike = field(default_factory=dict)
    """Cells on which the seed seems to change nothing, and why; none of them is best."""
    provenance: bool = False
    """Whether the page also says what another training of the same runs would change."""
    predictions: Predictions = field(default_factory=dict)
    """What runs without records predicted for each example, where somebody's results say it."""
    equivalence: tuple[float, float] = REGION
    """Ratios of standard deviations, from one to the other, that are declared to make no difference."""
    looks: Looks = field(default_factory=dict)
    """What was decided of each model and task whose seeds were trained by stages."""
    absent: Sequence[Place] = ()
    """Planned cells of which there is no run at all, which are in no table."""

    def shown(self, row: Mapping[str, Any] | pd.Series) -> Shown:
        """How the scores of a row with a model and a task are printed and drawn."""
        return self.shown_at(Place(str(row["model"]), str(row["task"])))

    def shown_at(self, place: Place) -> Shown:
        """The same of a model and task: each std there with two significant digits at the least."""
        return self._shown[place]

    @cached_property
    def _shown(self) -> Mapping[Place, Shown]:
        return {place: Shown.of_cells(self.scoring, rows) for place, rows in self._rows.items()}

    @property
    def constant(self) -> str:
        """The prediction that a failed run is no better than, after "the"."""
        return self.scoring.constant

    @cached_property
    def units(self) -> str:
        """In which unit the scores are printed."""
        return unit_words([Shown.of(self.scoring, str(metric)) for metric in self.table["metric"].unique()])

    @cached_property
    def models(self) -> list[str]:
        """Models in the plan's order."""
        return ordered(self.table["model"])

    @cached_property
    def strategies(self) -> list[str]:
        """Strategies in the report's order: rows of every table and colours of every figure."""
        return ordered(self.table["strategy"])

    def tasks(self, model: str) -> list[str]:
        """Tasks of a model in the plan's order."""
        return ordered(self.table.loc[self.table["model"] == model, "task"])

    @cached_property
    def places(self) -> list[Place]:
        """Model and task of all cells in the plan's order: a figure or a paragraph each."""
        return [Place(model, task) for model in self.models for task in self.tasks(model)]

    @cached_property
    def drawn(self) -> list[Place]:
        """The first `DRAWN_PLACES` of `places`, whose scores have a figure of their own."""
        return self.places[:DRAWN_PLACES]

    @cached_property
    def traced(self) -> list[Place]:
        """Those of `drawn` whose runs' own tables are looked into: all, or the first of more than `TRACED_CELLS`."""
        cells = len(self.selection.cells) or len(self.predictions)
        return self.drawn if cells <= TRACED_CELLS else self.drawn[:1]

    @cached_property
    def traced_cells(self) -> Sequence[SelectedCell]:
        """The selected cells of `traced`, in the plan's order."""
        return [item for place in self.traced for item in self.cells(place)]

    @cached_property
    def curves(self) -> Mapping[Place, Sequence[LearningCurves]]:
        """`stabbench.analysis.learning_curves` of each of `traced_cells`."""
        return {Place.of(item.cell): learning_curves(item) for item in self.traced_cells}

    def heading(self, place: Place) -> str:
        """What a figure or a paragraph about a model and task is called."""
        return f"{place.model}: {place.task}" if len(self.models) > 1 else place.task

    def cells(self, place: Place) -> Sequence[SelectedCell]:
        """The selected cells of a model and task, in the plan's order."""
        return [item for item in self.selection.cells if (item.cell.model, item.cell.task) == (place.model, place.task)]

    def rows(self, place: Place) -> pd.DataFrame:
        """The rows of `table` of a model and task."""
        return self._rows[place]

    @cached_property
    def _rows(self) -> Mapping[Place, pd.DataFrame]:
        return _by_place(self.table)

    def majority_at(self, place: Place) -> float:
        """What the best constant prediction scores on a task, as the first cell has it that knows it, or NaN."""
        known = self.rows(place)["majority"].dropna()
        return float(known.iloc[0]) if len(known) else math.nan

    def pairs_at(self, place: Place) -> pd.DataFrame:
        """The rows of `pairs` of a model and task; none where there are not two strategies."""
        return self._pairs.get(place, self.pairs.iloc[:0])

    @cached_property
    def _pairs(self) -> Mapping[Place, pd.DataFrame]:
        return _by_place(self.pairs)

    @property
    def recorded(self) -> bool:
        """Whether there are records behind the runs: recipes, learning curves, gradient norms, cost."""
        return bool(self.selection.cells)

    @property
    def predicted(self) -> bool:
        """Whether it is known of any runs what they predicted for each example."""
        return self.recorded or bool(self.predictions)

    @property
    def complete(self) -> bool:
        """Whether every planned run has a record."""
        return bool((self.table["n"] == self.table["planned"]).all())

    @property
    def test_name(self) -> str:
        """The name of the test behind the star."""
        return TEST_NAMES[self.levene_center]


def _by_place(table: pd.DataFrame) -> dict[Place, pd.DataFrame]:
    if table.empty:
        return {}
    groups = table.groupby(["model", "task"], sort=False, observed=True)
    return {Place(str(model), str(task)): rows for (model, task), rows in groups}


class Settings(TypedDict, total=False):
    """How `gather` reads and reports a selection, for what hands that on."""

    plan: Path | None
    incomplete: bool
    levene_center: str
    alpha: float
    order: str
    provenance: bool
    equivalence: Sequence[float]


def gather(
    runs: Path,
    *,
    plan: Path | None = None,
    incomplete: bool = False,
    levene_center: str = "median",
    alpha: float = 0.001,
    order: str = "plan",
    provenance: bool = False,
    equivalence: Sequence[float] = REGION,
    executor: Executor | None = None,
) -> Content:
    """Read the selection under `runs` and compute its statistics, strategies in the plan's `order` or by their `std`.

    An `executor`'s processes share in the work.

    Raises UserError where nothing is there, a setting is out of range, or (without `incomplete`) a run is missing.
    """
    center, region = _check_settings(levene_center, alpha), check_region(equivalence)
    if order not in ORDERS:
        raise unknown("order of strategies", order, ORDERS)
    selection = Selection.read(runs, plan=plan, files=False, executor=executor)
    if not incomplete:
        check_complete(selection)
    rows = frame(selection)
    seedless = seedless_records(rows, selection)
    if order == "std":
        selection = _by_std(selection, strategies_by_std(rows, seedless))
        rows = frame(selection)
    scoring = Scoring.of_cells(item.cell for item in selection.cells)
    table = stability(
        rows, levene_center=center, alpha=alpha, lower=scoring.lower, seedless=seedless, executor=executor
    )
    looks = looks_of(selection)
    table = with_their_stars(table, looks)
    reported = list(dict.fromkeys(reported_by(rows).values()))
    origin, pairs = of_records(scoring, set(map(str, rows["metric"])), reported), pairwise(rows, executor)
    there = {Place.of(item.cell) for item in selection.cells}
    absent = [place for found in planned_places(plan) if (place := Place(*found)) not in there] if plan else []
    return Content(
        selection, rows, origin, table, pairs, center, alpha, scoring, seedless, provenance, {}, region, looks, absent
    )


def gather_plain(
    runs: pd.DataFrame,
    origin: Origin,
    *,
    levene_center: str,
    alpha: float,
    equivalence: Sequence[float] = REGION,
    lower: frozenset[str] = frozenset(),
    predictions: Predictions | None = None,
    executor: Executor | None = None,
) -> Content:
    """The same of runs without records: a frame as `stabbench.analysis.results.runs_of` makes it.

    Of the metrics in `lower` the lower score is the better one; `predictions` are those of its runs that have any.
    """
    center, region = _check_settings(levene_center, alpha), check_region(equivalence)
    seedless = seedless_cells(runs, lower=lower)
    table = stability(runs, levene_center=center, alpha=alpha, lower=lower, seedless=seedless, executor=executor)
    scoring = Scoring.of_names(set(map(str, runs["metric"].unique())), lower)
    pairs = pairwise(runs, executor)
    return Content(
        Selection(()), runs, origin, table, pairs, center, alpha, scoring, seedless, False, predictions or {}, region
    )


def _check_settings(levene_center: str, alpha: float) -> Center:
    center = check_center(levene_center)
    if not 0 < alpha < 1:
        raise UserError(f"alpha is {alpha:g}, expected a level of significance between 0 and 1, such as 0.001")
    return center


def _by_std(selection: Selection, strategies: Sequence[str]) -> Selection:
    """The same cells, those of each model and task in the order of `strategies`."""
    places = list(dict.fromkeys(Place.of(item.cell).whole for item in selection.cells))

    def key(item: SelectedCell) -> tuple[int, int]:
        return places.index(Place.of(item.cell).whole), strategies.index(item.cell.strategy)

    return Selection(tuple(sorted(selection.cells, key=key)))
