"""CamemBERT (Martin et al., 2020): RoBERTa in French."""

from __future__ import annotations

from dataclasses import replace

from stabbench.models.architecture import DropoutPlaces
from stabbench.models.families.after_padding import AfterPaddingFamily


class Camembert(AfterPaddingFamily):
    """CamemBERT, computed as RoBERTa; values are dropped before the head's dense layer, too, as in transformers."""

    name = "camembert"
    class_name = "Camembert"
    prefix = "roberta"
    capabilities = replace(AfterPaddingFamily.capabilities, own_dropout=True)
    dropout_places = DropoutPlaces(head_input=True)
