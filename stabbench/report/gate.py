"""The gate of `stabbench check`: what its limits say of cells, and the verdict as text or Markdown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from stabbench.analysis.gate import Compared, GateCell, compared, gate_cells
from stabbench.analysis.place import Place
from stabbench.analysis.reported import USUAL
from stabbench.analysis.results_notes import UNNAMED_METRIC
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.seed_sanity import Alike
from stabbench.errors import UserError, unknown
from stabbench.report.gate_limits import Limits
from stabbench.report.gate_words import Words, difference, left_out
from stabbench.report.numbers import counted, plain
from stabbench.report.tables import escape_markdown

LISTED = 20
"""Reasons that Markdown lists; of the others it says how many there are."""
About = Literal["missing runs", "failed runs", "standard deviation", "spread", "failures", "untested"]


@dataclass(frozen=True, eq=False)
class Source:
    """Cells to check, or to check against."""

    cells: Mapping[Place, GateCell]
    scoring: Scoring
    name: str
    """What sentences call it: a file, or the folder of the runs."""
    notes: Sequence[str] = ()
    """What was taken for granted when it was read."""

    @classmethod
    def of(cls, runs: pd.DataFrame, seedless: Alike, scoring: Scoring, name: str, notes: Sequence[str] = ()) -> Source:
        """That of a frame of runs."""
        return cls(gate_cells(runs, seedless), scoring, name, notes)

    def chosen(self, models: Collection[str], tasks: Collection[str], strategies: Collection[str]) -> Sequence[Place]:
        """The places with these names, any where none is given; UserError for an unknown name, and where none is left.

        The names are models, tasks and strategies.
        """
        wanted = {"model": models, "task": tasks, "strategy": strategies}
        for part, names in wanted.items():
            known = {getattr(place, part) for place in self.cells}
            for name in names:
                if name not in known:
                    raise unknown(f"{part} in {self.name}:", name, known)
        found = [
            place
            for place in self.cells
            if all(not names or getattr(place, part) in names for part, names in wanted.items())
        ]
        if not found:
            given = ", ".join(f"{part} {' or '.join(names)}" for part, names in wanted.items() if names)
            raise UserError(f"nothing to check: no cell in {self.name} has {given}")
        return found


@dataclass(frozen=True)
class Reason:
    """Why the gate fails, or what it could not test."""

    about: About
    places: Sequence[Place]
    sentence: str


@dataclass(frozen=True, repr=False)
class Verdict:
    """What the gate says. `str(verdict)` is what `stabbench check` prints."""

    reasons: Sequence[Reason]
    """Why it fails, by cell: missing runs, failed runs, standard deviation, comparisons."""
    untested: Sequence[Reason]
    """What could not be tested, a reason each with all of its cells."""
    strict: bool
    checked: str
    """What was checked, for the last line."""
    notes: Sequence[str] = field(default=())
    """What was taken for granted of files."""

    @property
    def passed(self) -> bool:
        """Whether nothing fails; where the gate is strict, also whether all was tested."""
        return not self.reasons and not (self.strict and self.untested)

    @property
    def head(self) -> str:
        """Whether the gate passed, and what was checked."""
        if self.passed:
            return f"passed: {self.checked}"
        parts = [counted(len(self.reasons), "reason")] if self.reasons else []
        if self.strict and self.untested:
            parts.append("not everything could be tested, which --strict asks for")
        return f"failed: {' and '.join(parts)}; {self.checked}"

    def __str__(self) -> str:
        lines = [reason.sentence for reason in self.reasons]
        lines += [f"not tested: {reason.sentence}" for reason in self.untested]
        return "\n".join([*lines, self.head])

    __repr__ = __str__

    def to_markdown(self) -> str:
        """The same for a pull request: of many reasons the first `LISTED`."""
        lines = [f"**stabbench check** {escape_markdown(self.head)}", ""]
        lines += [f"- {escape_markdown(reason.sentence)}" for reason in self.reasons[:LISTED]]
        if len(self.reasons) > LISTED:
            lines.append(f"- and {counted(len(self.reasons) - LISTED, 'reason')} more")
        lines += [f"- not tested: {escape_markdown(reason.sentence)}" for reason in self.untested]
        return "\n".join([*lines, ""]) if len(lines) > 2 else f"{lines[0]}\n"


def judge(source: Source, places: Sequence[Place], limits: Limits, against: Source | None = None) -> Verdict:
    """Hold the cells of `source` at `places` to the limits, and against `against` where there is such a file.

    Raises UserError where a limit cannot be held to anything: an unknown strategy, no cell to compare with, failed runs
    of which nobody says which they are, or scores of other metrics.
    """
    cells = [source.cells[place] for place in places]
    words = Words(
        source.scoring,
        len({place.model for place in source.cells}) > 1,
        limits,
        None if against is None else against.name,
    )
    reasons = [*_missing(cells, words, limits), *_failed(cells, words, limits), *_spread(cells, words, limits)]
    untested: list[Reason] = []
    _note(untested, words.unfinished(cells))
    _note(untested, words.unspread(cells) if limits.max_std is not None else [])
    checked, apart = counted(len(cells), "cell"), list[str]()
    if limits.compares:
        pairs, without = _pairs(source, cells, limits, against)
        found = compared(pairs)
        apart = [words.reported_apart(*pair) for pair in pairs if len({cell.reported or USUAL for cell in pair}) > 1]
        _note(untested, [*words.untested(found), *words.unreachable(found), *words.without_reference(without)])
        if against is not None and limits.not_less_stable_than is None:
            _note(untested, words.gone(_gone(places, source, against)))
        for test in found.tested:
            if test.significant(limits.alpha):
                sentence = difference(words, test, len(found.tested))
                reasons.append(Reason(test.kind, [test.cell.place], sentence))
        checked += f", {_tests(found, limits)}"
    position = {place: number for number, place in enumerate(places)}
    reasons.sort(key=lambda reason: position[reason.places[0]])
    notes = [*source.notes, *(against.notes if against is not None else ()), *apart]
    return Verdict(reasons, untested, limits.strict, checked, list(dict.fromkeys(notes)))


def _note(untested: list[Reason], found: Sequence[tuple[Sequence[Place], str]]) -> None:
    known = {reason.sentence for reason in untested}
    untested += [Reason("untested", places, sentence) for places, sentence in found if sentence not in known]


def _missing(cells: Sequence[GateCell], words: Words, limits: Limits) -> list[Reason]:
    if limits.incomplete:
        return []
    return [Reason("missing runs", [cell.place], words.missing(cell)) for cell in cells if cell.n < cell.planned]


def _failed(cells: Sequence[GateCell], words: Words, limits: Limits) -> list[Reason]:
    if limits.max_failed is None:
        return []
    tasks = dict.fromkeys(cell.place.task for cell in cells if cell.failed is None)
    if tasks:
        raise UserError(
            f"--max-failed: nobody says which runs failed on {left_out(list(tasks))}: give the file a column failed, "
            f"or say the best constant classifier's score with --majority {next(iter(tasks))}=VALUE"
        )
    return [
        Reason("failed runs", [cell.place], words.failed(cell))
        for cell in cells
        if cell.n and (cell.failed or 0) / cell.n > limits.max_failed
    ]


def _spread(cells: Sequence[GateCell], words: Words, limits: Limits) -> list[Reason]:
    if limits.max_std is None:
        return []
    for cell in cells:
        if limits.max_std >= 1 and words.scoring.kind(cell.metric).fraction:
            raise UserError(
                f"--max-std is {limits.max_std:g}, but scores of {words.metric(cell)} are fractions: for "
                f"{limits.max_std:g} of the tables, which are × 100, say {plain(limits.max_std / 100)}"
            )
    return [
        Reason("standard deviation", [cell.place], words.std(cell))
        for cell in cells
        if cell.std > limits.max_std or cell.mostly_failed
    ]


def _pairs(
    source: Source, cells: Sequence[GateCell], limits: Limits, against: Source | None
) -> tuple[list[tuple[GateCell, GateCell]], list[GateCell]]:
    """Each cell with its reference, and the cells that have none."""
    other, name = against or source, limits.not_less_stable_than
    strategies = {place.strategy for place in other.cells}
    if name is not None and name not in strategies:
        hint = "" if against is None else "\nWithout --not-less-stable-than each cell is held against its own there."
        raise UserError(f"{unknown(f'strategy in {other.name}:', name, strategies)}{hint}")
    held = [cell for cell in cells if against is not None or cell.place.strategy != name]
    if not held:
        raise UserError(f"nothing to compare: {name} is the only strategy that was chosen")
    references = {
        cell.place: other.cells.get(cell.place if name is None else cell.place._replace(strategy=name)) for cell in held
    }
    pairs = [(cell, reference) for cell in held if (reference := references[cell.place]) is not None]
    if not pairs:
        place = held[0].place if name is None else held[0].place._replace(strategy=name)
        raise UserError(
            f"nothing to compare: {other.name} has no runs of {place.name}, nor of any other checked cell; it has "
            f"{left_out([found.name for found in other.cells])}"
        )
    for cell, reference in pairs:
        if cell.metric != reference.metric and UNNAMED_METRIC not in (cell.metric, reference.metric):
            raise UserError(
                f"{cell.place.task} is scored by {cell.metric} in {source.name} and by {reference.metric} in "
                f"{other.name}, expected one metric"
            )
    return pairs, [cell for cell in held if references[cell.place] is None]


def _gone(places: Sequence[Place], source: Source, against: Source) -> list[Place]:
    """Cells of the file that `source` lacks, on the models and tasks that are checked."""
    wholes = {place.whole for place in places}
    return [place for place in against.cells if place.whole in wholes and place not in source.cells]


def _tests(found: Compared, limits: Limits) -> str:
    tests = f"{counted(len(found.tested), 'test')} at α = {limits.alpha:g}" if found.tested else "no test"
    same = f", {counted(len(found.same), 'cell')} with the very runs compared with" if found.same else ""
    return f"{tests}{same}"
