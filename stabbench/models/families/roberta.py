"""RoBERTa (Liu et al., 2019): no pooler, a classifier of two layers, and positions that count from the padding id."""

from __future__ import annotations

from stabbench.models.families.after_padding import AfterPaddingFamily


class Roberta(AfterPaddingFamily):
    """RoBERTa, computed as BERT; its dense layer over the first token is new for every run, as its classifier."""

    name = "roberta"
    class_name = "Roberta"
    prefix = "roberta"
    fields = {**AfterPaddingFamily.fields, "vocab_size": 50265}
    pooler_origin = "new"
