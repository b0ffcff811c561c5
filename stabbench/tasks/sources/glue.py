"""GLUE's and SciTail's official tab-separated files, read from a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from stabbench.datasets import Dataset, FileLayout, dataset_for
from stabbench.errors import UserError
from stabbench.folders import own_path
from stabbench.tasks.faults import Rows
from stabbench.tasks.prepared import SPLITS
from stabbench.tasks.sources.contract import Labelled, Source, Wanted
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

    description = "GLUE's and SciTail's official files, in the folder of STABBENCH_GLUE_DIR"
    Options = FolderOptions

    def read(self, options: FolderOptions, wanted: Wanted) -> Labelled:
        """The examples without fault, and what was seen of the files."""
        dataset = dataset_for("folder", options.dataset)
        folder = folder_from_environment()
        if folder is None:
            raise UserError(
                f"{FOLDER_VARIABLE} is not set: set it to the folder that holds {dataset.folder}/train.tsv and "
                f"dev.tsv, or take {dataset.title} from the hub (source: hub)"
            )
        for split in SPLITS:
            split_path(dataset, folder, split)
        files: dict[str, SplitFile] = {split: read_file(dataset, folder, split) for split in SPLITS}
        frames = {split: file.frame for split, file in files.items()}
        return Labelled(dataset, frames, files=files, unofficial=options.unofficial)


def folder_from_environment() -> Path | None:
    """The folder that STABBENCH_GLUE_DIR names, from the project's folder on; None where it is unset or empty."""
    value = os.environ.get(FOLDER_VARIABLE, "")
    return own_path(Path(value).expanduser()) if value else None


def split_path(dataset: Dataset, folder: Path, split: Literal["train", "dev"]) -> Path:
    """The file of a split: `<folder>/<data set>/<split>.tsv`; UserError where a folder or the file is missing."""
    layout = f"expected <folder>/{dataset.folder}/train.tsv and dev.tsv, the official files of {dataset.title}"
    if not folder.is_dir():
        raise UserError(f"{FOLDER_VARIABLE} names {folder}, which is not a folder: {layout}")
    if not (folder / dataset.folder).is_dir():
        raise UserError(f"{folder}: there is no folder {dataset.folder}: {layout}")
    path = folder / dataset.folder / f"{split}.tsv"
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
    """A split's file. Fields are never quoted: a quotation mark is a character like any other.

    Faults are a wrong number of columns, an unknown label, an empty text and a missing header. UserError where the
    file is missing, holds bytes that are not UTF-8 (with the line), or no examples.
    """
    path = split_path(dataset, folder, split)
    layout = dataset.file
    if layout is None:
        raise ValueError(f"{dataset.name} has no TSV files")
    labels = {value: index for index, value in enumerate(dataset.label_values)}
    lines = [line.split("\t") for line in _lines(path)]
    header = _header(lines[0], layout, labels)
    rows = Rows()
    gap: tuple[int, str, int] | None = None
    if layout.header is not None and header is None:
        rows.faults.append((1, f"this is an example, expected the header line {', '.join(layout.header)}"))
    for number, fields in enumerate(lines[header is not None :], start=1 + (header is not None)):
        if gap is None and layout.header is not None and layout.header[0] == "index" and fields[0] != str(rows.count):
            gap = number, fields[0], rows.count
        if len(fields) != layout.columns:
            rows.spoilt(number, f"{len(fields)} tab-separated columns, expected {layout.columns} ({dataset.title})")
            continue
        label = fields[layout.label]
        texts = [fields[layout.text_a], *([] if layout.text_b is None else [fields[layout.text_b]])]
        wrong = f"label {label!r} in column {layout.label + 1}, expected {' or '.join(dataset.label_values)}"
        rows.add(number, texts, labels.get(label), wrong)
    if not rows.count:
        raise UserError(f"{path}: there are no examples in this file, expected {dataset.title}'s {split} split")
    return SplitFile(path, rows.frame(), rows.count, tuple(rows.faults), header, gap)


def _header(first: list[str], layout: FileLayout, labels: dict[str, int]) -> tuple[str, ...] | None:
    """The first line, where the layout has a header and the line is not an example."""
    if layout.header is None or (len(first) == layout.columns and first[layout.label] in labels):
        return None
    return tuple(first)


def _lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file with or without a byte order mark, ended by LF or CR LF."""
    text = read_utf8(path)
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
