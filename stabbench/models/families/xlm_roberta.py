"""XLM-RoBERTa (Conneau et al., 2020): RoBERTa in many languages."""

from __future__ import annotations

from dataclasses import replace

from stabbench.models.architecture import DropoutPlaces
from stabbench.models.families.after_padding import AfterPaddingFamily


class XlmRoberta(AfterPaddingFamily):
    """XLM-RoBERTa, computed as RoBERTa; values are dropped before the head's dense layer, too, as in transformers."""

    name = "xlm-roberta"
    class_name = "XLMRoberta"
    prefix = "roberta"
    capabilities = replace(AfterPaddingFamily.capabilities, own_dropout=True)
    dropout_places = DropoutPlaces(head_input=True)
