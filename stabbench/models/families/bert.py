"""BERT (Devlin et al., 2019)."""

from __future__ import annotations

from stabbench.models.families.unpadded import UnpaddedFamily


class Bert(UnpaddedFamily):
    """BERT, unpadded and side by side, by the kernel where there is one."""

    name = "bert"
    class_name = "Bert"
    prefix = "bert"
    pooler = "bert.pooler.dense"
