"""Results of lm-evaluation-harness: `results_<date>.json`, and `samples_<task>_<date>.jsonl` beside it.

Read as lm_eval 0.4 writes them (metrics as `acc,none`: a name and a filter; `higher_is_better`, `group_subtasks`), and
0.3 before it (metrics by name alone). Samples hold each document's metrics; a metric of 0 and 1 says what is correct.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.analysis.predictions import Items, checked
from stabbench.errors import Mistakes, UserError
from stabbench.readers.contract import LOOKED_AT, Found, Reader, Run, Source, Value, Wanted, head, json_of, reading
from stabbench.readers.runs import table_of

_BEGINS = re.compile(rb"\s*\{\s*\"results\"\s*:\s*\{")
_NAMES = ("results*.json", "*_results.json", "*_20[0-9][0-9]-*.json")
_DATE = re.compile(r"_(\d{4}-\d\d-\d\dT[\d-]+(?:\.\d+)?)\.json$")
_NO_FILTER = ",none"
_SEEDS = ("random_seed", "torch_seed", "numpy_seed")


class LmEval(Reader):
    """Results of lm-evaluation-harness, a file or a folder of them."""

    description = "lm-evaluation-harness: results_*.json with samples_*.jsonl beside them (lm_eval 0.4, 0.3)"

    def recognises(self, source: Source) -> bool:
        """A JSON file that begins with `results`, or a folder with one."""
        return any(_is_one(path) for path in _candidates(source)[:LOOKED_AT])

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run each file and task; groups of tasks are left out where their tasks are there."""
        mistakes = Mistakes()
        runs: list[Run] = []
        lower: set[str] = set()
        higher: set[str] = set()
        for path in _candidates(source):
            if not _is_one(path):
                continue
            with reading(path, mistakes):
                found = json_of(path)
                for direction in (found.get("higher_is_better") or {}).values():
                    for name, is_higher in direction.items() if isinstance(direction, dict) else ():
                        (lower if is_higher is False else higher).add(name)
                runs += _runs(path, found)
        mistakes.tell()
        runs = _seeded(runs)
        names = {name for run in runs for name in run.scores}
        lower = {name for name in names if name.partition(",")[0] in lower - higher}
        higher = {name for name in names - lower if name.partition(",")[0] in higher}
        return table_of(runs, source.text, wanted, lower, higher)


def _candidates(source: Source) -> list[Path]:
    return source.files(*_NAMES) if source.is_folder else list(source.all_files)


def _is_one(path: Path) -> bool:
    return path.suffix == ".json" and _BEGINS.match(head(path)) is not None


def _runs(path: Path, found: Mapping[str, Any]) -> list[Run]:
    results = found["results"]
    groups = {name for name, tasks in (found.get("group_subtasks") or {}).items() if tasks}
    config = found.get("config") or {}
    facts: dict[str, Value] = {name: config.get(name) if isinstance(config.get(name), int) else None for name in _SEEDS}
    arguments = config.get("model_args")
    facts |= _arguments(arguments)
    model = str(found.get("model_name") or facts.get("pretrained") or facts.get("model") or "")
    facts["model"] = facts.get("pretrained") if facts.get("peft") else model or None
    runs = []
    for task, values in results.items():
        if task in groups or not isinstance(values, dict):
            continue
        scores = _metrics(values)
        if not scores:
            raise UserError(f"{path}: no metric of the task {task} is a number, found {', '.join(map(str, values))}")
        samples = _samples(path, task)
        items = _items(samples, scores) if samples is not None else None
        runs.append(Run(str(path), scores, {**facts, "task": task}, [model] if model else [], items=items))
    return runs


def _arguments(text: Any) -> dict[str, Value]:
    """`pretrained=gpt2,dtype=float` (a text, or an object in newer versions) as names and values."""
    if isinstance(text, dict):
        return {name: value for name, value in text.items() if isinstance(value, (str, int, float, bool))}
    pairs = [part.partition("=") for part in str(text or "").split(",")]
    return {name.strip(): value.strip() for name, sign, value in pairs if sign}


def _metrics(values: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name, value in values.items():
        metric, _, _ = name.partition(",")
        if metric.endswith("_stderr") or metric in ("sample_len", "alias", "name", "sample_count"):
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name.removesuffix(_NO_FILTER)] = float(value)
    return found


def _samples(path: Path, task: str) -> pd.DataFrame | None:
    """The documents of a task, of the same evaluation."""
    date = _DATE.search(path.name)
    names = [f"samples_{task}_{date[1]}.jsonl"] if date else []
    for name in (*names, f"samples_{task}.jsonl"):
        file = path.with_name(name)
        if file.is_file():
            rows = []
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                if not line.strip():
                    continue
                try:
                    rows.append(json.loads(line))
                except ValueError as error:
                    raise UserError(f"{file}, line {number}: not JSON ({error})") from error
            return pd.DataFrame(rows)
    return None


def _items(samples: pd.DataFrame, scores: Mapping[str, float]) -> Items | None:
    """Which documents are right, by the first metric of the task that is 0 or 1 of each."""
    for name in scores:
        metric, _, kept = name.partition(",")
        rows = samples
        if "filter" in samples and kept:
            rows = samples[samples["filter"] == kept]
        elif "filter" in samples:
            rows = samples[samples["filter"].isin(["none"])] if samples["filter"].eq("none").any() else samples
        if metric in rows and "doc_id" in rows:
            columns = {"example": rows["doc_id"], "correct": rows[metric]}
            if "target" in rows:
                columns["label"] = rows["target"].astype(str)
            found = checked(pd.DataFrame(columns), f"samples of {metric}")
            if found is not None:
                return found
    return None


def _seeded(runs: list[Run]) -> list[Run]:
    """The runs, with the evaluation's seed as theirs where it is not the same for all of them."""
    for name in _SEEDS:
        if len({run.facts.get(name) for run in runs}) > 1:
            return [
                Run(run.where, run.scores, {**run.facts, "seed": run.facts.get(name)}, run.names, items=run.items)
                for run in runs
            ]
    return runs
