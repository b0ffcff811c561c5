"""What was tried for looks and pilots and left, simulated as what is offered (calibration_sequential)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.calibration_cases import CASES
from benchmarks.simulation import bounded
from stabbench.analysis.group_sequential import Orders, draw_orders, first_crossings, look
from stabbench.analysis.levels import welch
from stabbench.analysis.pilot import chi_square_limits
from stabbench.looks import Design, Question

Array = npt.NDArray[np.float64]
Statistics = Callable[[Array, Array, list[Orders]], tuple[Array, Array]]
RESAMPLES = 999


def _plain_difference(a: Array, b: Array, orders: list[Orders]) -> tuple[Array, Array]:
    """The difference of the means of |x − median|, not centred again after permuting."""
    first, second = (np.abs(x - np.median(x, axis=1, keepdims=True)) for x in (a, b))
    return look(first, second, orders, "level"), np.zeros(len(a))


def _all_scores(a: Array, b: Array, orders: list[Orders]) -> tuple[Array, Array]:
    """The difference of the means, by permutations of all scores of a stage."""
    return look(a, b, orders, "level"), np.zeros(len(a))


def _all_scores_and_welch(a: Array, b: Array, orders: list[Orders]) -> tuple[Array, Array]:
    """As above, and Welch's p-value must be small enough at the look, too."""
    return look(a, b, orders, "level"), np.nan_to_num(welch(a, b), nan=1.0)


RIVALS: Mapping[str, tuple[Question, Statistics]] = {
    "plain difference of absolute deviations": ("spread", _plain_difference),
    "all scores of a stage permuted": ("level", _all_scores),
    "all scores of a stage permuted, and Welch's test": ("level", _all_scores_and_welch),
}


def tests(
    place: tuple[str, int, Design], alphas: tuple[float, ...], repetitions: int, permutations: int, at_once: int
) -> list[dict[str, Any]]:
    """How often a rival tells two arms apart that do not differ, at each level; `place`: which, of which case, how.

    `repetitions` are drawn `at_once`, with one set of permutations.
    """
    rival, number, design = place
    question, statistics = RIVALS[rival]
    random = np.random.default_rng([400, list(RIVALS).index(rival), number, design.stage])
    told = dict.fromkeys(alphas, 0)
    for _ in range(repetitions // at_once):
        a, b = CASES[number].draw(random, at_once, design.most)
        orders = [draw_orders(design.stage, permutations, random, "spread") for _ in range(design.stages)]
        ends = [stage * design.stage for stage in range(1, design.stages + 1)]
        looks = [statistics(a[:, :end], b[:, :end], orders[:k]) for k, end in enumerate(ends, start=1)]
        for alpha in alphas:
            crossed = first_crossings([s for s, _ in looks], [p for _, p in looks], alpha, design.stages)
            told[alpha] += int((crossed > 0).sum())
    head: dict[str, Any] = {"rival": rival, "question": question, "case": CASES[number].name}
    head |= {"stage": design.stage, "stages": design.stages}
    print(f"{rival}, {CASES[number].name}: done", flush=True)
    return [{**head, "alpha": alpha, "apart": bounded(told[alpha], repetitions)} for alpha in alphas]


def places(designs: tuple[Design, ...]) -> list[tuple[str, int, Design]]:
    """Every rival on each case whose arms do not differ in what it asks."""
    return [
        (rival, number, design)
        for rival, (question, _) in RIVALS.items()
        for design in designs
        for number, case in enumerate(CASES)
        if (case.same_level if question == "level" else case.same_spread and "shifted" not in case.name)
    ]


def limits(scores: Array, confidence: float, random: np.random.Generator) -> dict[str, Array]:
    """Other upper limits of the standard deviation from which each row of `scores` `(k, n)` was drawn."""
    k, n = scores.shape
    stds, log_stds = np.empty(k), np.empty(k)
    for row, sample in enumerate(scores):
        resampled = sample[random.integers(n, size=(RESAMPLES, n))].std(axis=1, ddof=1)
        with np.errstate(divide="ignore"):
            log_stds[row] = np.quantile(np.log(resampled), 1 - confidence, method="higher")
        stds[row] = np.quantile(resampled, confidence)
    own = scores.std(axis=1, ddof=1)
    with np.errstate(divide="ignore"):
        basic = np.exp(2 * np.log(own) - log_stds)
    return {
        "chi-square's alone": chi_square_limits(scores, confidence),
        "percentile bootstrap": stds,
        "basic bootstrap of the log std": np.where(own > 0, basic, np.nan),
    }
