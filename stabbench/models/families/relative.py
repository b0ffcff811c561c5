"""What MPNet and DeBERTa have in common: computed as BERT, with scores that know how far apart two tokens are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import PAPER, LinearLayer
from stabbench.models.families.unpadded import UnpaddedFamily
from stabbench.recipe import OWN_DROPOUT


class RelativeFamily(UnpaddedFamily):
    """Unpadded and side by side by torch; there is no kernel, and no captured updates."""

    capabilities = replace(UnpaddedFamily.capabilities, kernel=False, captures=False, pretrains=False, own_dropout=True)
    defaults = {**PAPER, "dropout": OWN_DROPOUT}

    def linear_layers(self, architecture: Architecture) -> Iterator[LinearLayer]:
        """As torch computes them: the last layer asks for the first token of each example, by keys of all of them.

        What is done once for all texts of a batch, the projection of relative positions, is left out.
        """
        hidden, inner = architecture.hidden_size, architecture.intermediate_size
        for number in range(1, architecture.layers + 1):
            last = number == architecture.layers
            yield from [LinearLayer(hidden, hidden, last)] * 2 + [LinearLayer(hidden, hidden)] * 2
            yield from (LinearLayer(hidden, inner, last), LinearLayer(inner, hidden, last))
        yield from (LinearLayer(hidden, hidden, True), LinearLayer(hidden, architecture.labels, True))

    def attention_operations(self, architecture: Architecture, tokens: float, pairs: float) -> float:
        """Products with relative positions are as many again for twice as many columns; in the last layer one asks."""
        full, terms = architecture.layers - 1, architecture.position_terms
        return architecture.hidden_size * (full * pairs * 4 * (1 + terms) + tokens * (4 + 2 * terms))
