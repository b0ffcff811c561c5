"""Small tensor functions made into few kernels where that pays: on CUDA, by torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar, cast

import torch

from stabbench.models.kernel.compilation import compiler

Function = TypeVar("Function", bound=Callable[..., Any])
SHAPES = 64
"""How many shapes a function may be compiled for, before torch gives up and runs it as written."""


@cache
def can_compile() -> bool:
    """Whether kernels for CUDA can be built here: that takes triton and a C compiler."""
    return find_spec("triton") is not None and compiler() is not None


def compiled(function: Function, device: torch.device) -> Function:
    """`function` compiled for CUDA tensors of any shape; itself on another device, or where nothing can be built."""
    return compile_function(function) if device.type == "cuda" and can_compile() else function


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, SHAPES)
    return torch.compile(function, fullgraph=True)


def compile_function(function: Function) -> Function:
    """`function` compiled whole: a graph break is an error, because it would be slow without saying so."""
    return cast(Function, _compiled(function))
