"""Whether a model's files fit together, found out before any training."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from stabbench.errors import Mistakes
from stabbench.files import Stamps, stamps_of
from stabbench.models.architecture import read_architecture
from stabbench.models.fitting import encoder_names
from stabbench.models.generic.architecture import GenericArchitecture
from stabbench.models.sources import tensor_shapes
from stabbench.models.tokenization import special_tokens

ANY_LABELS = 2
"""The classifier is new; how many outputs it has says nothing about a folder."""


def check_model(folder: Path) -> None:
    """UserError with all of a folder that would stop a training: its tokenizer, its tensors, its model type.

    Looked at once a process, for as long as the folder stays as it is.
    """
    _check(folder, stamps_of(folder))


@lru_cache(maxsize=64)
def _check(folder: Path, stamps: Stamps) -> None:
    mistakes = Mistakes()
    with mistakes.collected():
        special_tokens(folder)
    with mistakes.collected():
        architecture = read_architecture(folder, ANY_LABELS)
        if isinstance(architecture, GenericArchitecture):
            _check_generic(folder, architecture)
        else:
            encoder_names(folder, architecture, tensor_shapes(folder))
    mistakes.tell()


def _check_generic(folder: Path, architecture: GenericArchitecture) -> None:
    import torch

    from stabbench.models.generic.padding import check_padding
    from stabbench.models.generic.trial import check_by_trial
    from stabbench.models.generic.weights import pretrained_weights

    mistakes, where = Mistakes(), str(folder / "config.json")
    with mistakes.collected():
        check_by_trial(architecture, where)
        check_padding(architecture, where)
    with mistakes.collected():
        pretrained_weights(folder, architecture, torch.float32)
    mistakes.tell()
