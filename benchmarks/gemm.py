"""The matrix products of our step alone, and this machine's rate for large square ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.contenders import Control
from benchmarks.ours import Job
from benchmarks.texts import BATCH_SIZE
from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import LinearLayer
from stabbench.models.kernel.library import library_for, multiply
from stabbench.training.operations import training_operations

SQUARE = 1024
Multiply = Callable[[Tensor, Tensor, Tensor], object]
"""Writes the product of the first two into the third."""


def by_torch(left: Tensor, right: Tensor, out: Tensor) -> None:
    """By the BLAS that torch calls."""
    torch.mm(left, right, out=out)


def as_in_training() -> Multiply:
    """By whoever multiplies in our step: the compiled kernel, or torch where there is none."""
    library = library_for(torch.empty(0))
    return by_torch if library is None else partial(multiply, library)


def product_operations(architecture: Architecture, tokens: int) -> float:
    """Multiply-adds × 2 in the products of the linear layers of one step."""
    layers = families.of(architecture).linear_layers(architecture)
    return sum(3 * 2 * _rows(layer, tokens) * layer.inputs * layer.outputs for layer in layers)


def _rows(layer: LinearLayer, tokens: int) -> int:
    return BATCH_SIZE if layer.of_examples else tokens


def step_operations(job: Job, step: int) -> float:
    """Multiply-adds × 2 of a step: linear layers and attention, forward and backward, without padding."""
    lengths = job.texts.batch_lengths(step)
    architecture = job.shape.architecture()
    return training_operations(architecture, int(lengths.sum()), int((lengths**2).sum()), len(lengths))


class Products:
    """Buffers for the products of a step with up to `tokens` tokens: each layer has its own, as in training."""

    def __init__(self, architecture: Architecture, tokens: int) -> None:
        self.layers: list[tuple[LinearLayer, tuple[Tensor, ...]]] = []
        for layer in families.of(architecture).linear_layers(architecture):
            rows, shape = _rows(layer, tokens), (layer.outputs, layer.inputs)
            weight, gradient = torch.randn(shape) * 0.02, torch.empty(shape)
            of_inputs, of_outputs = (rows, layer.inputs), (rows, layer.outputs)
            forward = torch.randn(of_inputs), torch.empty(of_outputs)
            backward = torch.randn(of_outputs), torch.empty(of_inputs)
            self.layers.append((layer, (weight, gradient, *forward, *backward)))

    def step(self, tokens: int, into: Multiply = by_torch) -> None:
        """Forward y = x W', then from the last layer to the first dW = dy' x and dx = dy W."""
        for layer, (weight, _, x, y, _, _) in self.layers:
            rows = _rows(layer, tokens)
            into(x[:rows], weight.t(), y[:rows])
        for layer, (weight, gradient, x, _, dy, dx) in reversed(self.layers):
            rows = _rows(layer, tokens)
            into(dy[:rows].t(), x[:rows], gradient)
            into(dy[:rows], weight, dx[:rows])


def run(control: Control, job: Job, number: int) -> None:
    """The products of the steps, one after the other."""
    order, lengths = job.texts.epoch(), job.texts.train.lengths
    whole = len(order) // BATCH_SIZE
    tokens = lengths[order[: whole * BATCH_SIZE]].reshape(whole, BATCH_SIZE).sum(axis=1).tolist()
    products, into = Products(job.shape.architecture(), max(tokens)), as_in_training()
    control.ready(threads=torch.get_num_threads())
    step = 0
    while steps := control.begin():
        for _ in range(steps):
            products.step(tokens[step], into)
            step += 1
        control.end()


def run_square(control: Control, job: Job, number: int) -> None:
    """Large square products, by torch."""
    _square(control, by_torch)


def run_own_square(control: Control, job: Job, number: int) -> None:
    """The same by whoever multiplies in our step."""
    _square(control, as_in_training())


def _square(control: Control, into: Multiply) -> None:
    left, right = torch.randn(SQUARE, SQUARE), torch.randn(SQUARE, SQUARE)
    product = torch.empty(SQUARE, SQUARE)
    control.ready(threads=torch.get_num_threads())
    while steps := control.begin():
        for _ in range(steps):
            into(left, right, product)
        control.end()
