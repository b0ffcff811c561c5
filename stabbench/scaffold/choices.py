"""Which columns of a table are the texts and the label, and what the labels are: each choice with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stabbench.errors import UserError, nearest
from stabbench.scaffold import naming
from stabbench.scaffold.columns import FEW_NUMBERS, Column, listed, shown
from stabbench.tasks.sources.column_checks import MULTI_LABEL

MOST_CLASSES = 150
"""Above which words are rather no classes, whatever their column is called."""
MOSTLY_FILLED = 0.8
"""The share of rows with a text, below which a column is not taken for one of a pair."""
ALIKE = 2
"""Two texts are taken for a pair where neither is this many times as long as the other."""
_NAMES_OF_CLASSES = {"label", "labels", "class", "category", "intent", "topic", "type", "tag"}

Chosen = tuple[str, str]
"""What is taken, and why."""


@dataclass(frozen=True)
class Asked:
    """What the user has said himself; None and () for what is to be chosen."""

    text: Sequence[str] = ()
    label: str | None = None
    objective: str | None = None


@dataclass(frozen=True, eq=False)
class Choices:
    """The columns of the table that messages call `place`, and what was asked for.

    UserError where a named column is not there or of no use, or one is named twice.
    """

    place: str
    columns: Mapping[str, Column]
    asked: Asked

    def __post_init__(self) -> None:
        if _is_example([*self.columns.values()]):
            raise UserError(
                f"the first line of {self.place} looks like an example, expected the names of the columns "
                f"({', '.join(map(shown, self.columns))}): write one such as text, label above it"
            )
        named = [*self.asked.text, *([] if self.asked.label is None else [self.asked.label])]
        for name in named:
            self._check(name)
        if len(self.asked.text) > 2 or len(set(named)) < len(named):
            raise UserError(
                f"found the columns {', '.join(named)}, expected one text or two, and another for the label"
            )

    def _check(self, name: str) -> None:
        if name not in self.columns:
            close = nearest(name, self.columns)
            hint = f" (is it '{close}'?)" if close else ""
            raise UserError(f"{self.place} has no column '{name}'{hint}; {self.seen}")
        if self.columns[name].kind in ("lists", "empty"):
            what = self.columns[name].kind
            todo = f"{MULTI_LABEL}; " if what == "lists" and name == self.asked.label else ""
            raise UserError(
                f"column '{name}' of {self.place}: found {what}, expected texts or labels; {todo}{self.seen}"
            )

    @property
    def seen(self) -> str:
        """The columns with their kinds, as the end of a message."""
        return f"its columns: {listed(self.columns.values())}"

    def text(self) -> tuple[list[str], str]:
        """The columns of the text or of a pair; UserError where there is none."""
        texts = {
            name: column for name, column in self.columns.items() if column.kind == "text" and name != self.asked.label
        }
        if self.asked.text:
            return list(self.asked.text), f"as asked for{_others(texts, self.asked.text)}"
        if not texts:
            raise UserError(
                f"no column of {self.place} looks like a text, sentences that differ from row to row: name one with "
                f"--text; {self.seen}"
            )
        full = {name: column for name, column in texts.items() if column.share_filled >= MOSTLY_FILLED} or texts
        both = naming.pair(full)
        if both is not None:
            return list(both), f"two texts that belong together by their names{_others(texts, both)}"
        called = [name for name in full if "_".join(naming.parts(name)) in naming.TEXTS]
        short, *_, long = sorted(column.characters for column in full.values()) * 2
        if not called and len(full) == 2 and long <= ALIKE * short:
            return list(full), "two texts of like length, taken for a pair; if one is enough, name it alone"
        longest = max(called or full, key=lambda name: full[name].characters)
        reason = "called like a text" if called else "the longest text"
        size = str(full[longest]).removeprefix("text, ")
        return [longest], f"{reason}: {size}{_others(texts, [longest])}; for a pair: [one, other]"

    def label(self, text: Sequence[str]) -> Chosen:
        """The column of the label, which is none of the texts; UserError where there is none."""
        fit = [column for name, column in self.columns.items() if name not in text and _may_be_label(column)]
        ranked = sorted(fit, key=self._order)
        if self.asked.label is not None:
            if len(self.columns[self.asked.label].counts) < 2:
                raise UserError(
                    f"column '{self.asked.label}' of {self.place} has one value only, expected two or more; {self.seen}"
                )
            return self.asked.label, f"as asked for: {self.columns[self.asked.label]}{_rest(ranked, self.asked.label)}"
        if not ranked:
            raise UserError(
                f"no column of {self.place} looks like a label, few different words or numbers: name one with --label; "
                f"{self.seen}"
            )
        best = ranked[0]
        named = naming.label_rank(best.name) < naming.UNNAMED
        how = "called like a label" if named else "the likeliest of the columns, none of which is called like a label"
        return best.name, f"{how}: {best}{_rest(ranked, best.name)}"

    def _order(self, column: Column) -> tuple[float, bool, bool, int]:
        """By name, then mostly filled ones, then classes; of equals the last, where most tables have the label."""
        many = column.kind in ("numbers", "whole numbers") and len(column.counts) > FEW_NUMBERS
        sparse = column.share_filled < 0.5
        return naming.label_rank(column.name), sparse, many, -list(self.columns).index(column.name)

    def objective(self, label: Column) -> Chosen:
        """Classes, or numbers."""
        none = [float(mark) for mark in marks_of_none(label, (), classes=True) if mark == "-1"]
        numbers = label.numbers and [found for found in label.numbers if found not in none]
        if numbers is None:
            found, reason = "classification", f"the labels are {label.kind if label.kind == 'booleans' else 'words'}"
        elif label.kind == "numbers":
            found, reason = "regression", "the labels are measured numbers; else: classification"
        elif len(numbers) <= FEW_NUMBERS:
            found = "classification"
            reason = f"the labels are {len(numbers)} whole numbers; regression where more is more, as of stars"
        elif _are_codes(label, numbers):
            found = "classification"
            reason = "the labels are whole numbers without a gap, called like classes; else: regression"
        else:
            found = "regression"
            reason = f"the labels are {len(numbers):,} different whole numbers; classification where each is a class"
        if self.asked.objective is not None:
            return self.asked.objective, f"as asked for; by itself {found}: {reason}"
        return found, reason


def _is_example(columns: Sequence[Column]) -> bool:
    """Whether a file has no header: a text is called by a sentence, and another column by one of its own values."""
    sentence = any(column.kind == "text" and len(column.name.split()) >= 4 for column in columns)
    return sentence and any(column.name in column.counts for column in columns)


def _may_be_label(column: Column) -> bool:
    different, filled = len(column.counts), column.filled
    if different < 2 or column.kind in ("lists", "empty", "dates", "identifiers"):
        return False
    if column.kind in ("words", "text"):
        return different <= MOST_CLASSES and different <= filled / 2
    if column.kind == "whole numbers" and naming.label_rank(column.name) >= naming.UNNAMED:
        numbers = column.numbers or []
        return not (different == filled and max(numbers) - min(numbers) == different - 1)  # the rows' own numbers
    return True


def _are_codes(label: Column, numbers: Sequence[float]) -> bool:
    """Whole numbers from 0 or 1 without a gap (and -1 for none), several rows each, under a name of classes."""
    whole = sorted(numbers) == [min(numbers) + step for step in range(len(numbers))]
    named = bool(set(naming.parts(label.name)) & _NAMES_OF_CLASSES)
    return named and whole and min(numbers) in (-1, 0, 1) and len(numbers) <= label.filled / 2


def _others(among: Mapping[str, Column], taken: Sequence[str]) -> str:
    left = [column for name, column in among.items() if name not in taken]
    return f"; other texts: {listed(left)}" if left else ""


def _rest(ranked: Sequence[Column], taken: str) -> str:
    left = [column for column in ranked if column.name != taken]
    more = f", and {len(left) - 4} more" if len(left) > 4 else ""
    return f"; others: {listed(left[:4])}{more}" if left else ""


def marks_of_none(column: Column, others: Sequence[str], classes: bool) -> list[str]:
    """Values that stand for no label: those of the column, the same in `others`, and -1 beside classes from 0 on."""
    found = {**column.nothing, **dict.fromkeys(value for value in others if value in column.nothing or value == "")}
    numbers = sorted(column.numbers or [])
    if classes and numbers[:1] == [-1] and numbers == list(range(-1, len(numbers) - 1)):
        found["-1"] = column.counts["-1"]
    return list(found)


def quoted(value: str) -> str:
    """A value in a sentence; nothing is called so."""
    said = shown(value)
    return "nothing" if value == "" else said if said.startswith("'") else f"'{said}'"
