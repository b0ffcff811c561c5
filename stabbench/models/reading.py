"""How a model's tokenizer reads a task's texts: lengths in tokens, unknown tokens, and what `max_length` cuts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stabbench.files import sha256_of_file, sha256_of_json
from stabbench.model_files import TOKENIZER_FILES
from stabbench.models.tokenization import Int64, encode, special_tokens
from stabbench.tasks.prepared import SPLITS, PreparedTask

LOOKED_AT = 2_000
"""Examples of a split that are looked at, spread evenly over it."""
UNKNOWN_SHARE = 0.05
"""From this share of unknown tokens on it is a warning: a model reads its own language with next to none."""
CUT_SHARE = 0.10
"""From this share of examples that `max_length` cuts on it is a warning."""


@dataclass(frozen=True)
class Reading:
    """What a tokenizer makes of a task's examples, train and dev together."""

    lengths: Int64
    """Tokens of each example that was looked at, special tokens included and nothing cut, shape `[n]`."""
    examples: int
    """Examples of the task."""
    unknown_share: float
    """The share of tokens, special ones left out, that are the unknown token; 0 where there is none."""

    def facts(self, max_length: int) -> dict[str, Any]:
        """What a plan keeps of it, as plain data."""
        cut = float((self.lengths > max_length).mean())
        median, _, longest = self._quantiles
        warnings = []
        if self.unknown_share >= UNKNOWN_SHARE:
            warnings.append(
                f"{100 * self.unknown_share:.1f} % of the tokens are unknown to the model's tokenizer and read as one "
                "and the same: take a model that was pretrained on such text"
            )
        if cut >= CUT_SHARE:
            warnings.append(
                f"{100 * cut:.1f} % of the examples are cut at max_length {max_length} (median {median}, longest "
                f"{longest} tokens): the rest of them is not read; a larger max_length in the recipe costs time"
            )
        return {
            "looked_at": len(self.lengths),
            "examples": self.examples,
            "unknown_share": round(self.unknown_share, 6),
            "lengths": list(self._quantiles),
            "max_length": max_length,
            "cut_share": round(cut, 6),
            "warnings": warnings,
        }

    @cached_property
    def _quantiles(self) -> tuple[int, int, int]:
        median, most, longest = (int(value) for value in np.quantile(self.lengths, [0.5, 0.95, 1.0], method="lower"))
        return median, most, longest


_KNOWN: dict[tuple[str, str], Reading] = {}


def reading(folder: Path, model_hash: str, task: PreparedTask) -> Reading:
    """The reading of `task` by the tokenizer in `folder`, made once a process for each content of the two.

    `model_hash` is the model's content hash. UserError where the folder has no tokenizer, or one whose ids the model
    does not have.
    """
    key = _tokenizer_hash(folder, model_hash), task.content_hash
    if key not in _KNOWN:
        _KNOWN[key] = _read(folder, task)
    return _KNOWN[key]


@lru_cache
def _tokenizer_hash(folder: Path, model_hash: str) -> str:
    """What the models that share a tokenizer have in common; `model_hash` is that of the folder as it is now."""
    files = [folder / name for name in ("config.json", *TOKENIZER_FILES) if (folder / name).is_file()]
    return sha256_of_json({path.name: sha256_of_file(path) for path in files})


def _read(folder: Path, task: PreparedTask) -> Reading:
    special = special_tokens(folder)
    texts: list[str] = []
    rows: list[Int64] = []
    examples, pair = 0, False
    for split in SPLITS:
        chosen = np.unique(np.linspace(0, task.counts[split] - 1, LOOKED_AT).astype(np.int64))
        for column in task.texts(split):
            if column is not None:
                texts += [column[row] for row in chosen]
                rows.append(examples + np.arange(len(chosen)))
        examples += len(chosen)
        pair = task.texts(split)[1] is not None
    encoded = encode(folder, texts)
    nothing = np.zeros(0, dtype=np.int64)
    lengths = np.full(examples, len(special.frame(nothing, nothing if pair else None)[0]), dtype=np.int64)
    np.add.at(lengths, np.concatenate(rows), encoded.lengths)
    unknown = 0 if special.unknown is None else int((encoded.ids == special.unknown).sum())
    return Reading(lengths, sum(task.counts.values()), unknown / max(1, len(encoded.ids)))
