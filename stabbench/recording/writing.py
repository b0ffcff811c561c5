"""A run's folder while the run is at work: tables grow line by line, `stabbench.json` is written at the end."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.files import write_text, writing
from stabbench.recording.format import DESCRIPTION, ENDINGS, ERROR, FORMAT, GRADNORMS, HISTORY, PREDICTIONS, TABLES
from stabbench.records.content import RunError
from stabbench.records.store import make_folder


class RunWriter:
    """Writes a run's folder; what another attempt left there of the format is removed first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)
        left = [DESCRIPTION, ERROR, *(f"{table}{ending}" for table in TABLES for ending in ENDINGS)]
        for name in left:  # the description first: without it nothing is taken for a finished run
            (folder / name).unlink(missing_ok=True)
        self._files: dict[str, TextIOWrapper] = {}

    def history(self, row: Mapping[str, Any]) -> None:
        """Add a row to the history."""
        self._append(HISTORY, [row])

    def gradient_norms(self, step: int, norms: Mapping[str, float]) -> None:
        """Add the norms of all tensors after `step` updates."""
        self._append(GRADNORMS, ({"step": step, "parameter": name, "norm": norm} for name, norm in norms.items()))

    def predictions(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write the predictions, a value an example in each column."""
        if PREDICTIONS in self._files:  # of a try that was refused
            self._files.pop(PREDICTIONS).close()
        (self.folder / f"{PREDICTIONS}.jsonl").unlink(missing_ok=True)
        rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        self._append(PREDICTIONS, rows)

    def finish(self, description: Mapping[str, Any]) -> None:
        """Write `stabbench.json`: from now on this is the folder of a finished run."""
        self.close()
        self._json(
            DESCRIPTION, {"format": FORMAT, **{name: value for name, value in description.items() if value is not None}}
        )

    def broke(self, error: RunError) -> None:
        """Leave what broke the run."""
        self.close()
        (self.folder / DESCRIPTION).unlink(missing_ok=True)
        self._json(ERROR, vars(error))

    def close(self) -> None:
        """Close what is open."""
        while self._files:
            self._files.popitem()[1].close()

    def _append(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        path = self.folder / f"{table}.jsonl"
        with writing(path):
            if table not in self._files:
                self._files[table] = path.open("a", encoding="utf-8")
            self._files[table].writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
            self._files[table].flush()

    def _json(self, name: str, content: Mapping[str, Any]) -> None:
        """With NaN and infinity as Python writes and reads them: a score may be such a number."""
        write_text(self.folder / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def number(name: str, value: Any) -> float:
    """A number of a loop's: Python's, NumPy's, or a tensor of one element; UserError for anything else."""
    try:
        found = float(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UserError(f"{name} is a {type(value).__name__}, expected a number ({error})") from error
    if isinstance(value, bool):
        raise UserError(f"{name} is {value}, expected a number")
    return found


def whole(name: str, value: Any, least: int = 0) -> int:
    """A whole number; UserError for anything else."""
    found = number(name, value)
    if not math.isfinite(found) or found != int(found) or found < least:
        raise UserError(f"{name} is {value}, expected a whole number of {least} or more")
    return int(found)


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A mapping by texts; UserError for anything else."""
    if value is not None and not isinstance(value, Mapping):
        raise UserError(f"{name} is a {type(value).__name__}, expected a mapping such as {{'name': value}}")
    return {str(key): entry for key, entry in (value or {}).items()}


def column(name: str, values: Any) -> list[Any]:
    """A list of Python's numbers, texts or lists of numbers, from a list, an array or a tensor."""
    found = values.detach().cpu().float() if _is_half(values) else values
    found = found.detach().cpu() if hasattr(found, "detach") else found
    if getattr(found, "shape", ())[1:] == (1,) and name != "logits":  # a column vector
        found = found.reshape(-1)
    found = found.tolist() if hasattr(found, "tolist") else list(found)
    if not isinstance(found, list) or not found:
        raise UserError(f"{name} is {str(values)[:60]}, expected a value an example")
    return [value.item() if hasattr(value, "item") else value for value in found]


def _is_half(values: Any) -> bool:
    return str(getattr(values, "dtype", "")) in ("torch.bfloat16", "torch.float16")
