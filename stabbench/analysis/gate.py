"""Whether cells are significantly less stable than others: spread and failed runs, adjusted over all that is tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.frame import CELL, MISSING, finished
from stabbench.analysis.pairwise import holm
from stabbench.analysis.permutation import PERMUTATIONS, RESAMPLED_UP_TO
from stabbench.analysis.place import Place
from stabbench.analysis.reported import reported_by
from stabbench.analysis.seed_sanity import Alike
from stabbench.analysis.spread import Array
from stabbench.analysis.stability import MINIMUM_SEEDS, cell_numbers, p_values_of

Kind = Literal["spread", "failures"]
WhyNot = Literal["seeds", "unknown failures", "seedless", "reference seedless", "reference failed", "undefined"]
"""Why a pair of cells is not tested, or not by one of the tests.

`seeds`: fewer than `MINIMUM_SEEDS` finished runs in one of them; `unknown failures`: nobody says which runs failed;
`seedless`, `reference seedless`: the seed changes nothing there, so its spread is no measure; `reference failed`: more
than half of its runs failed, so its spread is none either; `undefined`: the scores allow no p-value.
"""


@dataclass(frozen=True, eq=False)
class GateCell:
    """A cell's runs with the numbers that `analysis.stability` has of them."""

    place: Place
    runs: pd.DataFrame
    metric: str
    planned: int
    n: int
    """Finished runs; the numbers below are over these."""
    std: float
    failed: int | None
    """None where it is not known which runs failed."""
    failed_low: float
    failed_high: float
    """Wilson's 95 % interval of the share."""
    mostly_failed: bool
    seedless: str | None
    """What is alike where the seed seems to change nothing."""
    reported: str = ""
    """Which weights its runs report, in words; empty where that is what is usual, or nobody says."""

    @property
    def scores(self) -> Array:
        """Of the finished runs, shape `(n,)`."""
        return finished(self.runs)["score"].to_numpy(dtype=float)

    @property
    def missing(self) -> list[int]:
        """Seeds of planned runs that have not finished."""
        return [int(seed) for seed in self.runs.loc[self.runs["status"] == MISSING, "seed"]]

    def same_runs_as(self, other: GateCell) -> bool:
        """Whether both have the same seeds with the same scores to the last bit: no test can tell them apart."""
        first, second = (
            cell.runs[["seed", "status", "score"]].sort_values("seed").reset_index(drop=True).astype({"status": str})
            for cell in (self, other)
        )
        return first.equals(second)


def gate_cells(runs: pd.DataFrame, seedless: Alike) -> dict[Place, GateCell]:
    """The cells of a frame of runs in its order; `seedless` says where the seed changes nothing."""
    reported = reported_by(runs)
    cells = [_of(part, seedless) for _, part in runs.groupby(CELL, sort=False, observed=True)]
    return {cell.place: replace(cell, reported=reported.get(cell.place, "")) for cell in cells}


def _of(runs: pd.DataFrame, seedless: Alike) -> GateCell:
    numbers = cell_numbers(runs)
    place = Place(*(numbers[name] for name in CELL))
    failed = numbers["failed"]
    return GateCell(
        place=place,
        runs=runs,
        metric=numbers["metric"],
        planned=numbers["planned"],
        n=numbers["n"],
        std=numbers["std"],
        failed=None if isinstance(failed, NAType) else int(failed),
        failed_low=numbers["failed_low"],
        failed_high=numbers["failed_high"],
        mostly_failed=numbers["mostly_failed"],
        seedless=seedless.get(place),
    )


@dataclass(frozen=True)
class Tested:
    """One test of a cell against its reference."""

    cell: GateCell
    reference: GateCell
    kind: Kind
    p: float
    """Two-sided: of spread the star's (`stability`'s `p_spread`), of failures Fisher's exact."""
    p_holm: float
    """Adjusted over all tests of the comparison."""
    worse: bool
    """Whether the cell has the larger standard deviation, or the larger share of failed runs."""

    def significant(self, alpha: float) -> bool:
        """Whether the cell is significantly less stable."""
        return self.worse and self.p_holm < alpha


@dataclass(frozen=True)
class Untested:
    """What could not be tested of a cell against its reference."""

    cell: GateCell
    reference: GateCell
    why: WhyNot


@dataclass(frozen=True)
class Compared:
    """All cells against their references."""

    tested: Sequence[Tested]
    untested: Sequence[Untested]
    same: Sequence[GateCell]
    """Cells whose runs are those of their reference: there is nothing to test, and they count in no adjustment."""

    def unreachable(self, alpha: float) -> list[GateCell]:
        """Cells whose spread no difference makes significant: there are more tests than permutations allow.

        A permutation p-value is at least one over the number of permutations, which Holm takes times the tests.
        """
        if len(self.tested) < alpha * (PERMUTATIONS + 1):
            return []
        spread = [test for test in self.tested if test.kind == "spread"]
        return [test.cell for test in spread if max(test.cell.n, test.reference.n) <= RESAMPLED_UP_TO]


def compared(pairs: Sequence[tuple[GateCell, GateCell]]) -> Compared:
    """Test each (cell, reference) for a larger spread and for more failed runs.

    Fisher's test is exact for any number of runs, so it is made of few ones too; but under `MINIMUM_SEEDS` it finds
    next to nothing, and the pair is named as untested beside it. Holm's adjustment is over all tests of both kinds.
    """
    same = [cell for cell, reference in pairs if cell.same_runs_as(reference)]
    others = [pair for pair in pairs if pair[0] not in same]
    untested = [Untested(*pair, why) for pair in others for why in _why_not(*pair)]
    spread = [pair for pair in others if not _no_spread(*pair)]
    found = zip(spread, p_values_of([(cell.scores, reference.scores) for cell, reference in spread]), strict=True)
    tests: list[tuple[GateCell, GateCell, Kind, float, bool]] = []
    for (cell, reference), p_values in found:
        if math.isnan(p_values["p_spread"]):
            untested.append(Untested(cell, reference, "undefined"))
        else:
            tests.append((cell, reference, "spread", p_values["p_spread"], cell.std > reference.std))
    for cell, reference in others:
        if cell.failed is None or reference.failed is None:
            continue
        p = fisher_exact(cell.failed, cell.n, reference.failed, reference.n)
        if p is not None:
            tests.append((cell, reference, "failures", p, cell.failed * reference.n > reference.failed * cell.n))
    adjusted = holm(pd.Series([p for *_, p, _ in tests], dtype="float64")).tolist()
    return Compared(
        [
            Tested(cell, reference, kind, p, p_holm, worse)
            for (cell, reference, kind, p, worse), p_holm in zip(tests, adjusted, strict=True)
        ],
        untested,
        same,
    )


def _why_not(cell: GateCell, reference: GateCell) -> list[WhyNot]:
    """Why a pair is not tested, or not by both tests."""
    reasons: list[WhyNot] = list(filter(None, [_no_spread(cell, reference)]))
    if cell.failed is None or reference.failed is None:
        reasons.append("unknown failures")
    return reasons


def _no_spread(cell: GateCell, reference: GateCell) -> WhyNot | None:
    """Why the spread of a pair is not tested; None where it is, as far as can be said before a p-value is there."""
    if min(cell.n, reference.n) < MINIMUM_SEEDS:
        return "seeds"
    if reference.mostly_failed:
        return "reference failed"
    if reference.seedless is not None:
        return "reference seedless"
    return None if cell.seedless is None else "seedless"
