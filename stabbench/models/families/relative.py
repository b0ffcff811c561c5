"""What MPNet and DeBERTa have in common: computed as BERT, with scores that know how far apart two tokens are."""

from __future__ import annotations

from dataclasses import replace

from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import PAPER
from stabbench.models.families.unpadded import ACTIVATIONS, UnpaddedFamily
from stabbench.recipe import OWN_DROPOUT

__all__ = ["ACTIVATIONS", "RelativeFamily"]


class RelativeFamily(UnpaddedFamily):
    """Unpadded and side by side by torch; there is no kernel, and no captured updates."""

    capabilities = replace(UnpaddedFamily.capabilities, kernel=False, captures=False, pretrains=False, own_dropout=True)
    defaults = {**PAPER, "dropout": OWN_DROPOUT}

    def operations(self, architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
        """As it is computed here: the last layer asks for the first token of each example, by keys of all of them.

        What is done once for all texts of a batch, such as projecting relative positions, is left out.
        """
        hidden, inner, full = architecture.hidden_size, architecture.intermediate_size, architecture.layers - 1
        keyed, asking = 4 * hidden * hidden, 4 * hidden * hidden + 4 * hidden * inner
        terms = architecture.position_terms
        operations = full * (tokens * (keyed + asking) + (4 + 4 * terms) * pairs * hidden)
        operations += tokens * (keyed + (4 + 2 * terms) * hidden) + examples * asking
        return operations + 2 * examples * hidden * (hidden + architecture.labels)
