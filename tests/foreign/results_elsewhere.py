"""Small results in the shapes that other programs write, with invented values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

STRATEGIES, SEEDS = ("mosbach", "devlin"), (1, 2, 3)
LABELS = [0, 1, 1, 0, 1, 1, 0, 1]
"""Of eight examples, five of which are of class 1."""


def cells() -> Iterator[tuple[str, int, float]]:
    """Strategy, seed and an accuracy in eighths."""
    for strategy in STRATEGIES:
        for seed in SEEDS:
            yield strategy, seed, (6 + seed % 2 if strategy == "mosbach" else 7 - seed) / 8


def predicted(accuracy: float, seed: int) -> list[int]:
    """Predictions of this accuracy, wrong on examples that the seed chooses."""
    wrong = {(seed + place) % len(LABELS) for place in range(round(len(LABELS) * (1 - accuracy)))}
    return [1 - label if place in wrong else label for place, label in enumerate(LABELS)]


def put(path: Path, content: Any) -> Path:
    """A JSON file, indented as most programs write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return path


def huggingface(root: Path, predictions: bool = False) -> Path:
    """What transformers' example script leaves in the folder of each run (transformers 5.23)."""
    for strategy, seed, accuracy in cells():
        folder = root / "rte" / strategy / f"seed-{seed}"
        metrics = {"eval_loss": 1.25 - accuracy, "eval_accuracy": accuracy, "eval_runtime": 1.5, "epoch": 3.0}
        put(folder / "all_results.json", {**metrics, "train_loss": 0.3, "train_runtime": 9.5, "eval_samples": 8})
        history = [{"loss": 0.6, "step": 10}, {**metrics, "step": 20, "eval_accuracy": 0.5}]
        put(folder / "checkpoint-20" / "trainer_state.json", {"global_step": 20, "log_history": history})
        put(folder / "trainer_state.json", {"global_step": 20, "best_metric": None, "log_history": history})
        put(folder / "config.json", {"model_type": "bert", "_name_or_path": "bert-base-uncased"})
        if predictions:
            table = pd.DataFrame({"label": LABELS, "prediction": predicted(accuracy, seed)})
            table.to_csv(folder / "predictions.csv", index=False)
    return root


def wandb(path: Path) -> Path:
    """The table of runs, as W&B's page exports it."""
    rows = [
        {
            "Name": f"{strategy}-rte-{seed}",
            "State": "finished",
            "Notes": "-",
            "User": "ada",
            "Tags": "",
            "Created": "2026-01-02T03:04:05.000Z",
            "Runtime": 61,
            "Sweep": "",
            "method": strategy,
            "seed": seed,
            "learning_rate": 2e-5,
            "eval/accuracy": accuracy,
            "eval/loss": 1.25 - accuracy,
        }
        for strategy, seed, accuracy in cells()
    ]
    rows.append({**rows[0], "Name": "mosbach-rte-4", "seed": 4, "State": "crashed", "eval/accuracy": 0.125})
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def lm_eval(root: Path) -> Path:
    """Results and samples of lm_eval 0.4, a folder a model."""
    for strategy, seed, accuracy in cells():
        date, model = f"2026-01-0{seed}T10-00-00.123456", f"runs/{strategy}/seed-{seed}"
        folder = root / model.replace("/", "__")
        task = {"alias": "boolq", "acc,none": accuracy, "acc_stderr,none": 0.1}
        group = {"alias": "super", "acc,none": accuracy}
        found = {
            "results": {"super": group, "boolq": task},
            "group_subtasks": {"super": ["boolq"], "boolq": []},
            "configs": {},
            "higher_is_better": {"boolq": {"acc": True}},
            "config": {"model": "hf", "model_args": f"pretrained={model},dtype=float", "random_seed": 0},
            "model_name": model,
        }
        put(folder / f"results_{date}.json", found)
        samples = [
            {"doc_id": place, "target": str(label), "filter": "none", "acc": float(label == guess)}
            for place, (label, guess) in enumerate(zip(LABELS, predicted(accuracy, seed), strict=True))
        ]
        (folder / f"samples_boolq_{date}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    return root


def inspect(root: Path) -> Path:
    """JSON logs of inspect_ai 0.3, format version 2."""
    for strategy, seed, accuracy in cells():
        scores = [
            {"name": "match", "scorer": "match", "metrics": {"accuracy": {"name": "accuracy", "value": accuracy}}}
        ]
        samples = [
            {
                "id": f"q{place}",
                "epoch": 1,
                "input": "?",
                "target": str(label),
                "scores": {"match": {"value": "C" if label == guess else "I", "answer": str(guess)}},
            }
            for place, (label, guess) in enumerate(zip(LABELS, predicted(accuracy, seed), strict=True))
        ]
        log = {
            "version": 2,
            "status": "success",
            "eval": {"task": "suite/arithmetic", "model": "hf/tiny", "task_args": {}, "config": {"limit": 8}},
            "plan": {"steps": [{"solver": strategy, "params": {}}], "config": {"seed": seed}},
            "results": {"total_samples": 8, "scores": scores},
            "samples": samples,
        }
        put(root / f"2026-01-0{seed}T10-00-00_{strategy}.json", log)
    return root


def peft(root: Path) -> Path:
    """Results of PEFT's method comparison (PEFT 0.15 to 0.19)."""
    for strategy, seed, accuracy in cells():
        experiment = f"lora/{strategy}-seed_{seed}"
        steps: list[Mapping[str, float]] = [
            {"step": 20, "valid accuracy": 0.25, "train loss": 0.5},
            {"step": 20, "test accuracy": accuracy, "train loss": 0.5, "forgetting": 0.01},
        ]
        found = {
            "run_info": {
                "created_at": "2026-01-02T03:04:05+00:00",
                "experiment_name": experiment,
                "error_msg": "",
                "train_config": {"model_id": "tiny/llama", "seed": seed, "max_steps": 20, "optimizer_kwargs": {}},
                "peft_config": {"peft_type": "LORA", "r": 8},
            },
            "train_info": {"status": "success", "train_time": 2.5, "metrics": steps},
            "meta_info": {"dataset_info": {"metamath": {}, "gsm8k": {}}},
        }
        put(root / "MetaMathQA" / "results" / f"{experiment.replace('/', '--')}.json", found)
    return root


def benchopt(path: Path) -> Path:
    """A benchmark's results, two points of each solver's curve (benchopt 1.10)."""
    rows = [
        {
            "base_seed": 0,
            "objective_name": "Error[reg=0.1]",
            "obj_description": "",
            "solver_name": strategy,
            "dataset_name": "Simulated[n=8]",
            "idx_rep": seed - 1,
            "stop_val": stop,
            "time": 0.1 * stop,
            "objective_value": accuracy + 10 / stop,
            "objective_test_accuracy": accuracy,
            "p_solver_step": 0.5,
        }
        for strategy, seed, accuracy in cells()
        for stop in (1, 10)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(path)
    return path
