"""Studies by their installed names, or as `./file.py:Class`; a block of params.yaml names one, or has its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stabbench.config import Config
from stabbench.config.blocks import Named, block_class, block_named, named_each
from stabbench.plugins import Registry
from stabbench.studies.contract import Study

STUDIES: Registry[type[Study[Any]]] = Registry("study", "stabbench.studies", block_class(Study))  # type: ignore[type-abstract]


def study_named(config: Config, name: str, root: Path = Path()) -> Named[Study[Any]]:
    """The study of a block of params.yaml; UserError for an unknown name, kind or option."""
    return block_named(STUDIES, config.studies, name, root)


def studies_of(config: Config, root: Path = Path()) -> list[Named[Study[Any]]]:
    """All studies of params.yaml, in its order; UserError listing every mistake in their blocks."""
    return named_each(config.studies, lambda name: study_named(config, name, root))
