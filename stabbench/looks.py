"""How seeds are trained by stages and looked at in between, as it is declared before the first of them is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from stabbench.errors import UserError

Question = Literal["spread", "level"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
PERMUTATIONS = 9_999
FEWEST, MOST_STAGES, MOST = 3, 20, 1_000
"""Seeds of a stage, stages, and seeds of an arm."""


@dataclass(frozen=True)
class Design:
    """How seeds are trained and looked at; raises UserError with all that is wrong with it.

    After each of `stages` stages of `stage` seeds an arm every pair of arms that is still open is tested. `alpha`
    bounds the probability that any pair is told apart that does not differ, over all pairs, questions and looks. A pair
    whose permutation p-value is above `accept` at a look but the first is given up; None: all are pursued to the last
    stage. Giving up costs power and never raises the level.
    """

    stage: int
    stages: int
    alpha: float = 0.05
    accept: float | None = 0.5
    questions: tuple[Question, ...] = ("spread",)

    def __post_init__(self) -> None:
        wrong = []
        if self.stage < FEWEST:
            wrong.append(f"stage is {self.stage}, expected at least {FEWEST} seeds: fewer have no spread to test")
        if not 1 <= self.stages <= MOST_STAGES:
            wrong.append(f"stages is {self.stages}, expected 1 to {MOST_STAGES}")
        if self.most > MOST:
            wrong.append(f"{self.stages} stages of {self.stage} seeds are {self.most:,}, expected at most {MOST:,}")
        if not 0.001 <= self.alpha < 0.5:
            wrong.append(f"alpha is {self.alpha:g}, expected a level from 0.001 to below 0.5, such as 0.05")
        if self.accept is not None and not 0.2 <= self.accept < 1:
            wrong.append(f"accept is {self.accept:g}, expected a p-value from 0.2 to below 1, such as 0.5, or none")
        if not self.questions or set(self.questions) - set(QUESTIONS) or len({*self.questions}) < len(self.questions):
            wrong.append(
                f"questions are {', '.join(self.questions) or 'none'}, expected some of {', '.join(QUESTIONS)}"
            )
        if wrong:
            raise UserError(*wrong)

    @property
    def most(self) -> int:
        """Seeds of an arm that is never decided before the end."""
        return self.stage * self.stages

    def refused(self, arms: int) -> str | None:
        """Why so many arms cannot be compared in this way, as `found …, expected …`; None where they can."""
        if arms < 2:
            return f"found {arms} strategy, expected two or more: looks compare strategies"
        tests, most = math.comb(arms, 2) * len(self.questions), math.floor(self.alpha * (PERMUTATIONS + 1))
        if tests <= most:
            return None
        level = f"α = {self.alpha:g}"
        return f"found {tests} tests, of which none can tell anything apart at {level}; expected at most {most}"

    def __str__(self) -> str:
        """As params.yaml's readers have it: `5 stages of 5 seeds, α = 0.05, spread`."""
        given_up = "none given up" if self.accept is None else f"given up above p = {self.accept:g}"
        asked = " and ".join(self.questions)
        return f"{self.stages} stages of {self.stage} seeds, α = {self.alpha:g}, {asked}, {given_up}"
