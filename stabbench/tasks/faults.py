"""Rows of a source that cannot be used, told all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from stabbench.tasks.prepared import examples_frame


class Rows:
    """The examples of a source as they come in, and what is wrong with those that cannot be used.

    `count` is how many came, `left_out` how many of these are no examples, by why.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[int, str]] = []
        self.left_out: Counter[str] = Counter()
        self.count = 0
        self._good: list[tuple[int, str, str | None, float]] = []

    def add(
        self,
        number: int,
        texts: Sequence[object],
        label: float | None,
        wrong_label: str,
        example: int | None = None,
    ) -> None:
        """One example: `number` is its line or row, `texts` are one or two; `label` is None where it is unknown.

        `example` is the number that it is known by; by default those before it are counted.
        """
        example, self.count = self.count if example is None else example, self.count + 1
        if label is None:
            self.faults.append((number, wrong_label))
        elif not all(isinstance(text, str) and text.strip() for text in texts):
            self.faults.append((number, "a text is empty, expected a sentence"))
        else:
            first, second = str(texts[0]), str(texts[1]) if len(texts) > 1 else None
            self._good.append((example, first, second, label))

    def spoilt(self, number: int, fault: str) -> None:
        """A line that is no example."""
        self.count += 1
        self.faults.append((number, fault))

    def leave_out(self, why: str) -> None:
        """A row that is no example, though nothing is wrong with it, such as "without a gold label"."""
        self.count += 1
        self.left_out[why] += 1

    @property
    def examples(self) -> int:
        """How many came, without those that are left out."""
        return self.count - self.left_out.total()

    def frame(self, label_type: type = np.int64) -> pd.DataFrame:
        """The examples without fault, as `PreparedTask` wants them; `example` counts all from 0."""
        return examples_frame(self._good, label_type)
