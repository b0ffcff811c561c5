"""One whole fine-tuning with Hugging Face's Trainer, in a process of its own: run_glue.py without its downloads.

python -m benchmarks.trainer_run MODEL_FOLDER TASK_FOLDER padded|dynamic SEED OUT.json
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

from benchmarks.ours import RECIPE
from benchmarks.texts import MAX_LENGTH
from benchmarks.trainer_rival import plain_arguments
from stabbench.files import write_json
from stabbench.tasks.prepared import SPLITS, PreparedTask


def main(model_folder: str, task_folder: str, padding: str, seed: int, out: Path) -> None:
    """Train for 3 epochs, evaluate after each, write steps, scores and arguments to `out`."""
    set_seed(seed)
    task = PreparedTask.read(Path(task_folder))
    tokenizer: Any = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForSequenceClassification.from_pretrained(model_folder, num_labels=len(task.label_names))
    padded = padding == "padded"
    splits = {split: _dataset(task, split, tokenizer, padded) for split in SPLITS}
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=RECIPE.batch_size,
            learning_rate=RECIPE.learning_rate,
            num_train_epochs=RECIPE.epochs,
            warmup_steps=RECIPE.warmup_ratio,
            weight_decay=RECIPE.weight_decay,
            eval_strategy="epoch",
            save_strategy="no",
            seed=seed,
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=splits["train"],
            eval_dataset=splits["dev"],
            processing_class=tokenizer,
            data_collator=default_data_collator if padded else DataCollatorWithPadding(tokenizer),
            compute_metrics=lambda found: {
                name: task.objective.score(metric, np.asarray(found.label_ids), np.asarray(found.predictions))
                for name, metric in task.scorers.items()
            },
        )
        trainer.train()
    evaluations = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    write_json(
        out,
        {
            "steps": trainer.state.global_step,
            "evaluations": len(evaluations),
            "scores": {metric: evaluations[-1][f"eval_{metric}"] for metric in task.metrics},
            "arguments": plain_arguments(arguments),
        },
    )


def _dataset(task: PreparedTask, split: Any, tokenizer: Any, padded: bool) -> Any:
    first, second = task.texts(split)
    columns: dict[str, Any] = {"first": list(first), "label": task.labels(split).tolist()}
    if second is not None:
        columns["second"] = list(second)

    def tokenize(rows: Any) -> Any:
        pairs = (rows["first"],) if second is None else (rows["first"], rows["second"])
        return tokenizer(*pairs, padding="max_length" if padded else False, max_length=MAX_LENGTH, truncation=True)

    return Dataset.from_dict(columns).map(tokenize, batched=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
