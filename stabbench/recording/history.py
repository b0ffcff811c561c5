"""The history and the gradient norms of a run's folder, as arrays of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stabbench.errors import UserError
from stabbench.recording.format import ALIASES, GRADNORMS, HISTORY, Row, rows_of, table_file
from stabbench.training.measured import Evaluated

Floats = np.ndarray[Any, np.dtype[np.float64]]
LAST_STEP = 2**53
_DEV = ("dev_", "eval_")
_NUMBERS = ("train_loss", "learning_rate", "gradient_norm", "clipped_gradient_norm")


@dataclass(frozen=True)
class History:
    """U updates of which the loss is known, and the evaluations of dev; NaN, or None, where nothing is known."""

    steps: Floats
    """`(U,)`, and so are the losses, rates and norms."""
    losses: Floats
    learning_rates: Floats | None
    norms: Floats | None
    clipped_norms: Floats | None
    evaluations: tuple[Evaluated, ...]
    last_step: int
    where: Path | str = ""
    """The file that says it."""

    @classmethod
    def of(cls, rows: Sequence[Row], where: Path | str) -> History:
        """From rows by step, several rows of one step joined; UserError for what is no number."""
        merged: dict[int, dict[str, float]] = {}
        for row in rows:
            values = _canonical(row)
            merged.setdefault(int(values.pop("step")), {}).update(values)
        steps = sorted(merged)
        trained = [step for step in steps if "train_loss" in merged[step]]
        columns = {
            name: np.array([merged[step].get(name, math.nan) for step in trained], dtype=np.float64)
            for name in _NUMBERS
        }
        known = {name: None if np.isnan(column).all() else column for name, column in columns.items()}
        evaluations = (_evaluated(step, merged[step]) for step in steps)
        return cls(
            steps=np.array(trained, dtype=np.int64),
            losses=columns["train_loss"],
            learning_rates=known["learning_rate"],
            norms=known["gradient_norm"],
            clipped_norms=known["clipped_gradient_norm"],
            evaluations=tuple(done for done in evaluations if done is not None),
            last_step=steps[-1] if steps else 0,
            where=where,
        )

    @classmethod
    def read(cls, folder: Path) -> History | None:
        """That of a run's folder; None where it has none."""
        path = table_file(folder, HISTORY)
        return None if path is None else cls.of(rows_of(path, numeric=True), path)


def _canonical(row: Row) -> dict[str, float]:
    """A row by the names of columns that history.parquet has; what is no number there is passed over."""
    if "step" not in row:
        raise UserError(f"{row.place}: found the columns {', '.join(map(str, row))}, expected 'step' among them")
    values: dict[str, float] = {}
    for name, value in row.items():
        prefix = next((prefix for prefix in _DEV if name.startswith(prefix)), None)
        canonical = ALIASES.get(name, name) if prefix is None else f"dev_{name.removeprefix(prefix)}"
        if canonical not in ("step", *_NUMBERS) and prefix is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise UserError(f"{row.place}: {name} is {value!r}, expected a number")
        try:
            values[canonical] = float(value)
        except OverflowError as error:
            raise UserError(f"{row.place}: {name} is {str(value)[:30]}…, expected a number below 1e300") from error
    if not (0 <= values["step"] <= LAST_STEP and values["step"].is_integer()):
        raise UserError(f"{row.place}: step is {row['step']!r}, expected how many updates were done, a whole number")
    return values


def _evaluated(step: int, row: Mapping[str, float]) -> Evaluated | None:
    """The evaluation after a step; None where there was none. Numbers that are not finite are no scores."""
    found = {name.removeprefix("dev_"): value for name, value in row.items() if name.startswith("dev_")}
    if not found:
        return None
    scores = {name: value for name, value in found.items() if name != "loss"}
    loss = found.get("loss")
    if any(not math.isfinite(value) for value in found.values()):
        return Evaluated(step, None, {})
    return Evaluated(step, loss, scores)


@dataclass(frozen=True)
class GradientNorms:
    """The norm of each of T tensors' gradients at N of the updates."""

    steps: tuple[int, ...]
    """`(N,)`: how many updates were done before."""
    tensors: tuple[str, ...]
    """`(T,)`: their names."""
    norms: Floats
    """`(N, T)`; 0 where a tensor was not trained."""

    @classmethod
    def read(cls, folder: Path) -> GradientNorms:
        """Those of a run's folder, none where it has no such table; UserError for what is no norm."""
        path = table_file(folder, GRADNORMS)
        rows = [] if path is None else rows_of(path, ["parameter"], numeric=True)
        found: dict[int, dict[str, float]] = {}
        for row in rows:
            try:
                step, norm = int(row["step"]), float(row["norm"])
                if not 0 <= step <= LAST_STEP or norm < 0:
                    raise ValueError(f"step {step}, norm {norm:g}")
                found.setdefault(step, {})[str(row["parameter"])] = norm
            except (KeyError, ValueError, TypeError, OverflowError) as error:
                has = ", ".join(f"{name} {value!r}" for name, value in row.items())
                raise UserError(f"{row.place}: found {has}, expected step, parameter and norm") from error
        tensors = tuple(dict.fromkeys(name for values in found.values() for name in values))
        steps = tuple(sorted(found))
        norms = [[found[step].get(name, 0.0) for name in tensors] for step in steps]
        return cls(steps, tensors, np.array(norms, dtype=np.float64).reshape(len(steps), len(tensors)))
