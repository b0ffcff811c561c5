"""Whether padding, or embeddings in the place of tokens, change a text's logits, found by computing some."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch

from stabbench.models.architecture import Architecture
from stabbench.models.families.huggingface.network import NO_EMBEDDINGS, build, unsupported
from stabbench.models.families.huggingface.quiet import in_short

LAYERS, PIECES = 2, 64
UNUSED = 4
"""The id of every special token, which no text has."""
LENGTHS = (5, 12, 31)
"""Tokens of the texts: each is computed alone and beside the others."""
GAIN = 3.0
"""By how much matrices are larger than drawn, so that logits are not all the same."""
LARGEST = 1e-5
"""What rounding may make of it, in parts of the logits' spread: some models have steps in fp32, off by 1e-7."""


def check_padding(architecture: Architecture, where: str) -> None:
    """UserError where a text's logits depend on what it is padded with, so that its companions would change them.

    Or on whether it is given as tokens or as their embeddings. A model of the same config with few layers and word
    pieces and with random weights is asked.
    """
    found = _differences(architecture.config, architecture.labels, where)
    if isinstance(found, str):
        raise unsupported(architecture.name, f"it cannot compute texts of several lengths in fp64 ({found})", where)
    alone, embedded = found
    if not embedded <= LARGEST:
        raise unsupported(architecture.name, NO_EMBEDDINGS, where)
    if not alone <= LARGEST:
        raise unsupported(
            architecture.name,
            f"a text's logits depend on what it is padded with (by {alone:.0%} of their spread, measured), so that the "
            "texts that share its batch would change its result",
            where,
        )


@lru_cache(maxsize=8)
def _differences(config: str, labels: int, where: str) -> tuple[float, float] | str:
    """By how much logits of texts together differ from those alone, and of embeddings, in parts of their spread.

    A sentence where they cannot be computed. The padding's word vector is not 0 in pretrained models, nor is it here.
    """
    model: Any = build(_small(json.loads(config)), labels, where).double()
    generator = torch.Generator().manual_seed(0)
    padding = int(getattr(model.config, "pad_token_id", None) or 0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data *= GAIN
    table = model.get_input_embeddings().weight.data
    table[padding] = table[0 if padding else 1]
    longest = min(LENGTHS[-1], int(getattr(model.config, "max_position_embeddings", None) or LENGTHS[-1]) - 2)
    lengths = torch.tensor([min(length, longest) for length in LENGTHS])
    ids = torch.randint(UNUSED + 1, PIECES, (len(lengths), longest), generator=generator)
    mask = torch.arange(longest) < lengths.unsqueeze(1)
    ids = ids.masked_fill(~mask, padding)
    try:
        with torch.inference_mode():
            together = model(input_ids=ids, attention_mask=mask.long()).logits
            words = model.get_input_embeddings()(ids)
            embedded = model(inputs_embeds=words, attention_mask=mask.long()).logits
            alone = [
                model(
                    input_ids=row[:length].unsqueeze(0), attention_mask=torch.ones(1, length, dtype=torch.long)
                ).logits
                for row, length in zip(ids, lengths.tolist(), strict=True)
            ]
    except Exception as error:  # whatever another library's model runs into
        return in_short(error)
    differences = torch.stack([together - torch.cat(alone), together - embedded]).abs().amax(dim=(1, 2))
    first, second = (differences / together.std()).nan_to_num(torch.inf).tolist()
    return first, second


def _small(config: dict[str, Any]) -> str:
    """The same architecture with few layers and word pieces."""
    from transformers import CONFIG_MAPPING

    filled: Any = CONFIG_MAPPING[config["model_type"]].from_dict(config)
    layers = int(getattr(filled, "num_hidden_layers", LAYERS))
    fewer = min(layers, LAYERS)
    key = getattr(filled, "attribute_map", {}).get("num_hidden_layers", "num_hidden_layers")
    small = {
        name: value[:fewer] if isinstance(value, list) and len(value) == layers else value
        for name, value in filled.to_dict().items()
    }
    small |= {name: UNUSED for name, value in small.items() if name.endswith("_token_id") and isinstance(value, int)}
    return json.dumps(small | {key: fewer, "vocab_size": PIECES, "pad_token_id": 1}, sort_keys=True)
