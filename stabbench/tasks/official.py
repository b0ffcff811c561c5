"""Whether data that carry an official data set's name are its official files."""

from __future__ import annotations

from collections.abc import Mapping

from stabbench.datasets import Dataset
from stabbench.tasks.quoting import Quoting
from stabbench.tasks.split_file import SplitFile


def differences(
    dataset: Dataset, counts: Mapping[str, int], quotings: Mapping[str, Quoting], files: Mapping[str, SplitFile]
) -> list[str]:
    """What is not as in the official files, a sentence each; empty for data sets that have none.

    Args:
        dataset: the data set that the data say they are.
        counts: examples of each split.
        quotings: how the texts of each split are quoted.
        files: the files that they were read from; empty where they came from the hub.
    """
    found = []
    for split, official in dataset.counts.items():
        file = files.get(split)
        place = file.path.name if file is not None else split
        if counts[split] != official:
            gap = "" if file is None or file.index_gap is None else _gap(*file.index_gap)
            found.append(f"{place} has {counts[split]:,} examples, the official file {official:,}{gap}")
        if file is not None and file.header and split in dataset.files and file.header != dataset.header(split):
            expected = ", ".join(dataset.header(split) or ())
            found.append(f"{place} has the header {', '.join(file.header)[:120]}, the official file {expected}")
        quoted = quotings[split]
        if quoted.systematic and quoted.first is not None and not dataset.quoted:
            where = "" if file is None else f" (first: line {quoted.first + (1 if file.header is None else 2)})"
            found.append(
                f"{place} has {quoted.fields:,} texts that a CSV writer quoted{where}; the official file is not "
                "quoted, and the marks would be read as text"
            )
    return found


def _gap(line: int, found: str, expected: int) -> str:
    return f" (its column of row numbers leaves their order at line {line}: {found[:20]!r}, expected {expected})"
