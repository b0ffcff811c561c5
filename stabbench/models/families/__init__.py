"""Families of models, as peers: who reads a config, and who knows how an architecture is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import Capabilities, Computation, Family
from stabbench.models.folder import ModelFolder
from stabbench.plugins import Registry, checked_class
from stabbench.recipe import Recipe

if TYPE_CHECKING:
    import torch

OTHERS = "huggingface"
"""The family of every model type that is no other's name."""


def check_family(found: object, label: str) -> type[Family]:
    """The class itself, if it keeps to the contract of model families; UserError otherwise."""
    family = checked_class(found, Family, label, name=str, capabilities=Capabilities)  # type: ignore[type-abstract]
    try:
        Recipe().override(family.defaults)
    except (TypeError, ValueError) as error:
        raise UserError(f"{label}: `defaults`: {error}") from error
    return family


FAMILIES = Registry("model family", "stabbench.families", check_family)


def named() -> dict[str, Family]:
    """Those of one model type, by that."""
    return {name: FAMILIES.shared(name) for name in FAMILIES.names() if name != OTHERS}


def find(model_type: str) -> Family:
    """The family of a Hugging Face `model_type`."""
    family: Family = FAMILIES.shared(model_type if FAMILIES.has(model_type) else OTHERS)
    return family


def reading(config: Mapping[str, Any]) -> Family:
    """The family that reads a config: that of its model type, or where it does not take it, that of all others."""
    found = find(str(config.get("model_type")))
    family: Family = found if found.takes(config) else FAMILIES.shared(OTHERS)
    return family


def of(architecture: Architecture) -> Family:
    """The family that an architecture names; UserError where it is not installed."""
    family: Family = FAMILIES.shared(architecture.family)
    return family


def encoder_of(architecture: Architecture, products: torch.dtype | None = None) -> Computation:
    """What computes an architecture, with matrix products of the type `products` where that is not the weights'."""
    return of(architecture).encoder(architecture, products)


def architecture_of(config: Mapping[str, Any], labels: int, where: str = "config.json") -> Architecture:
    """The architecture that a Hugging Face config describes; `where` names it in errors.

    Raises UserError for what its family cannot train.
    """
    return reading(config).architecture(config, labels, where)


def read_architecture(folder: Path, labels: int) -> Architecture:
    """The architecture of a Hugging Face folder, with `labels` outputs; see `architecture_of`."""
    return architecture_of(ModelFolder.at(folder).config, labels, str(folder))
