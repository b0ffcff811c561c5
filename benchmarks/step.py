"""One optimizer step of one seed, ours and the rivals', in rounds: seed-steps a second of the whole machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Group, Span
from benchmarks.gemm import SQUARE, product_operations, step_operations
from benchmarks.ours import Job
from benchmarks.shapes import FAMILIES, MODERN, SHAPES
from benchmarks.texts import BATCH_SIZE, DISTRIBUTIONS, task_texts
from stabbench.errors import UserError, unknown
from stabbench.execution.settings import available_cores
from stabbench.models.kernel.compilation import kinds_here

CELLS = tuple(f"{shape}/{task}" for shape in (*SHAPES, "modernbert-384") for task in DISTRIBUTIONS)
KNOWN = SHAPES | MODERN | FAMILIES
RIVALS = ("lean", "trainer-dynamic", "trainer-padded")
TARGETS = {
    "trainer-padded": {"geometric_mean": 8.0, "single_cell": 4.0, "goal": 12.0},
    "trainer-dynamic": {"geometric_mean": 4.0, "single_cell": 3.0, "goal": 6.0},
    "lean": {"geometric_mean": 2.5, "single_cell": 1.8, "goal": 3.5},
    "lean-bf16": {"geometric_mean": 3.5, "single_cell": 2.0, "goal": 3.5},
}
BF16 = "-bf16"
"""What the key of a contender with matrix products in bf16 ends in."""
Say = Callable[[str], None]


def contenders(cores: int, *, bf16: bool) -> tuple[Contender, ...]:
    """Everybody who runs in a round, with as many processes as use all cores; with `bf16` in that precision, too."""
    each = f"{cores} one-thread processes"
    trainers = (
        ("ours", f"stabbench, {each}", cores, 1, "benchmarks.ours:run"),
        ("lean", f"lean torch loop, {each}", cores, 1, "benchmarks.lean_rival:run"),
        ("trainer-dynamic", "`Trainer`, dynamic padding", 1, None, "benchmarks.trainer_rival:run_dynamic"),
        ("trainer-padded", "`Trainer`, padded to 128", 1, None, "benchmarks.trainer_rival:run_padded"),
    )
    lower = [
        Contender(f"{key}{BF16}", f"{title}, bf16", count, threads, f"{target}_bf16")
        for key, title, count, threads, target in trainers
        if bf16
    ]
    return (
        *(Contender(*trainer) for trainer in trainers),
        *lower,
        Contender("products", "the matrix products of our step alone", cores, 1, "benchmarks.gemm:run"),
        Contender("square", f"square products of {SQUARE} by torch", cores, 1, "benchmarks.gemm:run_square"),
        Contender("own-square", f"square products of {SQUARE} by us", cores, 1, "benchmarks.gemm:run_own_square"),
    )


def rivals_of(contenders: Iterable[str]) -> list[str]:
    """The rivals among some contenders, by key: those in fp32 first."""
    found = set(contenders)
    return [f"{rival}{ending}" for ending in ("", BF16) for rival in RIVALS if f"{rival}{ending}" in found]


def ours_beside(rival: str) -> str:
    """The key of our own training in the precision of a rival's."""
    return f"ours{BF16}" if rival.endswith(BF16) else "ours"


def measure(cells: Sequence[str], rounds: int | None, *, quick: bool, say: Say) -> dict[str, Any]:
    """The part `step` of the report.

    Without a number of rounds each shape has its own. Raises UserError for an unknown cell and where the rounds need
    more steps than an epoch has.
    """
    for cell in cells:
        if cell not in (known := [f"{shape}/{task}" for shape in KNOWN for task in DISTRIBUTIONS]):
            raise unknown("cell", cell, known)
    cores, bf16 = available_cores(), "bfloat16" in kinds_here()
    found, arguments = [], {}
    for cell in cells:
        shape, task = cell.split("/")
        job = Job(KNOWN[shape], task_texts(task))
        steps = 2 if quick else job.shape.long_steps if job.texts.long else job.shape.steps
        count = rounds or job.shape.rounds
        needed, there = job.shape.warm_up + count * steps, len(job.texts.train) // BATCH_SIZE
        if needed > there:
            raise UserError(f"{count} rounds of {cell} take {needed} steps, an epoch has {there}: take fewer rounds")
        found.append({"name": cell, **_cell(job, contenders(cores, bf16=bf16), count, steps)})
        everybody = found[-1]["contenders"]
        arguments = {rival: everybody[rival].pop("arguments") for rival in rivals_of(everybody)}
        say(summary(found[-1]))
    return {
        "cores": cores,
        "batch_size": BATCH_SIZE,
        "cells": found,
        "arguments": arguments,
        "geometric_means": {rival: _geometric_means(_of_bert(found), rival) for rival in arguments},
        "targets": {rival: TARGETS[rival] for rival in arguments if rival in TARGETS},
    }


def _cell(job: Job, everybody: Sequence[Contender], rounds: int, steps: int) -> dict[str, Any]:
    spans: dict[str, list[Sequence[Span]]] = {contender.key: [] for contender in everybody}
    facts: dict[str, Mapping[str, Any]] = {}
    peaks: dict[str, int] = {}
    ratios = {}
    for party in _parties(everybody, turns=job.shape.large):
        rounds_of = _alternately(party, job, rounds, steps, facts, peaks)
        for key, timed in rounds_of.items():
            spans[key] += timed
        for rival in rivals_of(rounds_of):
            ratios[rival] = _ratios(_timing(rounds_of[ours_beside(rival)]), _timing(rounds_of[rival]))
    found = {
        contender.key: {
            "title": contender.title,
            "processes": contender.processes,
            **facts[contender.key],
            "steps_each_process": sum(group[0].steps for group in spans[contender.key]),
            "peak_resident_bytes": peaks[contender.key],
            **_timing(spans[contender.key]),
        }
        for contender in everybody
    }
    own = found.pop("products"), (found.pop("square"), found.pop("own-square"))
    return {
        "model": job.shape.described(),
        "texts": job.texts.source,
        "warm_up_steps": job.shape.warm_up,
        "rounds": rounds,
        "steps_a_round": steps,
        "tokens_a_step": float(np.mean(_tokens(job, rounds * steps))),
        "contenders": found,
        "ratios": {rival: ratios[rival] for rival in rivals_of(found)},
        "products": _products(job, found["ours"], *own, rounds * steps),
    }


def _parties(everybody: Sequence[Contender], *, turns: bool) -> list[Sequence[Contender]]:
    """Who is alive at the same time: all, or (in `turns`) the rivals beside ours, the products alone.

    The lean loop, which takes the most memory, has ours for itself.
    """
    if not turns:
        return [everybody]
    by_key = {contender.key: contender for contender in everybody}
    parties: dict[tuple[str, bool], list[Contender]] = {}
    for rival in rivals_of(by_key):
        ours = ours_beside(rival)
        parties.setdefault((ours, rival.startswith("lean")), [by_key[ours]]).append(by_key[rival])
    trainings = {contender.key for party in parties.values() for contender in party}
    return [*parties.values(), [contender for contender in everybody if contender.key not in trainings]]


def _alternately(
    party: Sequence[Contender],
    job: Job,
    rounds: int,
    steps: int,
    facts: dict[str, Mapping[str, Any]],
    peaks: dict[str, int],
) -> dict[str, list[Sequence[Span]]]:
    """The rounds of each of a party, everybody's turn in each; `facts` and `peaks` of memory are filled in."""
    spans: dict[str, list[Sequence[Span]]] = {contender.key: [] for contender in party}
    with ExitStack() as stack:
        groups = [stack.enter_context(Group(contender, job)) for contender in party]
        facts.update({group.contender.key: group.ready() for group in groups})
        for group in groups:
            group.run(job.shape.warm_up)
        for number in range(rounds):
            for group in _rotated(groups, number):
                spans[group.contender.key].append(group.run(steps))
        for group in groups:
            peaks[group.contender.key] = max(peaks.get(group.contender.key, 0), sum(group.close()))
    return spans


def _rotated(groups: Sequence[Group], number: int) -> list[Group]:
    first = number % len(groups)
    return [*groups[first:], *groups[:first]]


def _timing(rounds: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Whole-machine milliseconds of one seed's step: from the first begin to the last end over all steps done."""
    each = [
        1000 * (max(span.end for span in spans) - min(span.begin for span in spans)) / sum(span.steps for span in spans)
        for spans in rounds
    ]
    process = [1000 * span.seconds / span.steps for spans in rounds for span in spans]
    return {
        "milliseconds": each,
        "median_milliseconds": median(each),
        "quartiles_milliseconds": np.quantile(each, [0.25, 0.75]).tolist(),
        "seed_steps_a_second": 1000 / median(each),
        "median_milliseconds_in_a_process": median(process),
    }


def _ratios(ours: Mapping[str, Any], rival: Mapping[str, Any]) -> dict[str, Any]:
    paired = [theirs / mine for theirs, mine in zip(rival["milliseconds"], ours["milliseconds"], strict=True)]
    return {
        "of_medians": rival["median_milliseconds"] / ours["median_milliseconds"],
        "paired_median": median(paired),
        "paired_quartiles": np.quantile(paired, [0.25, 0.75]).tolist(),
    }


def _of_bert(cells: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Those that the means are of: of BERT's shapes, where there are any."""
    return [cell for cell in cells if cell["name"].split("/")[0] in SHAPES] or cells


def _geometric_means(cells: Sequence[Mapping[str, Any]], rival: str) -> dict[str, float]:
    ratios = [cell["ratios"][rival] for cell in cells]
    return {
        "cells": len(ratios),
        "of_medians": _geometric_mean([ratio["of_medians"] for ratio in ratios]),
        "paired_median": _geometric_mean([ratio["paired_median"] for ratio in ratios]),
        "lowest": min(ratio["of_medians"] for ratio in ratios),
    }


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values))


def _tokens(job: Job, steps: int) -> list[int]:
    return [int(job.texts.batch_lengths(job.shape.warm_up + step).sum()) for step in range(steps)]


def _products(
    job: Job, ours: Mapping[str, Any], products: Mapping[str, Any], squares: Sequence[Mapping[str, Any]], steps: int
) -> dict[str, Any]:
    """How much of our step is matrix products, and how far it is from the rate of this machine."""
    architecture = job.shape.architecture()
    linear = float(np.mean([product_operations(architecture, tokens) for tokens in _tokens(job, steps)]))
    whole = float(np.mean([step_operations(job, job.shape.warm_up + step) for step in range(steps)]))
    step, alone = ours["median_milliseconds_in_a_process"], products["median_milliseconds_in_a_process"]
    rates = [2 * SQUARE**3 / square["median_milliseconds_in_a_process"] * 1000 for square in squares]
    achieved = whole / step * 1000
    return {
        "milliseconds_in_a_process": alone,
        "share_of_step": alone / step,
        "operations_a_step": whole,
        "share_of_operations": linear / whole,
        "achieved_flops_a_core": achieved,
        "own_shapes_flops_a_core": linear / alone * 1000,
        "square_flops_a_core": rates[0],
        "own_square_flops_a_core": rates[1],
        "fraction_of_square_rate": achieved / max(rates),
    }


def summary(found: Mapping[str, Any]) -> str:
    """A cell in one line."""
    times = [f"ours {found['contenders']['ours']['median_milliseconds']:.1f} ms"]
    if f"ours{BF16}" in found["contenders"]:
        times.append(f"in bf16 {found['contenders'][f'ours{BF16}']['median_milliseconds']:.1f} ms")
    for rival in found["ratios"]:
        milliseconds = found["contenders"][rival]["median_milliseconds"]
        times.append(f"{rival} {milliseconds:.1f} ms ({found['ratios'][rival]['of_medians']:.1f}×)")
    return f"{found['name']}: " + ", ".join(times)
