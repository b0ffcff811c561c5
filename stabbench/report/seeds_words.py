"""What `stabbench seeds` says of the seeds that cells need, as sentences and as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stabbench.analysis.design import SHAPES, Shape
from stabbench.analysis.pilot import FEWEST
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.seeds_needed import MOST, CellNeeds, Needed, Wanted
from stabbench.report.numbers import counted, listed, plain, share, significant
from stabbench.report.shown import Shown


@dataclass(frozen=True, repr=False)
class SeedsAnswer:
    """The seeds that each cell needs for what is wanted; `str(answer)` is what `stabbench seeds` prints."""

    wanted: Wanted
    cells: Sequence[CellNeeds]
    ratio: Mapping[Shape, Needed]
    """Seeds an arm for the ratio of standard deviations, by what scores look like."""
    scoring: Scoring
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        several = len({needs.cell.place.model for needs in self.cells}) > 1
        lines = [line for needs in self.cells for line in self._cell(needs, several)]
        return "\n".join([*lines, *self._ratio()])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it: `seeds` null with `known` true means more than 100,000 (of the ratio: 400)."""
        wanted = self.wanted
        return {
            "alpha": wanted.alpha,
            "pilot_confidence": wanted.confidence,
            "cells": [self._data(needs) for needs in self.cells],
            **({} if wanted.std_ratio is None else {"std_ratio": self._ratio_data(wanted.std_ratio)}),
        }

    def _ratio_data(self, ratio: float) -> dict[str, Any]:
        return {"ratio": ratio, "power": self.wanted.power, "seeds": dict(self.ratio)}

    def _data(self, needs: CellNeeds) -> dict[str, Any]:
        cell, wanted = needs.cell, self.wanted
        data: dict[str, Any] = {**cell.place._asdict(), "metric": cell.metric, "seeds": cell.n}
        if wanted.margin_mean is not None:
            data["mean"] = {
                "margin": wanted.margin_mean,
                "std": significant(cell.std),
                "std_upper": significant(needs.std_upper),
                "std_upper_if_failing": significant(needs.std_if_failing),
                "known": not math.isnan(needs.std_upper),
                "seeds": needs.mean,
                "seeds_if_failing": needs.mean_if_failing,
            }
        if wanted.margin_failed is not None:
            limits = needs.failed
            data["failed"] = {
                "margin": wanted.margin_failed,
                "runs": cell.failed,
                "low": None if limits is None else significant(limits.low),
                "high": None if limits is None else significant(limits.high),
                "known": limits is not None,
                "seeds": needs.share,
            }
        return data

    def _cell(self, needs: CellNeeds, several: bool) -> list[str]:
        cell = needs.cell
        place = f"{cell.place.strategy} on {cell.place.task}" + (f" ({cell.place.model})" if several else "")
        lines = [*self._mean(needs), *self._share(needs)]
        return [f"{place}, {counted(cell.n, 'seed')}:", *(f"  {line}" for line in lines)] if lines else []

    def _mean(self, needs: CellNeeds) -> list[str]:
        wanted, cell = self.wanted, needs.cell
        if wanted.margin_mean is None:
            return []
        shown = Shown.of(self.scoring, cell.metric)
        what = f"mean {shown.label} to ±{plain(shown.factor * wanted.margin_mean)} ({_level(wanted)} interval)"
        if math.isnan(needs.std_upper):
            return [f"{what}: n/a, {self._why_no_std(needs)}"]
        stds = f"the std is {shown.text(cell.std)} in the pilot, up to {shown.text(needs.std_upper)} by its upper "
        lines = [f"{what}: {_more(needs.mean, cell.n)}; {stds}{share(wanted.confidence)} limit"]
        limits = needs.failed
        if limits is not None and needs.std_if_failing > needs.std_upper:
            lines.append(
                f"  should {share(limits.widest)} of the runs fail, which {cell.failed} of {cell.n} do not rule out: "
                f"{_more(needs.mean_if_failing, cell.n)}; std {shown.text(needs.std_if_failing)}"
            )
        return lines

    def _why_no_std(self, needs: CellNeeds) -> str:
        cell = needs.cell
        if cell.n < FEWEST:
            return f"a pilot needs {FEWEST} finished runs"
        return "all scores are the same" if cell.std == 0 else "not every run has a score"

    def _share(self, needs: CellNeeds) -> list[str]:
        wanted, cell, limits = self.wanted, needs.cell, needs.failed
        if wanted.margin_failed is None:
            return []
        what = f"share of failed runs to ±{plain(100 * wanted.margin_failed)} points ({_level(wanted)} interval)"
        if limits is None:
            why = "nobody says which runs failed (--majority)" if cell.n else "no run has finished"
            return [f"{what}: n/a, {why}"]
        between = f"{share(limits.low)} to {share(limits.high)}"
        seen = f"{cell.failed} of {cell.n} failed in the pilot, which does not rule out {between}"
        return [f"{what}: {_more(needs.share, cell.n)}; {seen}"]

    def _ratio(self) -> list[str]:
        wanted = self.wanted
        if wanted.std_ratio is None:
            return []
        seeds = [f"{_ratio_seeds(self.ratio[shape])} {words}" for shape, words in SHAPES.items()]
        return [
            f"one std {plain(wanted.std_ratio)} times another's, found with power {plain(wanted.power)} at "
            f"α = {plain(wanted.alpha)}: {listed(seeds)} (seeds an arm)"
        ]


def _level(wanted: Wanted) -> str:
    return f"{plain(100 * (1 - wanted.alpha))} %"


def _more(seeds: Needed, n: int) -> str:
    """`60 seeds, 35 more`."""
    if seeds is None:
        return f"more than {MOST:,} seeds"
    return f"{seeds} seeds, {'which there are' if seeds <= n else f'{seeds - n} more'}"


def _ratio_seeds(seeds: Needed) -> str:
    return "more than 400" if seeds is None else str(seeds)
