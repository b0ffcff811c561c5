"""BERT (Devlin et al., 2019)."""

from __future__ import annotations

from stabbench.models.families.unpadded import UnpaddedFamily


class Bert(UnpaddedFamily):
    """What the others are told apart from."""

    name = "bert"
    class_name = "Bert"
    pooler = "bert.pooler.dense"
