"""Quotation marks that a CSV writer put into a tab-separated file, and lines that a CSV reader would lose."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from operator import methodcaller

import numpy as np
import pandas as pd

_WRAPPED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)


@dataclass(frozen=True)
class Quoting:
    """How the texts of a split are quoted."""

    fields: int
    """Texts in which every mark is as a CSV writer puts it: around the text, and doubled inside."""
    first: int | None
    """The example's number in the source of the first of them."""
    systematic: bool
    """Whether a CSV writer made them: a text that someone says in quotation marks looks the same."""


def quoting(frame: pd.DataFrame) -> Quoting:
    """What the quotation marks of a table of examples look like.

    A CSV writer quotes every text that holds a mark, and some writers all texts: the marks are a writer's where half
    of the texts that hold any are quoted and one holds a doubled mark, or where half of all texts are quoted. In the
    official files of RTE, MRPC, CoLA and QNLI no text holds a doubled mark, and at most an eighth of the texts with a
    mark begin and end with one.
    """
    texts = pd.concat([frame["text_a"], frame["text_b"].dropna()])
    marked = texts[np.array(['"' in text for text in texts.tolist()], dtype=bool)]
    wrapped = marked[[len(text) > 1 and _WRAPPED.fullmatch(text) is not None for text in marked]]
    doubled = bool(wrapped.str.slice(1, -1).str.contains('""', regex=False).any())
    systematic = 2 * len(wrapped) >= len(texts) or (doubled and 2 * len(wrapped) >= len(marked))
    first = int(frame["example"].iloc[wrapped.index.min()]) if len(wrapped) else None
    return Quoting(len(wrapped), first, systematic)


def swallowed(frame: pd.DataFrame) -> int:
    """How many examples a reader with CSV's quoting would lose inside others: a mark without partner opens a field.

    None of it happens here; the number tells what other tools make of the same file.
    """
    opens = methodcaller("startswith", '"')
    if not any(map(opens, frame["text_a"].tolist())) and not any(map(opens, frame["text_b"].dropna().tolist())):
        return 0
    second = frame["text_b"].fillna("-")
    lines = (f"{first}\t{other}\t0\n" for first, other in zip(frame["text_a"], second, strict=True))
    found = 0
    try:
        for _ in csv.reader(lines, delimiter="\t"):
            found += 1
    except csv.Error:  # a field longer than the reader takes: the rest is lost to it
        pass
    return max(0, len(frame) - found)
