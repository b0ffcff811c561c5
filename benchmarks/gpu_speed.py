"""Speed of the GPU path: the time of a seed's update beside Hugging Face's, and the device's matrix rates."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from benchmarks.gpu_cases import Clock, Stack, make_inputs, release, streams
from benchmarks.gpu_rivals import Rival, rival_name
from stabbench.training.memory import balanced, needs
from stabbench.training.precision import matrix_products

SEEDS = 25
SETTLING_SECONDS = 60.0
RIVAL_RESERVE = 32
"""Bytes a parameter that are left beside our stack for the rival's gradients, moments and activations."""


@dataclass(frozen=True)
class Case:
    """One training that is timed."""

    model: str
    task: str
    mode: str = "graph"
    precision: str = "bf16"
    strategy: str = "plain"
    rival: bool = True
    runs: int | None = None
    """None: as many as fit, 25 at most."""

    @property
    def name(self) -> str:
        """Key in the report."""
        runs = "" if self.runs is None else f"/{self.runs}"
        return f"speed/{self.model}/{self.task}/{self.strategy}/{self.precision}/{self.mode}{runs}"


def measure(case: Case, device: torch.device, *, updates: int, rounds: int) -> dict[str, Any]:
    """Our stack and the rival, alternating `rounds` times; seconds are those of the device."""
    release(device)
    inputs = make_inputs(case.model, case.task, strategy=case.strategy, precision=case.precision)
    rival = Rival(case.model, inputs.train, device) if case.rival else None
    runs = case.runs or _fitting(case, inputs, device)
    before = _reserved(device)
    stack = Stack(inputs, streams(runs), device, case.mode)
    stack.settle(SETTLING_SECONDS)
    peak = _reserved(device) - before
    settled, settling, theirs = [], [], []
    for _ in range(rounds):
        timed = stack.advance(updates)
        settled += timed.settled
        settling += timed.settling
        if rival is not None:
            theirs += rival.advance(updates)
    ours = sum(settled) / len(settled) / runs if settled else float("nan")
    facts: dict[str, Any] = {
        **vars(case),
        "stacked_seeds": runs,
        "updates": len(settled),
        "updates_that_prepared_a_shape": len(settling),
        "seconds_of_preparing": sum(settling),
        "ms_a_seed_step": 1000 * ours,
        "median_ms_of_a_stack": 1000 * median(settled) if settled else None,
        "operations_a_seed_step": stack.operations(),
        "operations_a_second": stack.operations() / ours,
        "peak_bytes": peak or None,
    }
    if rival is not None:
        mean = sum(theirs) / len(theirs)
        facts |= {"rival": rival_name(), "rival_ms_a_step": 1000 * mean, "times_as_fast": mean / ours}
    del stack, rival
    release(device)
    return facts


def _reserved(device: torch.device) -> int:
    """The most bytes that this process has held on the device."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0


def _fitting(case: Case, inputs: Any, device: torch.device) -> int:
    if device.type != "cuda":
        return 5
    free, _ = torch.cuda.mem_get_info(device)
    parameters = sum(tensor.numel() for tensor in inputs.pretrained.values())
    reserve = RIVAL_RESERVE * parameters if case.rival else 0
    room = needs(inputs, streams(SEEDS)).room(free - reserve)
    return balanced(SEEDS, min(room, SEEDS))[0]


def matrix_rates(device: torch.device, size: int, repeats: int) -> dict[str, float]:
    """Operations a second of one large square matrix product, the best of some repeats, by precision."""
    rates = {}
    for precision in ("fp32", "tf32", "bf16"):
        if precision == "tf32" and device.type != "cuda":
            continue
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        first, second = torch.randn(2, size, size, device=device, dtype=kind).unbind(0)
        with matrix_products(precision):
            for _ in range(3):
                first @ second
            clock = Clock(device)
            clock.mark()
            for _ in range(repeats):
                first @ second
                clock.mark()
            rates[precision] = 2 * size**3 / min(clock.seconds())
    return rates
