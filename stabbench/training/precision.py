"""What a recipe's precision means: the type of the weights, that of the matrix products, and where it can be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stabbench.errors import UserError


def compute_type(precision: str) -> torch.dtype:
    """The type of weights, optimizer state, norms, normalisation, softmax and loss."""
    return torch.float64 if precision == "fp64" else torch.float32


def product_type(precision: str) -> torch.dtype | None:
    """The type of the layers' matrix products where it is another; their sums are fp32 in any case."""
    return torch.bfloat16 if precision == "bf16" else None


def check_device(device: torch.device) -> None:
    """UserError where this machine does not have the device."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "found device 'cuda', but torch sees no GPU: set STABBENCH_DEVICE=cpu, or install torch for CUDA"
        )


def lacking(precision: str, device: torch.device) -> str | None:
    """A sentence where such a device does not have what the recipe asks for."""
    if precision != "tf32" or device.type == "cuda":
        return None
    return (
        f"found precision 'tf32' on device '{device}', expected a CUDA device, which alone has TF32: "
        "set precision to fp32 or bf16, or STABBENCH_DEVICE=cuda"
    )


@contextmanager
def matrix_products(precision: str) -> Iterator[None]:
    """fp32 products are true fp32, in TF32 only where the recipe says so, and sums of bf16 products are fp32."""
    settings = torch.backends.cuda.matmul
    before = torch.get_float32_matmul_precision(), settings.allow_bf16_reduced_precision_reduction
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    settings.allow_bf16_reduced_precision_reduction = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        settings.allow_bf16_reduced_precision_reduction = before[1]
