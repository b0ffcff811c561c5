"""Logs of Inspect (inspect_ai) in JSON, format version 2 as inspect_ai 0.3 writes it.

A log is a run: its scorer's metrics are its scores (`results.scores[].metrics`), its samples' scores say which are
correct (`C` is 1, `I` and `N` are 0). Logs that end on `.eval` are archives, of which `inspect log convert --to json`
makes such ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.analysis.predictions import Items, checked
from stabbench.errors import Mistakes, UserError
from stabbench.readers.contract import LOOKED_AT, Found, Reader, Run, Source, Value, Wanted, head, json_of, reading
from stabbench.readers.runs import table_of

VERSION = 2
_BEGINS = re.compile(rb"\s*\{\s*\"version\"\s*:\s*\d+\s*,\s*\"status\"\s*:")
_ARCHIVE = b"PK\x03\x04"
_CORRECT = {"C": 1, "I": 0, "N": 0}
_SPREAD = ("stderr", "std", "var", "bootstrap_stderr")


class InspectLogs(Reader):
    """Logs of Inspect, a file or a folder of them."""

    description = "Inspect logs as JSON (inspect_ai 0.3, log version 2; .eval files by `inspect log convert --to json`)"

    def recognises(self, source: Source) -> bool:
        """A JSON file that begins with version and status, an archive of Inspect's, or a folder with one."""
        return any(_is_log(path) or _is_archive(path) for path in source.files("*.json", "*.eval")[:LOOKED_AT])

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run a log; one whose status is not `success` did not finish."""
        mistakes, runs = Mistakes(), []
        for path in source.files("*.json", "*.eval"):
            with reading(path, mistakes):
                if _is_archive(path):
                    raise UserError(
                        f"{path}: an Inspect log as an archive: one that can be read is made by "
                        f"`inspect log convert --to json --output-dir DIR {path}`"
                    )
                if _is_log(path):
                    runs.append(_run(path, json_of(path)))
        mistakes.tell()
        return table_of(runs, source.text, wanted)


def _is_log(path: Path) -> bool:
    return path.suffix == ".json" and _BEGINS.match(head(path)) is not None


def _is_archive(path: Path) -> bool:
    return path.suffix == ".eval" and head(path).startswith(_ARCHIVE)


def _run(path: Path, log: Mapping[str, Any]) -> Run:
    version, about = log.get("version"), log.get("eval")
    if version != VERSION or not isinstance(about, dict):
        raise UserError(f"{path}: an Inspect log of version {version}, expected {VERSION}")
    scores = [each for each in (log.get("results") or {}).get("scores") or [] if isinstance(each, dict)]
    done = log.get("status") == "success"
    if done and not scores:
        raise UserError(f"{path}: the log is a success without scores: was it run with --no-score?")
    several = len(scores) > 1
    metrics = {
        f"{each.get('name')}/{name}" if several else str(name): float(metric["value"])
        for each in scores
        for name, metric in (each.get("metrics") or {}).items()
        if name not in _SPREAD and isinstance(metric.get("value"), (int, float))
    }
    items = _items(log.get("samples") or [], str(scores[0].get("name")), str(path)) if scores else None
    return Run(str(path), metrics, _facts(log, about), [str(about.get("model"))], items=items, finished=done)


def _facts(log: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Value]:
    plan = log.get("plan") or {}
    solvers = [str(step.get("solver")) for step in plan.get("steps") or [] if isinstance(step, dict)]
    generation = {**(plan.get("config") or {}), **(about.get("model_generate_config") or {})}
    facts: dict[str, Value] = {"solver": about.get("solver") or " + ".join(solvers) or None}
    facts |= _plain(generation.items())
    for group in ("metadata", "model_args", "task_args"):
        facts |= _plain((about.get(group) or {}).items())
    task = str(about.get("task") or "").rpartition("/")[2]
    return {**facts, "task": task or None, "model": about.get("model")}


def _plain(values: Iterable[tuple[str, Any]]) -> dict[str, Value]:
    return {name: value for name, value in values if isinstance(value, (str, int, float, bool))}


def _items(samples: Sequence[Mapping[str, Any]], scorer: str, source: str) -> Items | None:
    """Which samples the scorer found right; None where it gives part of a point, or a sample several tries."""
    rows = []
    for sample in samples:
        score = (sample.get("scores") or {}).get(scorer)
        value = score.get("value") if isinstance(score, dict) else None
        value = _CORRECT.get(value) if isinstance(value, str) else value
        if sample.get("epoch", 1) != 1 or not isinstance(value, (int, float)):
            return None
        target = sample.get("target")
        rows.append((sample.get("id"), value, target if isinstance(target, str) else str(target)))
    if not rows:
        return None
    return checked(pd.DataFrame(rows, columns=["example", "correct", "label"]), source)
