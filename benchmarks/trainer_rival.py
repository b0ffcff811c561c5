"""Two rivals: Hugging Face's Trainer as run_glue.py uses it, padded to 128 or to the longest of a batch."""

from __future__ import annotations

import json
import tempfile
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)
from transformers.utils import logging

from benchmarks.contenders import Control
from benchmarks.ours import Job
from benchmarks.texts import BATCH_SIZE, MAX_LENGTH, TaskTexts

PLACES = ("output_dir", "logging_dir", "run_name", "hub_token")
"""Arguments that say where this run keeps its files."""


def run_padded(control: Control, job: Job, number: int) -> None:
    """Every batch padded to 128, run_glue.py's default."""
    _run(control, job, number, pad_to=MAX_LENGTH)


def run_dynamic(control: Control, job: Job, number: int) -> None:
    """Every batch padded to its longest example."""
    _run(control, job, number, pad_to=None)


def run_padded_bf16(control: Control, job: Job, number: int) -> None:
    """The same with `bf16=True`."""
    _run(control, job, number, pad_to=MAX_LENGTH, bf16=True)


def run_dynamic_bf16(control: Control, job: Job, number: int) -> None:
    """The same with `bf16=True`."""
    _run(control, job, number, pad_to=None, bf16=True)


class Rounds(TrainerCallback):
    """Stops between rounds, after a step is done; the time of a round includes fetching its batches."""

    def __init__(self, control: Control, facts: dict[str, Any]) -> None:
        self.rounds, self.facts, self.left = control, facts, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
        """Everything is loaded: wait for the first round."""
        self.rounds.ready(**self.facts)
        self.left = self.rounds.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
        """Count the step; at the end of a round wait for the next one."""
        self.left -= 1
        if self.left == 0:
            self.rounds.end()
            self.left = self.rounds.begin()
            control.should_training_stop = self.left == 0


def _run(control: Control, job: Job, number: int, pad_to: int | None, *, bf16: bool = False) -> None:
    transformers_logging: Any = logging
    transformers_logging.set_verbosity_error()
    torch.manual_seed(number + 1)
    model = job.shape.classifier()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH_SIZE,
            train_sampling_strategy="sequential",  # the rows are in the order that all contenders share
            use_cpu=True,
            bf16=bf16,
            disable_tqdm=True,
            save_strategy="no",
        )
        facts = {
            "threads": torch.get_num_threads(),
            "arguments": {
                "attention": model.config._attn_implementation,
                "collator": "DataCollatorWithPadding"
                if pad_to is None
                else f"default_data_collator, padded to {pad_to}",
                "TrainingArguments": plain_arguments(arguments),
            },
        }
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=ordered_dataset(job.texts, pad_to, segments=job.shape.segments),
            data_collator=default_data_collator if pad_to else DataCollatorWithPadding(_padding_tokenizer()),
            callbacks=[Rounds(control, facts)],
        )
        trainer.remove_callback(PrinterCallback)  # it would print the end's figures into the table
        trainer.train()


def ordered_dataset(texts: TaskTexts, pad_to: int | None, *, segments: bool = True) -> Any:
    """The training examples in the order of the first epoch, as run_glue.py has them after its preprocessing.

    Without `segments` for models whose tokenizer gives none.
    """
    rows: dict[str, list[Any]] = {"input_ids": [], "token_type_ids": [], "attention_mask": [], "label": []}
    train = texts.train
    for example in texts.epoch().tolist():
        piece = slice(train.offsets[example], train.offsets[example + 1])
        length = int(train.lengths[example])
        filling = [0] * (pad_to - length) if pad_to else []
        rows["input_ids"].append(train.ids[piece].tolist() + filling)
        rows["token_type_ids"].append(train.segments[piece].tolist() + filling)
        rows["attention_mask"].append([1] * length + filling)
        rows["label"].append(int(train.labels[example]))
    if not segments:
        del rows["token_type_ids"]
    return Dataset.from_dict(rows)


def _padding_tokenizer() -> Any:
    """A tokenizer that can do what the collator asks of it: fill up with [PAD], whose id is 0."""
    tokenizer_class: Any = PreTrainedTokenizerFast
    words = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    return tokenizer_class(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")


def plain_arguments(arguments: Any) -> dict[str, Any]:
    """All arguments that JSON can hold, without those of `PLACES`."""
    plain = {}
    for name, value in arguments.to_dict().items():
        if name in PLACES:
            continue
        try:
            json.dumps(value)
        except TypeError:
            continue
        plain[name] = value
    return plain
