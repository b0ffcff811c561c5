"""ELECTRA (Clark et al., 2020): a discriminator with narrow word embeddings and a head of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stabbench.models.architecture import DropoutPlaces
from stabbench.models.families.contract import PAPER
from stabbench.models.families.unpadded import DROPOUTS, FIELDS, UnpaddedFamily
from stabbench.recipe import OWN_DROPOUT


class Electra(UnpaddedFamily):
    """ELECTRA, computed as BERT; no pooler, but dropout, a dense layer with GELU, and dropout before the classifier."""

    name = "electra"
    class_name = "Electra"
    prefix = "electra"
    capabilities = replace(UnpaddedFamily.capabilities, pretrains=False, own_dropout=True)
    defaults = {**PAPER, "dropout": OWN_DROPOUT}
    fields = {
        **FIELDS,
        "embedding_size": 128,
        "hidden_size": 256,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    }
    pooler = "classifier.dense"
    classifier = "classifier.out_proj"
    mapping = "embeddings_project"
    head_activation = "gelu"
    dropout_places = DropoutPlaces(head_input=True)
    dropout_fields = (*DROPOUTS, "summary_last_dropout")

    def embedding_size(self, config: Mapping[str, Any]) -> int:
        """A width of its own."""
        return int(self.field(config, "embedding_size"))
