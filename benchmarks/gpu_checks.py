"""Checks of the GPU path on the device itself; each gives what it found beside what it tolerates."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.gpu_cases import Stack, make_inputs, release, step_mode, streams
from stabbench.models import variable_length
from stabbench.models.batch import make_spans
from stabbench.models.device_draws import DeviceDraws
from stabbench.randomness import Draws
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.memory import needs

Found = dict[str, Any]


def draws_against_numpy(device: torch.device) -> Found:
    """The device's levels against NumPy's, several runs, places and counts: every bit."""
    wrong, checked = 0, 0
    draws = [Draws(seed, "dropout") for seed in (0, 1, 2**40 + 3, 2**63 + 5)]
    there = DeviceDraws(draws, device)
    for place, count, step in (("embeddings", 17, 0), ("layer.3.output", 100_003, 70_000), ("a", 4096, 1)):
        levels = there.levels(place, count, torch.tensor(step, device=device), call=1).cpu().numpy()
        for run, draw in enumerate(draws):
            expected = draw.levels(place, count, step, 1).astype(np.int64) - 32768
            wrong += int((levels[run] != expected).sum())
            checked += count
    return {"checked": checked, "found": wrong, "tolerated": 0}


def _task(model: str) -> str:
    return "smoke" if model == "smoke" else "rte"


def _differences(
    inputs: TrainingInputs, device: torch.device, modes: tuple[str, str], seeds: int
) -> tuple[float, float]:
    """Largest difference of losses and of final weights between a stack and separate runs in another mode."""
    with step_mode(modes[0]):
        together = train(inputs, streams(seeds), device=device)
    losses, weights = 0.0, 0.0
    for number, result in enumerate(together):
        with step_mode(modes[1]):
            (alone,) = train(inputs, streams(1, number + 1), device=device)
        ours, theirs = (one.tables["history.parquet"]["train_loss"].to_numpy() for one in (result, alone))
        losses = max(losses, float(np.abs(ours - theirs).max()))
        pairs = ((result.weights[name], alone.weights[name]) for name in alone.weights)
        weights = max(weights, *(float((one - other).abs().max()) for one, other in pairs))
    return losses, weights


def stacked_against_separate(device: torch.device, model: str, mode: str, precision: str, steps: int) -> Found:
    """Five stacked runs in `mode` against each of them alone, operation by operation; dropout on, rate 5e-5."""
    tolerated = {"fp64": 1e-10, "fp32": 2e-4, "bf16": 5e-2}[precision]
    inputs = make_inputs(model, _task(model), precision=precision, total_steps=steps, learning_rate=5e-5)
    losses, weights = _differences(inputs, device, (mode, "off"), 5)
    return {"found": losses, "tolerated": tolerated, "weights": weights, "updates": steps}


def graph_against_eager(device: torch.device, model: str, mode: str, precision: str, steps: int) -> Found:
    """Captured updates against the same stack uncaptured; `bits` says whether everything is equal."""
    inputs = make_inputs(model, _task(model), precision=precision, total_steps=steps, learning_rate=5e-5)
    results = {}
    for name in (mode, "eager", "again"):
        with step_mode(mode if name == "again" else name):
            results[name] = train(inputs, streams(4), device=device)
    digests = {name: [one.data["result_digest"] for one in found] for name, found in results.items()}
    histories = {
        name: np.stack([one.tables["history.parquet"]["train_loss"].to_numpy() for one in found])
        for name, found in results.items()
    }
    return {
        "found": float(np.abs(histories[mode] - histories["eager"]).max()),
        "tolerated": {"fp64": 1e-10, "fp32": 2e-4, "bf16": 5e-2}[precision],
        "bits": digests[mode] == digests["eager"],
        "repeats_itself": digests[mode] == digests["again"],
    }


def flash_against_buckets(device: torch.device) -> Found:
    """Variable-length attention in bf16 against float64, value and gradient, for all tokens and for the first ones."""
    if not variable_length.usable(device, torch.bfloat16, 64):
        return {"skipped": "torch has no variable-length attention for this device"}
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([[5, 128, 17], [64, 1, 33]])
    rows, heads, width = 160, 4, 256
    worst = 0.0
    for first_only in (False, True):
        queries = torch.randn(2, 3 if first_only else rows, width, generator=generator)
        keys, values = torch.randn(2, 2, rows, width, generator=generator).unbind(0)
        there = [tensor.to(device, torch.bfloat16).requires_grad_() for tensor in (queries, keys, values)]
        spans = make_spans(lengths.to(device), rows, 128)
        found = variable_length.attend(there[0], there[1], there[2], spans, heads, first_only)
        exact = [tensor.detach().cpu().double().requires_grad_() for tensor in there]
        parts = []
        for run in range(2):
            start = 0
            for number, length in enumerate(lengths[run].tolist()):
                whole = slice(start, start + length)
                asked = slice(number, number + 1) if first_only else whole
                q, k, v = (
                    tensor[run, part].view(-1, heads, width // heads).transpose(0, 1)
                    for tensor, part in zip(exact, (asked, whole, whole), strict=True)
                )
                scores = torch.softmax(q @ k.transpose(1, 2) / (width // heads) ** 0.5, dim=-1)
                parts.append(((run, asked), (scores @ v).transpose(0, 1).reshape(-1, width)))
                start += length
        total = sum((part.square().sum() for _, part in parts), torch.zeros((), dtype=torch.float64))
        slopes = torch.autograd.grad(total, exact)
        ours = sum((found[place].double().square().sum() for place, _ in parts), torch.zeros((), device=device))
        for (run, asked), part in parts:
            worst = max(worst, float((found[run, asked].cpu().double() - part).abs().max()))
        for slope, expected in zip(torch.autograd.grad(ours, there), slopes, strict=True):
            worst = max(worst, float((slope.cpu().double() - expected).abs().max() / expected.abs().max()))
    return {"found": worst, "tolerated": 0.05}


def memory_against_estimate(device: torch.device, model: str, precision: str, mode: str, runs: int) -> Found:
    """Bytes reserved at the peak of some updates and an evaluation, over the estimate; 1 at most is tolerated."""
    if device.type != "cuda":
        return {"skipped": "memory is counted on CUDA"}
    release(device)
    before = torch.cuda.memory_reserved(device)
    stack = Stack(make_inputs(model, "rte", precision=precision), streams(runs), device, mode)
    stack.advance(12)
    stack.training.evaluate(stack.state)
    peak = torch.cuda.max_memory_reserved(device) - before
    estimate = needs(stack.inputs, streams(runs))
    del stack
    release(device)
    return {
        "found": peak / (estimate.shared + runs * estimate.each),
        "tolerated": 1.0,
        "peak_bytes": peak,
        "estimated_bytes_a_run": estimate.each,
    }
