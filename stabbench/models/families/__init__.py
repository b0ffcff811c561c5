"""Families of models, as peers: who reads a config, and who knows how an architecture is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.models.architecture import Architecture
from stabbench.models.families.albert import Albert
from stabbench.models.families.bert import Bert
from stabbench.models.families.contract import Computation, Family
from stabbench.models.families.huggingface.family import HuggingFace
from stabbench.models.families.roberta import Roberta
from stabbench.models.folder import ModelFolder

if TYPE_CHECKING:
    import torch

NAMED: Mapping[str, Family] = {family.name: family for family in (Bert(), Roberta(), Albert())}
"""Those of one model type, by that; the paper's."""
OTHERS: Family = HuggingFace()
"""That of every other model type."""


def find(model_type: str) -> Family:
    """The family of a Hugging Face `model_type`."""
    return NAMED.get(model_type, OTHERS)


def of(architecture: Architecture) -> Family:
    """The family that an architecture names."""
    return next(family for family in (*NAMED.values(), OTHERS) if family.name == architecture.family)


def encoder_of(architecture: Architecture, products: torch.dtype | None = None) -> Computation:
    """What computes an architecture, with matrix products of the type `products` where that is not the weights'."""
    return of(architecture).encoder(architecture, products)


def architecture_of(config: Mapping[str, Any], labels: int, where: str = "config.json") -> Architecture:
    """The architecture that a Hugging Face config describes; `where` names it in errors.

    Raises UserError for what its family cannot train.
    """
    return find(str(config.get("model_type"))).architecture(config, labels, where)


def read_architecture(folder: Path, labels: int) -> Architecture:
    """The architecture of a Hugging Face folder, with `labels` outputs; see `architecture_of`."""
    return architecture_of(ModelFolder.at(folder).config, labels, str(folder))
