"""How a model's tokenizer reads a task's texts: lengths in tokens, unknown tokens, and what `max_length` cuts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stabbench.models.tokenization import encode, special_tokens
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

    lengths: npt.NDArray[np.int64]
    """Tokens of each example that was looked at, special tokens included and nothing cut, shape `[n]`."""
    examples: int
    """Examples of the task."""
    unknown_share: float
    """The share of tokens, special ones left out, that are the unknown token; 0 where there is none."""

    def facts(self, max_length: int) -> dict[str, Any]:
        """What a plan keeps of it, as plain data."""
        cut = float((self.lengths > max_length).mean())
        median, most, longest = (int(value) for value in np.quantile(self.lengths, [0.5, 0.95, 1.0], method="lower"))
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
            "lengths": [median, most, longest],
            "max_length": max_length,
            "cut_share": round(cut, 6),
            "warnings": warnings,
        }


_KNOWN: dict[tuple[Path, str, str], Reading] = {}


def reading(folder: Path, model_hash: str, task: PreparedTask) -> Reading:
    """The reading of `task` by the tokenizer in `folder`, made once a process for each content of the two.

    UserError where the folder has no tokenizer, or one whose ids the model does not have.
    """
    key = folder, model_hash, task.content_hash
    if key not in _KNOWN:
        _KNOWN[key] = _read(folder, task)
    return _KNOWN[key]


def _read(folder: Path, task: PreparedTask) -> Reading:
    special = special_tokens(folder)
    pair = task.texts("dev")[1] is not None
    nothing = np.zeros(0, dtype=np.int64)
    lengths, unknown, tokens = [], 0, 0
    for split in SPLITS:
        chosen = np.unique(np.linspace(0, task.counts[split] - 1, LOOKED_AT).astype(int))
        total = np.full(len(chosen), len(special.frame(nothing, nothing if pair else None)[0]), dtype=np.int64)
        for texts in task.texts(split):
            if texts is not None:
                encoded = encode(folder, [texts[row] for row in chosen])
                total += encoded.lengths
                unknown += int((encoded.ids == special.unknown).sum()) if special.unknown is not None else 0
                tokens += len(encoded.ids)
        lengths.append(total)
    return Reading(np.concatenate(lengths), sum(task.counts.values()), unknown / max(1, tokens))
