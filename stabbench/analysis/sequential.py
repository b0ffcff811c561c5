"""Looking at results while seeds are being trained, as declared before: which arms are told apart, which need more.

Everything here is a function of the scores, in the order of the seeds, and of the declared design: the same again after
a restart, and on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Literal

import numpy as np

from stabbench.analysis.anytime import Evidence, evidence
from stabbench.analysis.group_sequential import (
    Orders,
    asymptotic,
    draw_orders,
    first_crossings,
    look,
    permutation_p,
)
from stabbench.analysis.permutation import PERMUTATION_SEED
from stabbench.analysis.spread import Array
from stabbench.looks import PERMUTATIONS, Design, Question

State = Literal["apart", "accepted", "open"]


@dataclass(frozen=True)
class PairDecision:
    """One question about two arms: `apart`, `accepted` (no longer pursued; no proof of equality), or `open`."""

    first: str
    second: str
    question: Question
    state: State
    look: int
    """The look that decided it; of an open one the last that was taken, 0 before the first."""
    p: float | None
    """The permutation p-value of that look by itself, which shows how far a pair is and decides nothing alone."""


@dataclass(frozen=True)
class Decisions:
    """What the looks say so far."""

    design: Design
    looks: int
    """Looks that were taken."""
    pairs: Sequence[PairDecision]
    seeds: Mapping[str, int]
    """How many seeds each arm is to have now, those that it has among them: `design.stage` times a number of stages."""
    failures: Mapping[tuple[str, str], Evidence]
    """That two arms fail at different rates; an e-value may be looked at any time, and stops no arm."""

    def done(self, arm: str) -> bool:
        """Whether no question about an arm is open."""
        return all(pair.state != "open" for pair in self.pairs if arm in (pair.first, pair.second))

    @property
    def finished(self) -> bool:
        """Whether no question is open at all."""
        return all(pair.state != "open" for pair in self.pairs)


def decisions(
    scores: Mapping[str, Sequence[float] | Array],
    failed: Mapping[str, Sequence[bool]],
    design: Design,
    permutations: int = PERMUTATIONS,
) -> Decisions:
    """What `design` makes of the scores of each arm, in the order of its seeds, and of which of its runs failed.

    Look k is taken once each arm that has an open pair has the seeds of k stages; scores beyond are not looked at. Each
    question about a pair has a group-sequential permutation test of its own (`group_sequential`), and Holm's step-down
    over all of them: those told apart hand their share of alpha to the others, those no longer pursued keep theirs. The
    level holds whatever the arms have in common. `failed` may lack arms of which nobody knows. ValueError for scores
    that are not finite.
    """
    arms = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    for name, values in arms.items():
        if not np.isfinite(values).all():
            raise ValueError(f"scores of {name} hold NaN or infinity")
    tests = [_Test(a, b, question) for a, b in combinations(arms, 2) for question in design.questions]
    taken = 0
    for number in range(1, design.stages + 1):
        waited = {name for test in tests if test.state == "open" for name in (test.first, test.second)}
        if not waited or any(arms[name].size < number * design.stage for name in waited):
            break
        taken = number
        _take_look(tests, arms, design, number, permutations)
    next_seeds = min(taken + 1, design.stages) * design.stage
    seeds = {
        name: max(
            [_seeds_of(test, design, next_seeds) for test in tests if name in (test.first, test.second)], default=0
        )
        for name in arms
    }
    known = {name: list(flags)[: design.most] for name, flags in failed.items()}
    return Decisions(
        design,
        taken,
        [PairDecision(test.first, test.second, test.question, test.state, test.look, test.p) for test in tests],
        seeds,
        {(a, b): evidence(known[a], known[b]) for a, b in combinations(arms, 2) if a in known and b in known},
    )


class _Test:
    """A question about a pair, with the statistics of the looks at it."""

    def __init__(self, first: str, second: str, question: Question) -> None:
        self.first, self.second, self.question = first, second, question
        self.state: State = "open"
        self.look = 0
        self.p: float | None = None
        self.looks: list[Array] = []
        self.asymptotics: list[Array] = []

    def take(self, a: Array, b: Array, design: Design, number: int, permutations: int) -> None:
        """Look at the scores of `number` stages."""
        orders = [_orders(design.stage, stage, permutations, self.question) for stage in range(number)]
        a, b = (x[: number * design.stage].reshape(number, -1) for x in (a, b))
        a, b = _oriented(a, b) if self.question == "spread" else (a.reshape(1, -1), b.reshape(1, -1))
        statistics = look(a, b, orders, self.question)
        self.looks.append(statistics)
        self.asymptotics.append(asymptotic(a, b, self.question))
        self.look, self.p = number, float(permutation_p(statistics)[0])

    def crossed(self, design: Design, left: int) -> bool:
        """Whether the arms are told apart at the level alpha / `left`, and at all larger ones of Holm's.

        Ties can make the boundaries of a larger level the stricter ones; Holm's step-down needs tests that are nested.
        """
        return all(
            first_crossings(self.looks, self.asymptotics, design.alpha / part, design.stages)[0]
            for part in range(left, 0, -1)
        )


def _oriented(a: Array, b: Array) -> tuple[Array, Array]:
    """Two arms' scores by stage as rows `(1, n)`, so ordered that neither names nor seeds within a stage count."""
    flat = sorted((np.sort(x, axis=1).ravel() for x in (a, b)), key=tuple)
    return flat[0][None], flat[1][None]


@cache
def _orders(n: int, stage: int, permutations: int, question: Question) -> Orders:
    return draw_orders(n, permutations, np.random.default_rng([PERMUTATION_SEED, stage]), question)


def _take_look(
    tests: Sequence[_Test], arms: Mapping[str, Array], design: Design, number: int, permutations: int
) -> None:
    pursued = [test for test in tests if test.state == "open"]
    for test in pursued:
        test.take(arms[test.first], arms[test.second], design, number, permutations)
    while True:
        left = sum(test.state != "apart" for test in tests)
        found = [test for test in pursued if test.state == "open" and test.crossed(design, left)]
        if not found:
            break
        for test in found:
            test.state = "apart"
    for test in pursued:
        given_up = design.accept is not None and number > 1 and (test.p or 0.0) > design.accept
        if test.state == "open" and (given_up or number == design.stages):
            test.state = "accepted"


def _seeds_of(test: _Test, design: Design, next_seeds: int) -> int:
    """The seeds that an arm needs for a question: those of the look that decided it, else of the next one."""
    return next_seeds if test.state == "open" else test.look * design.stage
