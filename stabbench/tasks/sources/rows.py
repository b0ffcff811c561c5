"""Rows of a known data set, from a file or the hub: labels as numbers, and what everybody leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from stabbench.datasets import Dataset
from stabbench.tasks import objectives
from stabbench.tasks.faults import Rows

NO_LABEL = "without a gold label"
NO_TEXT = "without both of their texts"


class KnownRows(Rows):
    """The examples of a data set that is known by name.

    Args:
        dataset: which.
        words: the classes by the words that stand for them.
        expected: what a label is one of, for faults.
    """

    def __init__(self, dataset: Dataset, words: Mapping[str, int], expected: str) -> None:
        super().__init__()
        self._dataset, self._words = dataset, words
        if dataset.label_range is not None:
            low, high = dataset.label_range
            expected = f"a number from {low:g} to {high:g}"
        self._expected = expected

    def take(self, number: int, texts: Sequence[object], label: object, place: str = "") -> None:
        """One row with its label as it is written: an example, a fault or left out; `place` is where the label is."""
        if label in self._dataset.no_label:
            self.leave_out(NO_LABEL)
        elif any(isinstance(text, str) and text.strip() in self._dataset.no_text for text in texts):
            self.leave_out(NO_TEXT)
        else:
            self.add(number, texts, self.label(label), f"label {label!r}{place}, expected {self._expected}")

    def cannot(self, number: int, fault: str, *, short: bool = False) -> None:
        """A line that is no example; `short`: it ends before its last column."""
        if short and self._dataset.no_text:
            self.leave_out(NO_TEXT)
        else:
            self.spoilt(number, fault)

    def label(self, label: object) -> float | None:
        """What a label is in the tables; None for what is none.

        Numbers are read to six digits, which single precision has: the hub's are then those of the files.
        """
        if self._dataset.label_range is None:
            found = self._words.get(label) if isinstance(label, str) else label
            return found if isinstance(found, int) and 0 <= found < len(self._dataset.label_names) else None
        if not isinstance(label, (str, float, int)):
            return None
        try:
            number = float(f"{float(label):.6g}")
        except ValueError:
            return None
        low, high = self._dataset.label_range
        return number if low <= number <= high else None

    def table(self) -> pd.DataFrame:
        """The examples without fault, labels as the data set's objective has them."""
        return self.frame(objectives.find(self._dataset.objective).label_type)
