"""What looking while seeds are trained is worth, and what a pilot's limits are: levels, power, seeds, coverage.

    python -m benchmarks.calibration_sequential                    # 10,000 repetitions: an hour of one core
    python -m benchmarks.calibration_sequential --repetitions 200 --out quick-calibration

Writes calibration-sequential.json and calibration-sequential.md; the same command gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache, partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks import sequential_rivals
from benchmarks.calibration_cases import CASES, COLLAPSED_AT, collapsed, heavy, normal
from benchmarks.sequential_report import markdown
from benchmarks.simulation import CONFIDENCE, bounded, options, write
from stabbench.analysis.anytime import log_e_values
from stabbench.analysis.group_sequential import asymptotic, draw_orders, first_crossings, look, permutation_p
from stabbench.analysis.pilot import std_upper_limits, std_with_failures
from stabbench.analysis.sequential import decisions
from stabbench.looks import QUESTIONS, Design, Question

DESIGNS = (Design(5, 5), Design(10, 3))
ALPHAS = (0.05, 0.01)
ACCEPTS = (None, 0.5, 0.3)
REPETITIONS = 10_000
PERMUTATIONS = 499
_AT_ONCE = 100
"""Repetitions that share one set of permutations."""
EQUAL_RATES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8)
UNEQUAL_RATES = ((0.2, 0.0), (0.5, 0.0), (0.5, 0.1), (0.6, 0.2))
LOOKED_AT = (10, 25, 50, 100)
"""Numbers of seeds up to which the e-value is looked at after each."""
PILOTS = (5, 10, 25)
PILOT_CONFIDENCES = (0.8, 0.95)

RATES = (*((rate, rate) for rate in EQUAL_RATES), *UNEQUAL_RATES)

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Array]
FAMILIES: Mapping[str, tuple[Draw, Sequence[float]]] = {
    "4 normal arms": (normal, (1, 1, 1, 1)),
    "4 collapsed arms": (collapsed, (1, 1, 1, 1)),
    "4 heavy-tailed arms": (heavy, (1, 1, 1, 1)),
    "4 normal arms, one std 4×": (normal, (1, 1, 1, 4)),
    "4 collapsed arms, one std 4×": (collapsed, (1, 1, 1, 4)),
}
_ASKED: tuple[tuple[Question, ...], ...] = (("spread",), ("spread", "level"))
PILOTED: Mapping[str, tuple[Draw, float]] = {
    "normal": (normal, 1.0),
    "collapsed": (collapsed, next(case.std_ratio for case in CASES if case.name == "collapse cured")),
    "heavy tails": (heavy, math.sqrt((math.e - 1) * math.e)),
}


def measure(
    repetitions: int,
    designs: tuple[Design, ...] = DESIGNS,
    executor: Executor | None = None,
    of_families: int = REPETITIONS,
) -> dict[str, Any]:
    """Everything that calibration-sequential.json holds.

    `repetitions` are rounded up to whole batches of 100; `of_families` are those of four arms, which have six
    pairs each. An `executor`'s processes share in the work: the numbers are the same.
    """
    batches = -(-repetitions // _AT_ONCE)
    whole = batches * _AT_ONCE
    places = [
        (number, design, question)
        for design in designs
        for number, case in enumerate(CASES)
        for question in QUESTIONS
        if question == "level" or "shifted" not in case.name  # residuals have no shift
    ]
    run: Callable[..., Any] = map if executor is None else executor.map
    families = run(partial(_family, repetitions=of_families), [(name, asked) for name in FAMILIES for asked in _ASKED])
    failures, pilots = run(_failures, range(len(RATES)), [whole] * len(RATES)), run(_pilots, PILOTED, [whole] * 3)
    tried = partial(
        sequential_rivals.tests, alphas=ALPHAS, repetitions=whole, permutations=PERMUTATIONS, at_once=_AT_ONCE
    )
    rivals = run(tried, sequential_rivals.places(designs))
    rows = [row for found in run(partial(_two_arms, batches=batches), places) for row in found]
    return {
        "repetitions": batches * _AT_ONCE,
        "permutations": PERMUTATIONS,
        "bounds": CONFIDENCE,
        "cases": [{"name": case.name, "words": case.words} for case in CASES],
        "two_arms": rows,
        "above_level": [row for row in rows if row["null"] and row["apart"]["low"] > row["alpha"]],
        "rivals": [row for found in rivals for row in found],
        "families": list(families),
        "failures": [row for found in failures for row in found],
        "pilots": [row for found in pilots for row in found],
    }


def _two_arms(place: tuple[int, Design, Question], batches: int) -> list[dict[str, Any]]:
    number, design, question = place
    case, random = CASES[number], np.random.default_rng([number, design.stage, QUESTIONS.index(question)])
    found: dict[tuple[float, bool], list[npt.NDArray[np.intp]]] = {}
    singles, at_the_end = [], []
    for _ in range(batches):
        a, b = case.draw(random, _AT_ONCE, design.most)
        orders = [draw_orders(design.stage, PERMUTATIONS, random, question) for _ in range(design.stages)]
        looks, beside = [], []
        for stage in range(1, design.stages + 1):
            part = np.s_[:, : stage * design.stage]
            looks.append(look(a[part], b[part], orders[:stage], question))
            beside.append(asymptotic(a[part], b[part], question))
        singles.append(np.stack([permutation_p(statistics) for statistics in looks]))
        at_the_end.append(np.maximum(singles[-1][-1], beside[-1]))
        nothing = [np.zeros_like(beside[0])] * design.stages
        for alpha in ALPHAS:
            for guarded in (True, False):
                crossings = first_crossings(looks, beside if guarded else nothing, alpha, design.stages)
                found.setdefault((alpha, guarded), []).append(crossings)
    p = np.concatenate(singles, axis=1)
    last = np.concatenate(at_the_end)
    null = case.same_spread if question == "spread" else case.same_level
    head = {"case": case.name, "question": question, "null": null, "stage": design.stage, "stages": design.stages}
    rows = []
    for (alpha, guarded), parts in found.items():
        crossings = np.concatenate(parts)
        for accept in ACCEPTS if guarded else (None,):
            told, looks_taken = _with_acceptance(crossings, p, accept, design.stages)
            rows.append(
                {
                    **head,
                    "alpha": alpha,
                    "guarded": guarded,
                    "accept": accept,
                    "apart": bounded(int(told.sum()), told.size),
                    "seeds": round(float(looks_taken.mean()) * design.stage, 2),
                    "one_look": round(float((last <= alpha).mean()), 4),
                }
            )
    print(f"{design.stages} stages of {design.stage}, {case.name}, {question}: done", flush=True)
    return rows


def _with_acceptance(
    crossings: npt.NDArray[np.intp], p: Array, accept: float | None, stages: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which rows are told apart, and after which look each stops, when `accept` gives up rows as `Design` says."""
    never = stages + 1
    crossed = np.where(crossings == 0, never, crossings)
    given_up = np.full(crossed.shape, never)
    if accept is not None:
        above = p[1:] > accept
        given_up = np.where(above.any(axis=0), 2 + above.argmax(axis=0), never)
    told = (crossed <= stages) & (crossed <= given_up)
    return told, np.minimum(np.minimum(crossed, given_up), stages)


def _family(asked: tuple[str, tuple[Question, ...]], repetitions: int) -> dict[str, Any]:
    """Four arms, by `decisions` itself: how often a pair is told apart wrongly, and how often those that differ."""
    name, questions = asked
    draw, scales = FAMILIES[name]
    design = Design(5, 5, questions=questions)
    random = np.random.default_rng([100, list(FAMILIES).index(name), len(questions)])
    wrong = right = 0
    seeds = []
    for _ in range(repetitions):
        scores = {str(arm): draw(random, 1, design.most)[0] * scale for arm, scale in enumerate(scales)}
        found = decisions(scores, {}, design, PERMUTATIONS)
        apart = [pair for pair in found.pairs if pair.state == "apart"]
        differing = [pair for pair in apart if scales[int(pair.first)] != scales[int(pair.second)]]
        true = [pair for pair in differing if pair.question == "spread"]
        levels = [pair for pair in differing if pair.question == "level" and draw is not normal]  # a scaled tail's mean
        wrong += len(apart) > len(true) + len(levels)
        right += len(true)
        seeds.append(sum(found.seeds.values()) / len(scales))
    pairs = sum(one != other for one, other in combinations(scales, 2))
    print(f"{name}, {' and '.join(questions)}: done", flush=True)
    return {
        "family": name,
        "questions": list(questions),
        "repetitions": repetitions,
        "wrong": bounded(wrong, repetitions),
        "power": round(right / (pairs * repetitions), 4) if pairs else None,
        "seeds": round(float(np.mean(seeds)), 2),
    }


def _failures(number: int, repetitions: int) -> list[dict[str, Any]]:
    """The e-value looked at after every seed, beside Fisher's test at the last one, and at every one."""
    rates, random = RATES[number], np.random.default_rng([200, number])
    a, b = (random.random((repetitions, max(LOOKED_AT))) < rate for rate in rates)
    largest = np.maximum.accumulate(log_e_values(a, b), axis=1)
    fisher = _fisher_p_values(a, b)
    rows = []
    for n in LOOKED_AT:
        reached = largest[:, :n] >= np.log(20)
        stopped = np.where(reached, np.arange(1, n + 1), n).min(axis=1)
        rows.append(
            {
                "rates": list(rates),
                "null": rates[0] == rates[1],
                "seeds": n,
                "apart": bounded(int(reached[:, -1].sum()), repetitions),
                "mean_seeds": round(float(stopped.mean()), 2),
                "fisher_at_the_end": round(float((fisher[:, n - 1] <= 0.05).mean()), 4),
                "fisher_at_each_seed": round(float((fisher[:, :n] <= 0.05).any(axis=1).mean()), 4),
            }
        )
    return rows


def _fisher_p_values(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> Array:
    counts = np.cumsum(a, axis=1), np.cumsum(b, axis=1)
    found = np.empty(a.shape)
    for place in range(a.shape[1]):
        found[:, place] = _fisher_table(place + 1)[counts[0][:, place], counts[1][:, place]]
    return found


@cache
def _fisher_table(n: int) -> Array:
    """Two-sided p-values of Fisher's exact test for `n` runs an arm, by the failures of both: `(n + 1, n + 1)`."""
    table = np.empty((n + 1, n + 1))
    for both in range(2 * n + 1):
        of_first = np.arange(max(0, both - n), min(n, both) + 1)
        chances = stats.hypergeom.pmf(of_first, 2 * n, both, n)
        table[of_first, both - of_first] = (chances[None] * (chances[None] <= chances[:, None] * (1 + 1e-7))).sum(
            axis=1
        )
    return table


def _pilots(name: str, repetitions: int) -> list[dict[str, Any]]:
    """How often the upper limits of a standard deviation are above it."""
    draw, truth = PILOTED[name]
    rows = []
    for n in PILOTS:
        scores = draw(np.random.default_rng([300, list(PILOTED).index(name), n]), repetitions, n)
        for confidence in PILOT_CONFIDENCES:
            limits = {"by the scores": std_upper_limits(scores, confidence)}
            resampled = np.random.default_rng([301, list(PILOTED).index(name), n])
            if draw is not heavy:
                few = scores[: max(1, repetitions // 5)]
                counted_on = [std_with_failures(x, x == COLLAPSED_AT, COLLAPSED_AT, confidence) for x in few]
                limits["counting on failures"] = np.fmax(np.array(counted_on), limits["by the scores"][: len(few)])
            others = sequential_rivals.limits(scores, confidence, resampled)
            head = {"case": name, "n": n, "confidence": confidence}
            rows += [
                _covered({**head, "limit": how, "offered": how in limits}, found, truth)
                for how, found in {**limits, **others}.items()
            ]
    return rows


def _covered(head: Mapping[str, Any], limits: Array, truth: float) -> dict[str, Any]:
    known = limits[~np.isnan(limits)]
    return {
        **head,
        "coverage": bounded(int((known >= truth).sum()), known.size),
        "estimable": round(known.size / limits.size, 4),
        "median": round(float(np.median(known)) / truth, 3),
    }


def main() -> None:
    """Measure and write the two files."""
    parser = options(__doc__, REPETITIONS)
    parser.add_argument("--processes", type=int, default=1, help="that share in the work; the numbers are the same")
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as executor:
        found = measure(given.repetitions, executor=executor, of_families=given.repetitions)
    write(found, markdown(found), given.out, "calibration-sequential")


if __name__ == "__main__":
    main()
