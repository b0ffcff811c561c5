"""The folder that is published: every file of it, made in memory and written where nothing else lies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from stabbench.errors import UserError
from stabbench.files import check_writable, write_bytes
from stabbench.publishing.card import card, description_of, title_of
from stabbench.publishing.citation import citation_cff, zenodo_json
from stabbench.publishing.every_eval_ever import FOLDER, every_eval_ever
from stabbench.publishing.said import Said
from stabbench.publishing.tables import parquet, predictions_table, runs_table
from stabbench.readers.published import MARK, PREDICTIONS, RUNS, VERSION
from stabbench.report.content import Content


@dataclass(frozen=True)
class Published:
    """What was made: files by their path below the folder, and what was left out, a sentence each."""

    files: Mapping[str, bytes]
    notes: Sequence[str]


def published_files(content: Content, said: Said, *, predictions: bool = False) -> Published:
    """All files of a report's content; the same records give the same bytes.

    Neither texts of data sets nor paths, machines, commits or times are in them, but the moment that Every Eval Ever
    asks for. UserError where predictions are asked for and no run has any.
    """
    runs = runs_table(content)
    files = {RUNS: parquet(runs, {MARK: VERSION})}
    rows = {"runs": len(runs)}
    if predictions:
        predicted = predictions_table(content)
        if predicted is None:
            raise UserError("no run has predictions: leave --predictions out")
        files[PREDICTIONS], rows["predictions"] = parquet(predicted), len(predicted)
    title = title_of(content, said)
    described = description_of(content)
    evaluations, notes = every_eval_ever(content, said)
    texts = {
        "README.md": card(content, said, title, rows),
        "CITATION.cff": citation_cff(said, title, described),
        ".zenodo.json": json.dumps(zenodo_json(said, title, described), indent=2, ensure_ascii=False) + "\n",
    }
    return Published({**files, **{name: text.encode() for name, text in texts.items()}, **evaluations}, notes)


def check_folder(out: Path, *, force: bool = False) -> None:
    """UserError where `out` cannot be written, is a file, or holds anything but hidden files.

    With `force` it may hold what was published before, and whatever else was put beside that.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file, expected a folder to write into")
    others = sorted(path.name for path in out.iterdir() if path.name[0] != ".") if out.is_dir() else []
    published = is_published(out)
    if others and not (force and published):
        advice = "--force replaces what was published there" if published else "choose a new folder"
        raise UserError(f"{out} is not empty (it holds {others[0]}): {advice}")
    check_writable(out)


def is_published(folder: Path) -> bool:
    """Whether a folder holds what `stabbench publish` writes."""
    try:
        return MARK in (pyarrow.parquet.read_schema(folder / RUNS).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def write_published(published: Published, out: Path) -> None:
    """Write the files into `out`; of an older publication nothing stays."""
    (out / PREDICTIONS).unlink(missing_ok=True)
    for path in (out / FOLDER).rglob("*.json"):
        path.unlink()
    for name, content in published.files.items():
        write_bytes(out / name, content)
