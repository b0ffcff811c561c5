"""The sentences of `stabbench check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stabbench.analysis.frame import seed_list
from stabbench.analysis.gate import Compared, GateCell, Tested, Untested, WhyNot
from stabbench.analysis.place import Place
from stabbench.analysis.reported import USUAL
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.report.gate_limits import Limits
from stabbench.report.numbers import counted, interval, p_equation, plain, share, significant, some
from stabbench.report.shown import Shown

NAMED = 6
"""Cells that a sentence about several names; of the others it says how many there are."""


def left_out(names: Sequence[str]) -> str:
    """The first names of a list."""
    return some(names, NAMED)


@dataclass(frozen=True)
class Words:
    """How the gate speaks of cells."""

    scoring: Scoring
    several_models: bool
    limits: Limits
    file: str | None
    """The file that cells are held against."""

    def where(self, place: Place) -> str:
        """`devlin on rte`, with the model where there are several."""
        name = f"{place.strategy} on {place.task}" if place.strategy else place.task
        return f"{name} ({place.model})" if self.several_models else name

    def metric(self, cell: GateCell) -> str:
        """What the cell's metric is called."""
        return self.scoring.name(cell.metric)

    def missing(self, cell: GateCell) -> str:
        """Which planned runs have not finished."""
        seeds = cell.missing
        noun, verb = ("seed", "is") if len(seeds) == 1 else ("seeds", "are")
        return (
            f"{self.where(cell.place)}: {len(seeds)} of {counted(cell.planned, 'planned run')} {verb} missing "
            f"({noun} {seed_list(seeds)})"
        )

    def reported_apart(self, cell: GateCell, reference: GateCell) -> str:
        """That two cells that are compared report different weights."""
        one, other = (each.reported or USUAL for each in (cell, reference))
        beside = f"{self.file}'s" if self.file else reference.place.strategy
        return (
            f"{self.where(cell.place)} reports other weights ({one}) than {beside} ({other}): these scores are not "
            "comparable."
        )

    def failed(self, cell: GateCell) -> str:
        """How many runs failed, and how many may."""
        failed = cell.failed or 0
        return (
            f"{self.where(cell.place)}: {failed} of {counted(cell.n, 'run')} failed ({share(failed / cell.n)}, 95 % "
            f"interval {interval(cell.failed_low, cell.failed_high)}), at most "
            f"{plain(100 * (self.limits.max_failed or 0))} % are allowed"
        )

    def std(self, cell: GateCell) -> str:
        """How large the standard deviation is, and may be; or that it is small because runs failed."""
        limit = self.limits.max_std or 0.0
        shown = Shown.of(self.scoring, cell.metric)
        allowed = plain(shown.factor * limit)
        if cell.std <= limit:
            return (
                f"{self.where(cell.place)}: the standard deviation is {shown.text(cell.std)}, but {cell.failed} of "
                f"{counted(cell.n, 'run')} failed: stable in failure, which is not called stable"
            )
        text = shown.text(cell.std)
        if float(text) <= float(allowed):
            text = plain(significant(shown.factor * cell.std) or 0.0)
        return (
            f"{self.where(cell.place)}: the standard deviation is {text} ({_unit(shown)}), at most {allowed} is allowed"
        )

    def reference(self, cell: GateCell) -> str:
        """What a cell was held against: `mosbach`, `mosbach in main.csv`, or `main.csv`."""
        name = self.limits.not_less_stable_than
        return f"{name} in {self.file}" if name and self.file else name or str(self.file)

    def unfinished(self, cells: Sequence[GateCell]) -> list[tuple[Sequence[Place], str]]:
        """Cells of which no run has finished."""
        return self._told("no run has finished", [(cell, "") for cell in cells if not cell.n])

    def unspread(self, cells: Sequence[GateCell]) -> list[tuple[Sequence[Place], str]]:
        """Cells whose standard deviation is no measure of stability although it is small."""
        seedless = [(cell, cell.seedless) for cell in cells if cell.seedless is not None]
        single = [(cell, "") for cell in cells if cell.n == 1]
        return [*self._told(_SEEDLESS, seedless), *self._told("a single finished run has no spread", single)]

    def untested(self, found: Compared) -> list[tuple[Sequence[Place], str]]:
        """What could not be tested, a sentence a reason."""
        by_reason: dict[str, list[tuple[GateCell, str]]] = {}
        for item in found.untested:
            about = by_reason.setdefault(self._why_not(item), [])
            about.append((item.cell, self._detail(item)))
        return [told for why, about in by_reason.items() for told in self._told(why, about)]

    def without_reference(self, cells: Sequence[GateCell]) -> list[tuple[Sequence[Place], str]]:
        """Cells that there is nothing to compare with."""
        name, file = self.limits.not_less_stable_than, self.file
        what = f"{name} has no runs{f' in {file}' if file else ''} to compare with" if name else f"not in {file}"
        return self._told(what, [(cell, "") for cell in cells])

    def unreachable(self, found: Compared) -> list[tuple[Sequence[Place], str]]:
        """Cells whose spread is lost among too many tests."""
        why = (
            f"{len(found.tested)} tests are too many for any spread to be significant at {self.limits.alpha:g}: check "
            "some models or tasks at a time"
        )
        return self._told(why, [(cell, "") for cell in found.unreachable(self.limits.alpha)])

    def gone(self, places: Sequence[Place]) -> list[tuple[Sequence[Place], str]]:
        """Cells that the file has alone."""
        named = left_out([self.where(place) for place in places])
        return [(places, f"in {self.file} alone: {named}")] if places else []

    def _told(self, why: str, about: Sequence[tuple[GateCell, str]]) -> list[tuple[Sequence[Place], str]]:
        if not about:
            return []
        named = [f"{self.where(cell.place)}{f' ({detail})' if detail else ''}" for cell, detail in about]
        return [([cell.place for cell, _ in about], f"{why}: {left_out(named)}")]

    def _why_not(self, item: Untested) -> str:
        reference = self.reference(item.reference)
        reasons: dict[WhyNot, str] = {
            "seeds": f"fewer than {MINIMUM_SEEDS} finished runs prove nothing",
            "unknown failures": "nobody says which runs failed, so their number is not compared",
            "seedless": _SEEDLESS,
            "reference seedless": f"the seed seems to change nothing in {reference}, so its spread is no measure",
            "reference failed": f"more than half of the runs of {reference} failed, so its spread is no measure",
            "undefined": f"these scores allow no test of their spread against {reference}",
        }
        return reasons[item.why]

    def _detail(self, item: Untested) -> str:
        cell, reference = item.cell, item.reference
        if item.why == "seeds":
            return f"{cell.n} against {reference.n}"
        if item.why == "reference failed":
            return f"{reference.failed} of {reference.n}"
        if item.why == "reference seedless":
            return str(reference.seedless)
        return str(cell.seedless) if item.why == "seedless" else ""


_SEEDLESS = "the seed seems to change nothing, so the spread is no measure"


def difference(words: Words, test: Tested, tests: int) -> str:
    """That a cell is significantly less stable than its reference."""
    cell, reference = test.cell, test.reference
    p = p_equation(test.p_holm).replace("\u00a0", " ")
    where, other = words.where(cell.place), words.reference(reference)
    by = f"{p} after Holm's adjustment over {tests} tests" if tests > 1 else p
    if test.kind == "failures":
        return (
            f"{where}: {cell.failed} of {counted(cell.n, 'run')} failed, significantly more than "
            f"{reference.failed} of {reference.n} of {other} (Fisher's exact test, {by})"
        )
    shown = Shown.of(words.scoring, cell.metric)
    return (
        f"{where}: the standard deviation {shown.text(cell.std)} ({_unit(shown)}) is significantly larger than "
        f"{shown.text(reference.std)} of {other} (Levene's test, {by})"
    )


def _unit(shown: Shown) -> str:
    return f"{shown.name} × 100" if shown.kind.fraction else shown.name
