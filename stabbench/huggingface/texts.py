"""A task's texts as AutoTokenizer's ids, for training and evaluation, and what a plan says of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from stabbench.models.families.huggingface.quiet import quiet_transformers
from stabbench.models.reading import LOOKED_AT, Reading
from stabbench.tasks.objectives.contract import Array
from stabbench.tasks.prepared import SPLITS, PreparedTask
from stabbench.training.evaluation import of_similar_length

TOKENS_AT_ONCE = {"cpu": 1024, "cuda": 16_384}
"""In an evaluation, by the kind of device."""


@dataclass(frozen=True, eq=False)
class Rows(Dataset[dict[str, Any]]):
    """Tokenized texts as Trainer takes them: `columns` by the model's names for its inputs, `labels` `(n,)`."""

    columns: Mapping[str, list[list[int]]]
    labels: Array
    tokenizer: Any

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {**self._inputs(place), "labels": self.labels[place].item()}

    def _inputs(self, place: int) -> dict[str, Any]:
        return {name: rows[place] for name, rows in self.columns.items()}

    @property
    def lengths(self) -> Any:
        """Tokens of each text, special ones included, `(n,)`."""
        return np.array([len(row) for row in self.columns["input_ids"]], dtype=np.int64)

    def collate(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """A batch, padded to its longest text; labels that are numbers in single precision."""
        inputs = [{name: row[name] for name in self.columns} for row in rows]
        with quiet_transformers():  # which would rather pad while it tokenizes
            batch: dict[str, Tensor] = dict(self.tokenizer.pad(inputs, return_tensors="pt"))
        return {**batch, "labels": torch.tensor([row["labels"] for row in rows])}

    @torch.no_grad()
    def logits(self, model: Any, device: torch.device) -> Tensor:
        """The model's outputs for every text without dropout, `(n, outputs)`, in float64 on the CPU."""
        model.eval()
        chunks = of_similar_length(self.lengths, TOKENS_AT_ONCE.get(device.type, 1024))
        parts = []
        for chunk in chunks:
            batch = self.collate([self[place] for place in chunk])
            del batch["labels"]
            given = {name: tensor.to(device) for name, tensor in batch.items()}
            parts.append(model(**given)["logits"].to("cpu", torch.float64))
        return torch.cat(parts)[np.argsort(np.concatenate(chunks))]


def rows_of(task: PreparedTask, split: Literal["train", "dev"], tokenizer: Any, model: Any, max_length: int) -> Rows:
    """A split, each text cut at `max_length` tokens as run_glue.py cuts it: of a pair the longer text first."""
    with quiet_transformers():
        found = tokenizer(*_texts(task, split), truncation=True, max_length=max_length)
    taken = inspect.signature(model.forward).parameters
    lone = {"input_ids": tokenizer.pad_token_id, "attention_mask": 1}  # where decoders make nothing of an empty text
    columns = {name: [row or [lone.get(name, 0)] for row in rows] for name, rows in found.items() if name in taken}
    return Rows(columns, task.labels(split), tokenizer)


def _texts(task: PreparedTask, split: Literal["train", "dev"]) -> list[list[str]]:
    return [texts for texts in task.texts(split) if texts is not None]


@lru_cache(maxsize=16)
def reading_by(folder: str, content_hash: str, task: PreparedTask) -> tuple[Reading, int]:
    """What a tokenizer that ours do not know makes of a task's texts, and the largest id among these."""
    from pathlib import Path

    from stabbench.huggingface.classifier import tokenizer_of

    tokenizer = tokenizer_of(Path(folder))
    lengths, unknown, tokens, largest = [], 0, 0, int(tokenizer.pad_token_id)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    silent = tokenizer.unk_token_id in (None, tokenizer.eos_token_id, tokenizer.bos_token_id)
    for split in SPLITS:
        chosen = np.unique(np.linspace(0, task.counts[split] - 1, LOOKED_AT).astype(np.int64))
        with quiet_transformers():
            found = tokenizer(*([texts[row] for row in chosen] for texts in _texts(task, split)))["input_ids"]
        for ids in found:
            lengths.append(len(ids))
            largest = max(largest, *ids, 0)
            own = [number for number in ids if number not in special]
            tokens += len(own)
            unknown += 0 if silent else own.count(tokenizer.unk_token_id)
    return Reading(np.array(lengths), sum(task.counts.values()), unknown / max(1, tokens)), largest
