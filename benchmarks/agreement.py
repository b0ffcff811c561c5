"""Whether our runs and those of Hugging Face's Trainer are drawn from one distribution, for classes and for numbers.

python -m benchmarks.agreement [SEEDS] > agreement.json

A small BERT is pretrained on the grammar's text. Its fine-tuning with `hf-default` (at a rate that this size learns at)
and with `transformers.Trainer`, from the same folder on the same prepared data under as many seeds each, leads to two
samples of dev losses, which Kolmogorov and Smirnov's test compares. No seed means the same on both sides.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from scipy.stats import ks_2samp
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

import stabbench
from benchmarks.machine import conditions
from stabbench.files import read_json
from stabbench.tasks.prepared import SPLITS, PreparedTask

RATE = 3e-3
PARAMS = """
preset: agreement
seeds: 1-{seeds}
grid: {{models: [embedded], tasks: [classes, numbers], strategies: [hf-default]}}
models:
  embedded:
    source: embedded
    pretraining:
      {{layers: 2, hidden_size: 64, heads: 2, intermediate_size: 128, steps: 300, sentences: 4000, pairs: 500}}
tasks:
  classes: {{files: {{train: train.csv, dev: dev.csv}}, text: text, label: kind, labels: [none, one, more]}}
  numbers: {{files: {{train: train.csv, dev: dev.csv}}, text: text, label: count, objective: regression}}
strategies:
  hf-default: {{plugin: hf-default, recipe: {{learning_rate: {rate}, max_length: 64}}}}
"""
WORDS = ("cat", "dog", "bird", "teacher", "the", "every", "sees", "sleeps", "runs", "reads", "some", "friend")


def main(seeds: int = 20) -> None:
    """Train both sides in a temporary folder, and print what was found as JSON."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, rows, seed in (("train", 400, 1), ("dev", 200, 2)):
            _texts(rows, seed).to_csv(folder / f"{split}.csv", index=False)
        (folder / "params.yaml").write_text(PARAMS.format(seeds=seeds, rate=RATE))
        project = stabbench.Project(folder)
        project.prepare()
        project.pretrain()
        project.plan()
        project.train()
        found = {task: _compared(folder, task, seeds) for task in ("classes", "numbers")}
    print(json.dumps({"machine": conditions(), "seeds": seeds, **found}, indent=2))


def _texts(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    texts = [list(random.choice(WORDS, 8)) for _ in range(rows)]
    counts = [sum(word in WORDS[:4] for word in text) for text in texts]
    kinds = ["none" if count < 2 else "one" if count < 4 else "more" for count in counts]
    noisy = np.array(counts) / 4 + random.normal(0, 0.2, rows)
    return pd.DataFrame({"text": [" ".join(text) for text in texts], "kind": kinds, "count": noisy})


def _compared(folder: Path, task: str, seeds: int) -> dict[str, Any]:
    records = sorted((folder / "runs/embedded" / task / "hf-default").glob("seed-*/record.json"))
    ours = [float(read_json(record)["final"]["dev_loss"]) for record in records]
    prepared = PreparedTask.read(folder / "data" / task)
    trainers = [_trained(folder / "models/embedded", prepared, seed) for seed in range(1, seeds + 1)]
    test = ks_2samp(ours, trainers)
    return {
        "ours": ours,
        "trainer": trainers,
        "ks_statistic": float(test.statistic),
        "ks_p": float(test.pvalue),
        "of_constants": prepared.objective.trivial_loss(prepared.labels("dev")),
    }


def _trained(folder: Path, task: PreparedTask, seed: int) -> float:
    """The dev loss at the end of a training with Trainer's own defaults but for the rate."""
    set_seed(seed)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=task.outputs)
    splits = {split: _dataset(task, split, tokenizer) for split in SPLITS}
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out, learning_rate=RATE, seed=seed, use_cpu=True, disable_tqdm=True, save_strategy="no",
            report_to="none", logging_strategy="no",
        )  # fmt: skip
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=splits["train"],
            eval_dataset=splits["dev"],
            data_collator=DataCollatorWithPadding(tokenizer),
        )
        trainer.train()
        return float(trainer.evaluate()["eval_loss"])


def _dataset(task: PreparedTask, split: Any, tokenizer: Any) -> Dataset:
    texts, _ = task.texts(split)
    return Dataset.from_dict({**tokenizer(texts), "labels": task.labels(split).tolist()})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
