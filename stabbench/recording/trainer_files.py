"""What Hugging Face's Trainer leaves in its output folder: results as JSON, and the log of its training."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from stabbench.errors import UserError
from stabbench.metrics.kinds import metric_kind
from stabbench.recording.format import Row, json_object

RESULTS = ("all_results.json", "eval_results.json")
STATE = "trainer_state.json"
_SPLIT = "eval_"
_MEASURES = re.compile(r"(runtime|.*_per_second|model_preparation_time|samples|mem_.*|epoch|num_input_tokens_seen)")
_LOGGED = ("loss", "learning_rate", "grad_norm")


@dataclass(frozen=True)
class TrainerFiles:
    """What they say of a run."""

    where: Path
    """The file that has its scores."""
    scores: Mapping[str, float | None]
    """Of `eval_` results by metric, the loss left out; empty where there are none."""
    dev_loss: float | None
    history: list[Row]
    total_steps: int | None
    steps_per_epoch: int | None
    seconds: Mapping[str, float]

    @property
    def headline(self) -> str | None:
        """The first metric of a name that is known, else the first."""
        return next((name for name in self.scores if metric_kind(name).known), next(iter(self.scores), None))


def read(folder: Path) -> TrainerFiles | None:
    """Of the folder of a Trainer; None where nothing there is one's."""
    results = next((path for name in RESULTS if (path := folder / name).is_file() and _scored(path)), None)
    state_file = _last_state(folder)
    if results is None and state_file is None:
        return None
    state = {} if state_file is None else json_object(state_file)
    log = state.get("log_history", [])
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise UserError(f"{state_file}: log_history is {str(log)[:60]}, expected a list of objects")
    evaluations = [entry for entry in log if any(name.startswith(_SPLIT) for name in entry)]
    data = json_object(results) if results is not None else (evaluations[-1] if evaluations else {})
    where = results or state_file
    assert where is not None
    found = evaluation_of(data, where)
    loss = found.pop("loss", None)
    steps, epoch = state.get("global_step"), state.get("epoch")
    per_epoch = steps / epoch if _is_positive(steps) and _is_positive(epoch) else math.nan
    times = {name: data.get(f"{split}_runtime") for name, split in (("training", "train"), ("evaluation", "eval"))}
    return TrainerFiles(
        where=where,
        scores=found,
        dev_loss=loss,
        history=list(_history(log, state_file)),
        total_steps=steps if isinstance(steps, int) else None,
        steps_per_epoch=round(per_epoch) if math.isfinite(per_epoch) else None,
        seconds={name: float(value) for name, value in times.items() if _is_positive(value)},
    )


def _scored(path: Path) -> bool:
    return any(name.startswith(_SPLIT) for name in json_object(path))


def _last_state(folder: Path) -> Path | None:
    """The folder's own, else that of the checkpoint with the largest number."""
    if (folder / STATE).is_file():
        return folder / STATE
    numbers = {
        int(match[1]): path
        for path in folder.glob(f"checkpoint-*/{STATE}")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.parent.name))
    }
    return numbers[max(numbers)] if numbers else None


def evaluation_of(data: Mapping[str, Any], where: Path | str) -> dict[str, float | None]:
    """The scores, and `loss`, of what Trainer says of an evaluation; what is no number (a report, a confusion matrix)
    is passed over, and a loss that is none a UserError.
    """
    found: dict[str, float | None] = {}
    for key, value in data.items():
        name = key.removeprefix(_SPLIT)
        if not key.startswith(_SPLIT) or _MEASURES.fullmatch(name):
            continue
        if hasattr(value, "item") and getattr(value, "size", 1) == 1:  # a NumPy number
            value = value.item()
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            found[name] = value
        elif name == "loss":
            raise UserError(f"{where}: {key} is {str(value)[:60]!r}, expected a number")
    return found


def _history(log: Iterable[Mapping[str, Any]], where: Path | None) -> Iterable[Row]:
    """The rows of the log that are of an update; the last one, about the whole training, is not."""
    for entry in log:
        kept = {name: entry[name] for name in _LOGGED if entry.get(name) is not None}
        kept |= {
            f"dev_{name}": value for name, value in evaluation_of(entry, where or Path()).items() if value is not None
        }
        if kept and isinstance(entry.get("step"), int):
            yield Row({"step": entry["step"], **kept}, f"{where}, step {entry['step']}")


def _is_positive(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and value > 0
