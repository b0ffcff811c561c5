"""Which tensors were trained alike: effective peak rate, decay and ε, as record.json lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from stabbench.training.adamw import AdamW
from stabbench.training.parts import Parts


def parameter_groups(
    parts: Parts, optimizer: AdamW, scale: Callable[[str], tuple[float, float]], weights: Mapping[str, Tensor]
) -> list[dict[str, Any]]:
    """The groups by what the optimizer got when `scale` gave the factors of a tensor's rate and decay."""
    recipe = parts.recipe
    groups: dict[tuple[float, float], list[str]] = {}
    for name in weights:
        rate, decay = scale(name)
        groups.setdefault((recipe.learning_rate * rate, optimizer.decay[name] * decay), []).append(name)
    sizes = {name: tensor[0].numel() for name, tensor in weights.items()}
    if parts.cut:
        sizes[parts.word_table] = parts.inputs.pretrained[parts.word_table].numel()
    return [
        {
            "learning_rate": rate,
            "weight_decay": decay,
            "epsilon": recipe.adam_epsilon,
            "tensors": names,
            "parameters": sum(sizes[name] for name in names),
        }
        for (rate, decay), names in groups.items()
    ]
