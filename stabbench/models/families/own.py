"""What families have in common that this package computes itself: how folders are read, and what is drawn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from stabbench.models.architecture import INITIAL_STD, Architecture, ModelTensor
from stabbench.models.families.contract import Family
from stabbench.models.fitting import encoder_names
from stabbench.models.tensor_files import read_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stabbench.models.folder import ModelFolder
    from stabbench.randomness import Draws


class OwnFamily(Family):
    """A family whose tensors are those of its architecture, by Hugging Face name."""

    def first_position(self, config: Mapping[str, Any]) -> int:
        """0."""
        return 0

    def spec_fields(self, architecture: Architecture) -> dict[str, Any]:
        """The spread of new matrices where it is unusual."""
        return {} if architecture.initial_std == INITIAL_STD else {"initial_std": architecture.initial_std}

    def check(self, folder: ModelFolder, architecture: Architecture) -> None:
        """UserError where a tensor is missing or has another shape."""
        encoder_names(folder.path, architecture, folder.shapes)

    def pretrained(self, folder: ModelFolder, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
        """All but what is new: the output layer, RoBERTa's dense layer, a pooler or head that the folder lacks."""
        names, tensors = encoder_names(folder.path, architecture, folder.shapes), read_tensors(folder.path)
        return {name: tensors[present].to(dtype, copy=True) for name, present in names.items()}

    def drawn(self, architecture: Architecture, names: Collection[str], draws: Draws) -> dict[str, Tensor]:
        """Matrices as `drawn_matrix` has them, biases 0 and norms the identity."""
        import torch

        found: dict[str, Tensor] = {}
        for tensor in architecture.tensors:
            if tensor.name not in names:
                continue
            if tensor.name.endswith(".bias"):
                found[tensor.name] = torch.zeros(tensor.shape, dtype=torch.float64)
            elif tensor.facts.kind == "layer_norm":
                found[tensor.name] = torch.ones(tensor.shape, dtype=torch.float64)
            else:
                found[tensor.name] = self.drawn_matrix(architecture, tensor, draws)
        return found

    @abstractmethod
    def drawn_matrix(self, architecture: Architecture, tensor: ModelTensor, draws: Draws) -> Tensor:
        """First values of a matrix in float64, without run axis."""
