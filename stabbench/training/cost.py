"""What a run costs, counted and not timed: updates, tokens and floating-point operations."""

from __future__ import annotations

import math

from stabbench.models.architecture import Architecture


def forward_operations(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    """Multiply-adds × 2 of the linear layers and attention in one forward pass as the compiled kernel computes it.

    `tokens`: all tokens; `pairs`: the sum of squared lengths; `examples`: how many. The last layer is computed for
    the first token of each example, without keys and values: attention there works on its inputs. A model that is not
    ours is counted from its linear layers, all of them for all tokens but those after the layers; padding is left out.
    """
    if not architecture.native:
        return _operations_by_tensors(architecture, tokens, pairs, examples)
    hidden, inner = architecture.hidden_size, architecture.intermediate_size
    full = architecture.layers - 1
    per_token = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    operations = full * (tokens * per_token + 4 * pairs * hidden)
    operations += examples * (per_token + 2 * hidden * hidden)
    operations += 4 * tokens * architecture.heads * hidden
    if architecture.shares_layers:
        operations += 2 * tokens * architecture.embedding_size * hidden
    return operations + 2 * examples * hidden * architecture.labels


def _operations_by_tensors(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    shapes, operations = architecture.shapes(), 4 * pairs * architecture.hidden_size * architecture.layers
    for name, facts in architecture.facts().items():
        if facts.linear_weight:
            operations += 2 * math.prod(shapes[name]) * (examples if facts.depth > architecture.layers else tokens)
    return operations


def training_operations(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    """Forward and backward: three times the forward pass."""
    return 3 * forward_operations(architecture, tokens, pairs, examples)
