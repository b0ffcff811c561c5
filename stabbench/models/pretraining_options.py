"""What decides a pretrained model, beside its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PretrainingOptions:
    """What decides a pretrained model, beside its texts; the sizes and `vocabulary` serve new models only.

    ``max_length`` counts tokens with special ones (longer texts are cut into pieces); ``mask_probability`` is BERT's
    15 %; ``dropout`` acts on hidden states in pretraining only (the saved config keeps BERT's 0.1 for fine-tuning). The
    rate rises linearly over ``warmup_steps`` and falls linearly to 0.
    """

    layers: int = 6
    hidden_size: int = 128
    heads: int = 4
    intermediate_size: int = 512
    vocabulary: Sequence[str] | None = None
    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 5e-4
    warmup_steps: int = 200
    mask_probability: float = 0.15
    max_length: int = 128
    dropout: float = 0.0
    weight_decay: float = 0.01
    adam_beta2: float = 0.98
    max_grad_norm: float = 1.0
    seed: int = 1

    def problems(self) -> list[str]:
        """Everything wrong with these options, one sentence each."""
        counts = ("layers", "hidden_size", "heads", "intermediate_size", "steps", "batch_size")
        found = [f"{name} is {getattr(self, name)}: expected 1 or more" for name in counts if getattr(self, name) < 1]
        if self.heads >= 1 and self.hidden_size % self.heads:
            found.append(f"hidden_size {self.hidden_size} cannot be divided among {self.heads} heads")
        ranges = {
            "warmup_steps": (0 <= self.warmup_steps <= self.steps, f"0 to steps ({self.steps})"),
            "learning_rate": (self.learning_rate > 0, "more than 0"),
            "max_grad_norm": (self.max_grad_norm > 0, "more than 0"),
            "mask_probability": (0 < self.mask_probability < 1, "between 0 and 1"),
            "dropout": (0 <= self.dropout < 1, "0 or more, and less than 1"),
            "max_length": (self.max_length >= 8, "8 or more"),
        }
        outside = {name: expected for name, (within, expected) in ranges.items() if not within}
        return found + [f"{name} is {getattr(self, name)}: expected {range}" for name, range in outside.items()]
