"""The official files of GLUE, SuperGLUE, SNLI and SciTail, read from a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from stabbench.datasets import Dataset, dataset_for
from stabbench.errors import UserError
from stabbench.folders import own_path
from stabbench.tasks.prepared import SPLITS
from stabbench.tasks.sources.contract import Labelled, Source, Wanted
from stabbench.tasks.sources.lines import read_line
from stabbench.tasks.sources.rows import KnownRows
from stabbench.tasks.split_file import SplitFile
from stabbench.tasks.texts import read_utf8

FOLDER_VARIABLE = "STABBENCH_GLUE_DIR"


@dataclass(frozen=True)
class FolderOptions:
    """Which data set, and whether files of its name are taken whose counts, header or quoting are others."""

    dataset: str
    unofficial: bool = False


class Folder(Source[FolderOptions]):
    """The official files in the folder that STABBENCH_GLUE_DIR names."""

    description = "official files of GLUE, SuperGLUE, SNLI and SciTail, in the folder of STABBENCH_GLUE_DIR"
    Options = FolderOptions

    def read(self, options: FolderOptions, wanted: Wanted) -> Labelled:
        """The examples without fault, and what was seen of the files."""
        dataset = dataset_for("folder", options.dataset)
        folder = folder_from_environment()
        if folder is None:
            raise UserError(
                f"{FOLDER_VARIABLE} is not set: set it to the folder that holds {dataset.paths}, or take "
                f"{dataset.title} from the hub (source: hub)"
            )
        for split in SPLITS:
            split_path(dataset, folder, split)
        files: dict[str, SplitFile] = {split: read_file(dataset, folder, split) for split in SPLITS}
        frames = {split: file.frame for split, file in files.items()}
        left_out = {split: file.left_out for split, file in files.items()}
        return Labelled(dataset, frames, files=files, left_out=left_out, unofficial=options.unofficial)


def folder_from_environment() -> Path | None:
    """The folder that STABBENCH_GLUE_DIR names, from the project's folder on; None where it is unset or empty."""
    value = os.environ.get(FOLDER_VARIABLE, "")
    return own_path(Path(value).expanduser()) if value else None


def split_path(dataset: Dataset, folder: Path, split: Literal["train", "dev"]) -> Path:
    """The file of a split: `<folder>/<data set>/<file>`; UserError where a folder or the file is missing."""
    layout = f"expected <folder>/{dataset.paths}, the official files of {dataset.title}"
    if not folder.is_dir():
        raise UserError(f"{FOLDER_VARIABLE} names {folder}, which is not a folder: {layout}")
    if not (folder / dataset.folder).is_dir():
        raise UserError(f"{folder}: there is no folder {dataset.folder}: {layout}")
    path = folder / dataset.folder / dataset.files[split].name
    if not path.is_file():
        raise UserError(f"{path}: there is no such file: {layout}")
    return path


def read_split(dataset: Dataset, folder: Path, split: Literal["train", "dev"]) -> pd.DataFrame:
    """The examples of a split, as `PreparedTask` wants them; `example` counts from 0 after the header.

    UserError for whatever `read_file` refuses and for all its faults, by line.
    """
    file = read_file(dataset, folder, split)
    if file.message:
        raise UserError(file.message)
    return file.frame


def read_file(dataset: Dataset, folder: Path, split: Literal["train", "dev"]) -> SplitFile:
    """A split's file, tab-separated or JSON objects (`lines.read_line`).

    Faults are a wrong number of columns, a line that is no JSON object or lacks a key, an unknown label or one out of
    range, an empty text and a missing header. Rows that everybody leaves out of the data set are counted. UserError
    where the file is missing, holds bytes that are not UTF-8 (with the line), or no examples.
    """
    if not dataset.files:
        raise ValueError(f"{dataset.name} has no official files")
    path, layout, official = split_path(dataset, folder, split), dataset.files[split].layout, dataset.header(split)
    values = {value: index for index, value in enumerate(dataset.label_values)}
    rows = KnownRows(dataset, values, " or ".join(values))
    lines = _lines(path)
    header = None if official is None or _is_example(lines[0], dataset, split, rows) else tuple(lines[0].split("\t"))
    if official is not None and header is None:
        rows.faults.append((1, f"this is an example, expected the header line {', '.join(official)}"))
    gap: tuple[int, str, int] | None = None
    for number, line in enumerate(lines[header is not None :], start=1 + (header is not None)):
        if gap is None and official is not None and official[0] == "index":
            index = line.split("\t", 1)[0]
            gap = None if index == str(rows.count) else (number, index, rows.count)
        found = read_line(line, layout, dataset.title)
        if found.fault:
            rows.cannot(number, found.fault, short=found.short)
        else:
            rows.take(number, found.texts, found.label, found.place)
    if not rows.examples:
        raise UserError(f"{path}: there are no examples in this file, expected {dataset.title}'s {split} split")
    return SplitFile(path, rows.table(), rows.examples, tuple(rows.faults), header, gap, dict(rows.left_out))


def _is_example(line: str, dataset: Dataset, split: str, rows: KnownRows) -> bool:
    """Whether a line has all columns and a label."""
    found = read_line(line, dataset.files[split].layout, dataset.title)
    return not found.fault and rows.label(found.label) is not None


def _lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file with or without a byte order mark, ended by LF or CR LF."""
    text = read_utf8(path)
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
