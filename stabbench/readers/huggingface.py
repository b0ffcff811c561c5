"""Folders of Hugging Face runs: what `transformers.Trainer` and its example scripts leave in `output_dir`.

Read as transformers 5.23 and 4.x write it: `all_results.json` and `eval_results.json` (metrics, `eval_` before their
names), else the last evaluation in `trainer_state.json`'s `log_history`. `training_args.json`
(`TrainingArguments.to_json_string`), `config.json` and `adapter_config.json` say seed, task and model where they are
there; `training_args.bin` is a pickle and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stabbench.errors import Mistakes
from stabbench.readers.contract import Found, Reader, Run, Source, Value, Wanted, json_of, reading
from stabbench.readers.items import beside
from stabbench.readers.runs import table_of

RESULTS = ("all_results.json", "eval_results.json", "trainer_state.json")
"""The first that there is holds a run's scores."""
_ARGUMENTS = ("training_args.json", "args.json")
_CHECKPOINT = re.compile(r"checkpoint-(\d+)$")
_COUNTS = ("runtime", "samples", "samples_per_second", "steps_per_second", "jit_compilation_time")
_TRAINER_STATE = "trainer_state.json"


class HuggingFace(Reader):
    """Folders of Hugging Face runs, one a run, however deep."""

    description = (
        "folders of Hugging Face runs: all_results.json, eval_results.json, trainer_state.json (transformers 4, 5)"
    )

    def recognises(self, source: Source) -> bool:
        """A folder that holds such files, or one of them."""
        return bool(source.files(*RESULTS))

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run each folder; of one that has checkpoints alone, the last of these."""
        mistakes, runs, unlabelled = Mistakes(), [], []
        for folder, files in _runs(source):
            with reading(folder, mistakes):
                scores, headline = _scores(files)
                items, without = beside(list(files.values()))
                unlabelled += [without] if without else []
                runs.append(Run(str(folder), scores, _facts(files), headline=headline, items=items))
        mistakes.tell()
        found = table_of(runs, source.text, wanted)
        if not unlabelled:
            return found
        more = f" and {len(unlabelled) - 1} more" if len(unlabelled) > 1 else ""
        note = f"Predictions without the labels beside them say nothing of single examples: {unlabelled[0]}{more}."
        return Found(found.table, found.items, [*found.notes, note])


def _runs(source: Source) -> Iterable[tuple[Path, Mapping[str, Path]]]:
    """Each run's folder with its files by name; a checkpoint's belong to the run unless it has its own."""
    by_folder: dict[Path, dict[str, Path]] = {}
    last: dict[Path, int] = {}
    checkpoints: dict[Path, dict[str, Path]] = {}
    for path in source.all_files:
        step = _CHECKPOINT.search(path.parent.name)
        if step is None:
            by_folder.setdefault(path.parent, {})[path.name] = path
            continue
        run, number = path.parent.parent, int(step[1])
        if number > last.get(run, -1):
            last[run], checkpoints[run] = number, {}
        if number == last[run]:
            checkpoints[run][path.name] = path
    for folder in sorted({*by_folder, *checkpoints}):
        own = by_folder.get(folder, {})
        files = {**checkpoints.get(folder, {}), **own}
        if any(name in files for name in RESULTS):
            yield folder, files


def _scores(files: Mapping[str, Path]) -> tuple[dict[str, float], str | None]:
    """A run's metrics by name, without the `eval_` before it, and the one that it chose its best model by."""
    state = json_of(files[_TRAINER_STATE]) if _TRAINER_STATE in files else {}
    history = state.get("log_history")
    rows = [row for row in history if isinstance(row, dict)] if isinstance(history, list) else []
    for name in RESULTS:
        if name in files:
            found = json_of(files[name]) if name != _TRAINER_STATE else _last(rows)
            scores = _metrics(found)
            if scores:
                break
    arguments = _arguments(files)
    chosen = arguments.get("metric_for_best_model")
    headline = str(chosen).removeprefix("eval_") if chosen and chosen != "loss" else None
    return scores, headline


def _last(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last evaluation in a log."""
    evaluations = [row for row in rows if any(str(name).startswith("eval_") for name in row)]
    return evaluations[-1] if evaluations else {}


def _metrics(found: Mapping[str, Any]) -> dict[str, float]:
    scores = {}
    for name, value in found.items():
        evaluated = name.startswith(("eval_", "test_", "predict_"))
        plain = re.sub(r"^(eval|test|predict)_", "", name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if evaluated and number and plain not in _COUNTS:
            scores[name.removeprefix("eval_")] = float(value)
    return scores


def _arguments(files: Mapping[str, Path]) -> Mapping[str, Any]:
    for name in _ARGUMENTS:
        if name in files:
            found: Mapping[str, Any] = json_of(files[name])
            return found
    return {}


def _facts(files: Mapping[str, Path]) -> dict[str, Value]:
    """Seed, task and model as the files say them, and the arguments of the training that are names or numbers."""
    arguments = _arguments(files)
    facts: dict[str, Value] = {
        str(name): value for name, value in arguments.items() if isinstance(value, (str, int, float, bool))
    }
    config = json_of(files["config.json"]) if "config.json" in files else {}
    adapter = json_of(files["adapter_config.json"]) if "adapter_config.json" in files else {}
    task = arguments.get("task_name") or arguments.get("dataset_name") or config.get("finetuning_task")
    model = adapter.get("base_model_name_or_path") or arguments.get("model_name_or_path") or config.get("_name_or_path")
    return {**facts, "task": task or facts.get("task"), "model": model or facts.get("model")}
