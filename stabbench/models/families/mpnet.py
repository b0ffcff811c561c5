"""MPNet (Song et al., 2020): RoBERTa's positions, and a bias by distance that all layers add to their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stabbench.models.architecture import Architecture, DropoutPlaces, ModelTensor
from stabbench.models.families.after_padding import AfterPaddingFamily
from stabbench.models.families.contract import Computation
from stabbench.models.families.relative import RelativeFamily
from stabbench.models.families.unpadded import ACTIVATIONS, DROPOUTS, table

if TYPE_CHECKING:
    import torch

BUCKETS = 32
"""Of distances, whatever the config says, as in transformers."""
PADDING = 1
"""The id after which positions count, whatever the config says, as in transformers."""


class Mpnet(RelativeFamily, AfterPaddingFamily):
    """MPNet; values are dropped before the head's dense layer, too, as in transformers."""

    name = "mpnet"
    class_name = "MPNet"
    prefix = "mpnet"
    defaults = RelativeFamily.defaults
    fields = {
        **AfterPaddingFamily.fields,
        "vocab_size": 30527,
        "type_vocab_size": None,
        "relative_attention_num_buckets": BUCKETS,
    }
    aliases = {"classifier_dropout": ()}
    parts = {
        "query": "attention.attn.q",
        "key": "attention.attn.k",
        "value": "attention.attn.v",
        "attention_output": "attention.attn.o",
        "attention_norm": "attention.LayerNorm",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
        "output_norm": "output.LayerNorm",
    }
    dropout_places = DropoutPlaces(head_input=True)
    dropout_fields = DROPOUTS[:2]

    def takes(self, config: Mapping[str, Any]) -> bool:
        """All with BERT's activations but those with another padding id or another number of buckets."""
        expected = {"pad_token_id": PADDING, "relative_attention_num_buckets": BUCKETS}
        usual = all(int(self.field(config, name)) == value for name, value in expected.items())
        return usual and self.field(config, "hidden_act") in ACTIVATIONS

    def _rows(self, config: Mapping[str, Any]) -> tuple[int, int]:
        return super()._rows(config)[0], 0

    def _relative_tensors(self, sizes: Architecture) -> Iterator[ModelTensor]:
        yield table(f"{self.prefix}.encoder.relative_attention_bias.weight", BUCKETS, sizes.heads)

    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        """Ours."""
        from stabbench.models.relative import MpnetEncoder

        return MpnetEncoder(architecture, products)
