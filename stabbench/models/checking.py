"""Whether a model's files fit together, found out before any training."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from stabbench.errors import Mistakes
from stabbench.models import families
from stabbench.models.folder import ModelFolder
from stabbench.models.tokenization import special_tokens

ANY_LABELS = 2
"""The classifier is new; how many outputs it has says nothing about a folder."""


def check_model(folder: Path) -> None:
    """UserError with all of a folder that would stop a training: its tokenizer, its tensors, its model type.

    Looked at once a process, for as long as the folder stays as it is.
    """
    _check(ModelFolder.at(folder))


@lru_cache(maxsize=64)
def _check(folder: ModelFolder) -> None:
    mistakes = Mistakes()
    with mistakes.collected():
        special_tokens(folder.path)
    with mistakes.collected():
        architecture = families.architecture_of(folder.config, ANY_LABELS, str(folder.path))
        families.of(architecture).check(folder, architecture)
    mistakes.tell()
