"""How much of a device's memory a training takes: an estimate from shapes, a little above what is really used."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Integers
from stabbench.models.device_batch import BatchShape
from stabbench.strategies.contract import overrides
from stabbench.strategies.hooks import hook_of
from stabbench.training.by_rule import contexts_of
from stabbench.training.evaluation import TOKENS_AT_ONCE
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.optimizers.contract import scores_other_weights
from stabbench.training.order import Order
from stabbench.training.parts import Parts
from stabbench.training.precision import compute_type, product_type

MARGIN = 0.1
"""Share of the free memory that is left for fragments and other libraries."""
RESERVED = 1 << 30
"""Bytes for the worker's context, its kernels and the matrix products' workspace."""


@dataclass(frozen=True)
class Needs:
    """Bytes that all runs of a stack share, and bytes of each run."""

    shared: int
    each: int

    def room(self, free: int) -> int:
        """How many runs fit side by side into `free` bytes; at least 1, since fewer cannot be tried."""
        usable = free * (1 - MARGIN) - RESERVED - self.shared
        return max(1, int(usable // self.each))


def balanced(count: int, room: int) -> list[int]:
    """Sizes of as few stacks as hold `count` runs, `room` at most in each, as equal as can be."""
    stacks = math.ceil(count / room)
    return [count // stacks + (number < count % stacks) for number in range(stacks)]


def needs(inputs: TrainingInputs, seeds: Seeds) -> Needs:
    """What a training with these seeds takes on a CUDA device.

    A run has weights (twice where those of an evaluation are kept), gradients, two moments (or what another optimizer
    keeps, and three tensors as large as the largest one while that is updated) and, with lower-precision products,
    copies of the matrices; what its largest batch keeps for the backward pass, twice, because a new shape is computed
    beside the captured ones, or as often as a strategy's loss keeps passes; what is alive for a moment; an evaluation;
    and the whole word table at the end.
    Strategies with code may hold the pretrained weights, shared by all runs, and three more tensors for each weight
    (its changed value and what the change's gradient needs); those with a loss of their own two more, the other weights
    at which it may run the model and the slopes that led there.
    """
    architecture, recipe = inputs.architecture, inputs.recipe
    real, product = _sizes(recipe.precision)
    parts = Parts.of(inputs, seeds, torch.device("cuda"))
    weights = parameters(architecture, len(parts.cut.kept) if parts.cut else architecture.vocabulary_size)
    restored = architecture.vocabulary_size * architecture.embedding_size if parts.cut else 0
    shape = largest_batch(inputs.train.lengths, parts.order, parts.schedule.total_steps)
    kept = kept_for_backward(architecture, shape, recipe.precision, dropping=recipe.one_dropout != 0)
    kept, scored = kept_by(inputs, weights, parts)
    own = weights * (2 * real + (product if product < real else 0)) + real * (kept + scored)
    own += weights * real * recipe.selects
    passing = passing_bytes(architecture, shape, recipe.precision)
    longest = int(max(inputs.train.lengths.max(), inputs.dev.lengths.max()))
    rows = max(TOKENS_AT_ONCE["cuda"], longest)
    evaluation = passing_bytes(architecture, BatchShape(-(-rows // longest), rows, longest), recipe.precision)
    plugins = bool(inputs.strategies)
    graphs = max([2, *(hook_of(strategy, "graphs")(options) for strategy, options in inputs.strategies)])
    copies = 3 * plugins + 2 * any(overrides(type(strategy), "loss") for strategy, _ in inputs.strategies)
    return Needs(
        shared=weights * real if plugins else 0,
        each=own + graphs * kept + passing + evaluation + real * (restored + copies * weights),
    )


def kept_by(inputs: TrainingInputs, weights: int, parts: Parts) -> tuple[int, int]:
    """Elements that the optimizer keeps of a run from update to update, and those that it makes for a moment."""
    if inputs.optimizer is None:
        return 2 * weights, 0
    rule, shapes, kept = inputs.optimizer.optimizer, dict(inputs.architecture.shapes()), 0
    if parts.cut:
        shapes[parts.word_table] = (len(parts.cut.kept), inputs.architecture.embedding_size)
    for name, ctx in contexts_of(shapes, inputs.optimizer, inputs.recipe, inputs.architecture).items():
        started = rule.start(torch.empty(1, *shapes[name], device="meta"), ctx)
        kept += sum(tensor.numel() for tensor in started.values())
    largest = max(math.prod(shape) for shape in shapes.values())
    return kept, max(3 * largest, weights if scores_other_weights(rule) else 0)


def parameters(architecture: Architecture, vocabulary: int) -> int:
    """Weights of one run whose word table has `vocabulary` rows."""
    rows = architecture.vocabulary_size - vocabulary
    return sum(math.prod(shape) for shape in architecture.shapes().values()) - rows * architecture.embedding_size


def largest_batch(lengths: Integers, order: Order, updates: int) -> BatchShape:
    """A shape that holds every batch that one of the runs will see; `lengths` are those of the training set."""
    rows, size = 0, order.batch_size
    for epoch in range(-(-updates // order.steps_per_epoch)):
        chosen = lengths[order.of_epoch(epoch)]
        padded = np.pad(chosen, ((0, 0), (0, order.steps_per_epoch * size - chosen.shape[1])))
        rows = max(rows, int(padded.reshape(len(chosen), -1, size).sum(axis=2).max()))
    example = np.zeros((1, min(size, len(lengths))), dtype=np.int64)
    example[0, 0] = rows
    return BatchShape(example.shape[1], BatchShape.of(example).rows, BatchShape.of(lengths[None]).longest)


def kept_for_backward(architecture: Architecture, shape: BatchShape, precision: str, *, dropping: bool) -> int:
    """Bytes that a run's forward pass keeps for the backward pass.

    Of each layer, by token: the input of the projections, the context, the feed-forward input and the feed-forward
    layer's values before and after its activation, in the products' type; the two sums before normalisation and the two
    normalised values, in the weights' type; two masks. By slot of the padded attention: queries, keys and values, and
    three as large for each product with relative positions. By
    pair of slots and head: the softmax, what is kept of it, and the mask. The last layer is counted as a whole one. A
    layer that is shared leaves a copy of its matrices at each use where products have a type of their own.
    """
    real, product = _sizes(precision)
    hidden, inner = architecture.hidden_size, architecture.intermediate_size
    mask = 1 if dropping else 0
    by_token = hidden * (3 * product + 4 * real + 2 * mask) + 2 * inner * product
    by_slot = 3 * hidden * product * (1 + architecture.position_terms)
    by_pair = real + (product + mask if dropping or product < real else 0)
    slots = shape.examples * shape.longest
    layer = shape.rows * by_token + slots * (by_slot + architecture.heads * shape.longest * by_pair)
    embedding = shape.rows * architecture.embedding_size * (2 * real + mask)
    if architecture.shares_layers and product < real:
        layer += product * hidden * (4 * hidden + 2 * inner)
    return architecture.layers * layer + embedding


def passing_bytes(architecture: Architecture, shape: BatchShape, precision: str) -> int:
    """Bytes of one layer's values that are alive for a moment in a forward or backward pass.

    Five of its largest values by token and by pair, three more by pair for each product with relative positions, and
    the draws of its largest mask three times.
    """
    real, _ = _sizes(precision)
    pairs = architecture.heads * shape.examples * shape.longest**2
    tokens = shape.rows * max(architecture.intermediate_size, architecture.hidden_size)
    draws = max(architecture.heads * shape.rows * shape.longest, shape.rows * architecture.hidden_size)
    return real * ((5 + 3 * architecture.position_terms) * pairs + 5 * tokens) + 3 * 2 * draws


def _sizes(precision: str) -> tuple[int, int]:
    """Bytes of a weight and of an operand of a matrix product."""
    real = compute_type(precision)
    return real.itemsize, (product_type(precision) or real).itemsize
