"""Hugging Face's own training of one seed: `Trainer` as `run_glue.py` uses it, in bf16, padded to 128.

`Trainer` needs the package accelerate. Where that is missing, the same update is written out below (autocast, clipping,
fused AdamW, linear schedule, batches from a `DataLoader`) and the report says so; it does less work between updates.
"""

from __future__ import annotations

import gc
import tempfile
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from benchmarks.gpu_cases import Clock, architecture
from stabbench.models.batch import TokenizedTexts

LENGTH = 128
BATCH = 16
ARGUMENTS: dict[str, Any] = {
    "per_device_train_batch_size": BATCH,
    "learning_rate": 2e-5,
    "warmup_steps": 10,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "optim": "adamw_torch_fused",
    "logging_steps": 500,
    "save_strategy": "no",
    "report_to": [],
    "disable_tqdm": True,
    "seed": 1,
}


def rival_name() -> str:
    """Which of the two is measured here."""
    return "Trainer" if find_spec("accelerate") else "Trainer's update by hand (accelerate is not installed)"


class Rival:
    """One model that is trained some updates at a time."""

    def __init__(self, model: str, texts: TokenizedTexts, device: torch.device) -> None:
        from transformers import BertConfig, BertForSequenceClassification

        shape = architecture(model)
        config: Any = BertConfig(
            vocab_size=shape.vocabulary_size,
            num_hidden_layers=shape.layers,
            hidden_size=shape.hidden_size,
            num_attention_heads=shape.heads,
            intermediate_size=shape.intermediate_size,
        )
        torch.manual_seed(0)
        self.device, self.half = device, device.type == "cuda"
        model_in_full: Any = BertForSequenceClassification(config)
        self.model = model_in_full.to(device)
        self.rows = _padded(texts)

    def advance(self, updates: int, warmup: int = 3) -> list[float]:
        """Seconds of each of so many updates, after some that do not count."""
        clock = Clock(self.device)
        if find_spec("accelerate"):
            self._trainer(updates + warmup, clock)
        else:
            self._by_hand(updates + warmup, clock)
        seconds = clock.seconds()[-updates:]
        gc.collect()
        return seconds

    def _trainer(self, updates: int, clock: Clock) -> None:
        from transformers import Trainer, TrainerCallback, TrainingArguments

        class Marks(TrainerCallback):
            def on_step_end(self, *unused: Any, **unused_too: Any) -> None:
                clock.mark()

        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder, max_steps=updates, bf16=self.half, use_cpu=self.device.type == "cpu", **ARGUMENTS
            )
            trainer = Trainer(self.model, arguments, train_dataset=self.rows, callbacks=[Marks()])
            clock.mark()
            trainer.train()

    def _by_hand(self, updates: int, clock: Clock) -> None:
        model, rows = self.model.train(), cast(Any, self.rows)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / (updates + 1)))
        loader: Any = DataLoader(rows, batch_size=BATCH, shuffle=True, drop_last=True, pin_memory=self.half)
        batches = iter(loader)
        clock.mark()
        for _ in range(updates):
            batch = next(batches, None)
            if batch is None:
                batches = iter(loader)
                batch = next(batches)
            there = {name: values.to(self.device, non_blocking=True) for name, values in batch.items()}
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                loss = model(**there).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            clock.mark()


def _padded(texts: TokenizedTexts, most: int = 2048) -> list[dict[str, torch.Tensor]]:
    """The first examples as Hugging Face's models take them, padded to 128."""
    rows = []
    for number in range(min(most, len(texts))):
        begin, end = texts.offsets[number], texts.offsets[number + 1]
        ids = torch.zeros(LENGTH, dtype=torch.long)
        ids[: end - begin] = torch.from_numpy(texts.ids[begin:end])
        mask = (torch.arange(LENGTH) < int(end - begin)).long()
        label = torch.tensor(int(texts.labels[number]))
        rows.append(
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids), "labels": label}
        )
    return rows
