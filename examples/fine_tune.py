"""Fine-tune a classifier of texts with Hugging Face's Trainer, as a script of anybody's does.

python fine_tune.py --model MODEL --train_file train.csv --validation_file dev.csv --output_dir out --seed 1

The files have a column `label` (0, 1, …) and one or two of text: `text_a`, and perhaps `text_b`. Nothing here is made
for stabbench but the last option and its three lines: with `--record`, the run leaves all that a record holds, and
without it what Trainer itself writes (`all_results.json`, `trainer_state.json`).
"""

import argparse

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    set_seed,
)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--train_file", required=True)
parser.add_argument("--validation_file", required=True)
parser.add_argument("--output_dir", required=True)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--learning_rate", type=float, default=5e-5)
parser.add_argument("--num_train_epochs", type=float, default=3.0)
parser.add_argument("--max_length", type=int, default=128)
parser.add_argument("--record", action="store_true", help="Leave a whole record.")
args = parser.parse_args()

set_seed(args.seed)  # before the head is drawn
kind = args.train_file.rpartition(".")[2].replace("jsonl", "json")
data = load_dataset(kind, data_files={"train": args.train_file, "validation": args.validation_file})
labels = sorted(set(data["train"]["label"]))
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=len(labels))


def tokenize(rows: dict[str, list[str]]) -> dict[str, list[list[int]]]:
    """Tokens of one text or two."""
    texts = [rows[name] for name in ("text_a", "text_b") if name in rows]
    return dict(tokenizer(*texts, truncation=True, max_length=args.max_length))


def accuracy(found: EvalPrediction) -> dict[str, float]:
    """The share of texts whose largest logit is that of their label."""
    return {"accuracy": float((np.argmax(found.predictions, axis=-1) == found.label_ids).mean())}


trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=args.output_dir,
        seed=args.seed,
        learning_rate=args.learning_rate,
        num_train_epochs=args.num_train_epochs,
        per_device_train_batch_size=16,
        warmup_steps=0.1,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    ),
    train_dataset=data["train"].map(tokenize, batched=True),
    eval_dataset=data["validation"].map(tokenize, batched=True),
    data_collator=DataCollatorWithPadding(tokenizer),
    compute_metrics=accuracy,
)
if args.record:
    from stabbench.huggingface import StabilityCallback

    trainer.add_callback(StabilityCallback(trainer))
trainer.train()
trainer.save_metrics("all", trainer.evaluate())
trainer.save_state()
