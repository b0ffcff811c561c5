"""Results of PEFT's method comparison: a JSON file an experiment, `method_comparison/<task>/results/*.json`.

Read as PEFT 0.15 to 0.19 write them: `run_info` (experiment, `train_config` with seed and model), `train_info`
(`status`, `metrics` by step, the last of which is that of the test set), `meta_info` (data sets, versions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stabbench.errors import Mistakes, UserError
from stabbench.readers.contract import LOOKED_AT, Found, Reader, Run, Source, Value, Wanted, head, json_of, reading
from stabbench.readers.runs import table_of

_BEGINS = re.compile(rb"\s*\{\s*\"run_info\"\s*:\s*\{")
_DONE = "success"
_FORGETTING = "forgetting"
"""By how much the loss on other texts has grown."""


class Peft(Reader):
    """Results of PEFT's method comparison, a file or a folder of them."""

    description = "PEFT's method_comparison results, JSON (PEFT 0.15 to 0.19)"

    def recognises(self, source: Source) -> bool:
        """A JSON file that begins with `run_info`, or a folder with one."""
        return any(_is_one(path) for path in source.files("*.json")[:LOOKED_AT])

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run a file; one whose status is not `success` did not finish."""
        mistakes, runs = Mistakes(), []
        for path in source.files("*.json"):
            if _is_one(path):
                with reading(path, mistakes):
                    runs.append(_run(path, json_of(path)))
        mistakes.tell()
        return table_of(runs, source.text, wanted, lower=[_FORGETTING])


def _is_one(path: Path) -> bool:
    return _BEGINS.match(head(path)) is not None


def _run(path: Path, found: Mapping[str, Any]) -> Run:
    info, training = found["run_info"], found.get("train_info")
    config = info.get("train_config")
    if not isinstance(training, dict) or not isinstance(config, dict):
        raise UserError(f"{path}: no train_info, or no train_config in its run_info: it is no result of an experiment")
    done = training.get("status") == _DONE
    tested = [row for row in training.get("metrics") or [] if any(str(name).startswith("test ") for name in row)]
    if done and not tested:
        raise UserError(f"{path}: its status is {_DONE}, but no metric is of the test set")
    last = tested[-1] if tested else {}
    scores = {
        name: float(value)
        for name, value in last.items()
        if (name.startswith("test ") or name == _FORGETTING) and isinstance(value, (int, float))
    }
    settings: dict[str, Value] = {
        name: value for name, value in config.items() if isinstance(value, (str, int, float, bool))
    }
    experiment, seed = str(info.get("experiment_name") or path.stem), config.get("seed")
    own: dict[str, Value] = {
        "strategy": re.sub(rf"[-_](?:random[-_])?seed[-_]?{seed}$", "", experiment),
        "task": _task(path, found),
        "model": config.get("model_id"),
        "seed": seed,
        "peft_type": (info.get("peft_config") or {}).get("peft_type"),
    }
    return Run(str(path), scores, {**settings, **own}, [experiment], finished=done)


def _task(path: Path, found: Mapping[str, Any]) -> str | None:
    """The folder of the comparison, whose results are in `results`; else the data sets."""
    parents = path.resolve().parents
    if len(parents) > 1 and parents[0].name in ("results", "temporary_results", "cancelled_results"):
        return parents[1].name
    return "+".join((found.get("meta_info") or {}).get("dataset_info") or []) or None
