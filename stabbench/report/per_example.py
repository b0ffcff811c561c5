"""What the runs behind a report made of single dev examples, and what that says of their scores; each computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.analysis import predictions as predicted
from stabbench.analysis.contributions import Contributions, of_outcomes
from stabbench.analysis.example_stability import Correctness, PredictedNumbers, outcomes, probabilities
from stabbench.analysis.frame import finished
from stabbench.analysis.noise import Noise, noise
from stabbench.analysis.noise_frame import pairs_frame
from stabbench.analysis.place import Place
from stabbench.records import SelectedCell
from stabbench.report.content import Content


@dataclass(frozen=True, eq=False)
class PerExample:
    """Of the cells of `Content.traced`, in the plan's order."""

    content: Content

    @cached_property
    def outcomes(self) -> Mapping[Place, Correctness | PredictedNumbers]:
        """What the runs of each cell of `traced` made of single examples, in the plan's order; of records or not."""
        if self.content.recorded:
            read = ((Place.of(item.cell), outcomes(item)) for item in self.content.traced_cells)
        else:
            traced = set(self.content.traced)
            cells = [cell for cell in self.content.predictions if cell.whole in traced]
            read = ((cell, predicted.outcomes(self._runs_of(cell), self.content.predictions[cell])) for cell in cells)
        return {cell: found for cell, found in read if found is not None}

    @cached_property
    def contributions(self) -> Mapping[Place, Contributions]:
        """What the examples of `outcomes` contribute to scores, where predictions say how these came about."""
        read = (
            (cell, of_outcomes(found, self.metric_of(cell), self._scores_of(cell), partial(self.probabilities, cell)))
            for cell, found in self.outcomes.items()
        )
        return {cell: found for cell, found in read if found is not None}

    @cached_property
    def noise(self) -> Mapping[Place, Noise]:
        """How much of each of these cells' spread is the noise of its dev set."""
        shown = self.content.shown_at
        read = ((cell, noise(found, shown(cell.whole).kind.width)) for cell, found in self.contributions.items())
        return {cell: found for cell, found in read if found is not None}

    @cached_property
    def noise_pairs(self) -> pd.DataFrame:
        """`stabbench.analysis.noise_frame.pairs_frame` of these cells."""
        return pairs_frame(self.contributions, {cell: self.outcomes[cell].examples for cell in self.contributions})

    def metric_of(self, cell: Place) -> str:
        """The metric that a cell's runs are reported by."""
        rows = self.content.rows(cell.whole)
        return str(rows.loc[rows["strategy"] == cell.strategy, "metric"].iloc[0])

    def _scores_of(self, cell: Place) -> Sequence[float]:
        """The scores of the runs of `outcomes`, in their order."""
        if self.content.recorded:
            return [record.score for record in self._selected[cell].records.values()]
        rows, with_items = finished(self._runs_of(cell)), self.content.predictions[cell]
        return [float(row["score"]) for row in rows.to_dict("records") if int(row["seed"]) in with_items]

    def probabilities(self, cell: Place) -> Sequence[npt.NDArray[np.float64]] | None:
        """What the runs of one of `outcomes` give each class, `(examples, classes)`; None where that is not known."""
        if not self.content.recorded:
            return None
        if cell not in self._known_probabilities:
            self._known_probabilities[cell] = probabilities(self._selected[cell])
        return self._known_probabilities[cell]

    @cached_property
    def _known_probabilities(self) -> dict[Place, Sequence[npt.NDArray[np.float64]] | None]:
        return {}

    @cached_property
    def _selected(self) -> Mapping[Place, SelectedCell]:
        return {Place.of(item.cell): item for item in self.content.selection.cells}

    def _runs_of(self, cell: Place) -> pd.DataFrame:
        found: pd.DataFrame = self.content.runs.loc[(self.content.runs[list(Place._fields)] == list(cell)).all(axis=1)]
        return found


@lru_cache(maxsize=1)
def per_example(content: Content) -> PerExample:
    """What is known of the single examples of a report."""
    return PerExample(content)
