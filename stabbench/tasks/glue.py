"""GLUE's and SciTail's official tab-separated files, read from a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pandas as pd

from stabbench.errors import UserError
from stabbench.tasks.prepared import examples_frame
from stabbench.tasks.registry import Dataset

FOLDER_VARIABLE = "STABBENCH_GLUE_DIR"


def folder_from_environment() -> Path | None:
    """The folder that STABBENCH_GLUE_DIR names, or None where it is unset or empty."""
    value = os.environ.get(FOLDER_VARIABLE, "")
    return Path(value).expanduser() if value else None


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

    Fields are never quoted: a quotation mark is a character like any other. UserError with file and
    line for a wrong number of columns, an unknown label, an empty text, a missing header, bytes that
    are not UTF-8, and for an empty file.
    """
    path = split_path(dataset, folder, split)
    layout = dataset.file
    if layout is None:
        raise ValueError(f"{dataset.name} has no TSV files")
    lines = _lines(path)
    numbers = {value: index for index, value in enumerate(dataset.label_values)}
    rows: list[tuple[int, str, str | None, int]] = []
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        if len(fields) != layout.columns:
            raise UserError(
                f"{path}, line {number}: {len(fields)} tab-separated columns, expected {layout.columns} "
                f"({dataset.title}); is this the official file, unquoted?"
            )
        label = fields[layout.label]
        if number == 1 and layout.label_header is not None:
            if label != layout.label_header:
                raise UserError(
                    f"{path}, line 1: column {layout.label + 1} is {label!r}, expected the header "
                    f"{layout.label_header!r}; {dataset.title}'s files start with a header line"
                )
            continue
        if label not in numbers:
            known = " or ".join(dataset.label_values)
            raise UserError(f"{path}, line {number}: label {label!r} in column {layout.label + 1}, expected {known}")
        texts = fields[layout.text_a], None if layout.text_b is None else fields[layout.text_b]
        if any(text is not None and not text.strip() for text in texts):
            raise UserError(f"{path}, line {number}: a text is empty, expected a sentence")
        rows.append((len(rows), texts[0], texts[1], numbers[label]))
    if not rows:
        raise UserError(f"{path}: there are no examples in this file, expected {dataset.title}'s {split} split")
    return examples_frame(rows)


def _lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file with or without a byte order mark, ended by LF or CR LF."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
