"""Whether what a text is padded with changes its logits, found by computing some."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch

from stabbench.models.generic.architecture import GenericArchitecture
from stabbench.models.generic.network import build, unsupported

LAYERS, PIECES = 3, 64
LENGTHS = (5, 12, 31)
"""Tokens of the texts: each is computed alone and beside the others."""
STD = 0.1
LARGEST = 1e-9
"""What rounding in fp64 may make of it; models that look at their padding differ by 1e-6 and more."""


def check_padding(architecture: GenericArchitecture, where: str) -> None:
    """UserError where a text's logits depend on what it is padded with, so that its companions would change them.

    A model of the same config with few layers and word pieces and with random weights is asked.
    """
    found = _difference(architecture.config, architecture.labels, where)
    if isinstance(found, str):
        raise unsupported(architecture.name, f"it cannot compute texts of different lengths together ({found})", where)
    if not found <= LARGEST:
        raise unsupported(
            architecture.name,
            f"a text's logits depend on what it is padded with (by {found:.0e}, measured), so that the texts that "
            "share its batch would change its result",
            where,
        )


@lru_cache(maxsize=8)
def _difference(config: str, labels: int, where: str) -> float | str:
    """By how much logits differ between texts alone and together; a sentence where they cannot be computed."""
    model: Any = build(_small(json.loads(config)), labels, where).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, STD, generator=generator)
    longest = min(LENGTHS[-1], int(getattr(model.config, "max_position_embeddings", None) or LENGTHS[-1]) - 2)
    lengths = torch.tensor([min(length, longest) for length in LENGTHS])
    padding = int(getattr(model.config, "pad_token_id", None) or 0)
    ids = torch.randint(5, PIECES, (len(lengths), longest), generator=generator)
    mask = torch.arange(longest) < lengths.unsqueeze(1)
    ids = ids.masked_fill(~mask, padding)
    try:
        with torch.inference_mode():
            together = model(input_ids=ids, attention_mask=mask.long()).logits
            alone = [
                model(
                    input_ids=row[:length].unsqueeze(0), attention_mask=torch.ones(1, length, dtype=torch.long)
                ).logits
                for row, length in zip(ids, lengths.tolist(), strict=True)
            ]
    except Exception as error:  # whatever another library's model runs into
        return str(error).strip().partition("\n")[0] or type(error).__name__
    difference = (together - torch.cat(alone)).abs().max()
    return float(difference.nan_to_num(torch.inf))


def _small(config: dict[str, Any]) -> str:
    """The same architecture with few layers and word pieces."""
    layers = int(config.get("num_hidden_layers") or config.get("n_layers") or LAYERS)
    fewer = min(layers, LAYERS)
    small = {
        name: value[:fewer] if isinstance(value, list) and len(value) == layers else value
        for name, value in config.items()
        if not name.endswith("_token_id")
    }
    for name in ("num_hidden_layers", "n_layers"):
        if name in small:
            small[name] = fewer
    return json.dumps(small | {"vocab_size": PIECES, "pad_token_id": 1}, sort_keys=True)
