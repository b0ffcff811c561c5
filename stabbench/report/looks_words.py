"""What `stabbench seeds --stage N --stages K` says of arms that are looked at while their seeds are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stabbench.analysis.arms import Arms
from stabbench.analysis.pairwise import holm
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.sequential import Decisions, PairDecision
from stabbench.analysis.spread import standard_deviation
from stabbench.looks import Design
from stabbench.report.numbers import counted, listed, p_equation, plain, significant
from stabbench.report.shown import Shown


@dataclass(frozen=True)
class TaskLooks:
    """The looks at all strategies of one model and task."""

    arms: Arms
    decisions: Decisions

    def failures(self) -> list[dict[str, Any]]:
        """Each pair's evidence that failure rates differ; `p` is adjusted over the pairs (Holm)."""
        pairs = list(self.decisions.failures.items())
        adjusted = holm(pd.Series([evidence.p for _, evidence in pairs], dtype="float64"))
        return [
            {
                "strategy_a": a,
                "strategy_b": b,
                "seeds": evidence.seeds,
                "e": significant(evidence.e),
                "largest_e": significant(evidence.largest),
                "p_holm": significant(float(p)),
                "apart": bool(p <= self.decisions.design.alpha),
            }
            for ((a, b), evidence), p in zip(pairs, adjusted, strict=True)
        ]


@dataclass(frozen=True, repr=False)
class LooksAnswer:
    """What a declared design makes of the runs so far; `str(answer)` is what `stabbench seeds` prints."""

    design: Design
    tasks: Sequence[TaskLooks]
    scoring: Scoring
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        several = len({looks.arms.place.model for looks in self.tasks}) > 1
        return "\n".join(line for looks in self.tasks for line in self._task(looks, several))

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        design = self.design
        return {
            "design": {
                "stage": design.stage,
                "stages": design.stages,
                "alpha": design.alpha,
                "accept": design.accept,
                "questions": list(design.questions),
            },
            "tasks": [self._data(looks) for looks in self.tasks],
        }

    def _data(self, looks: TaskLooks) -> dict[str, Any]:
        found = looks.decisions
        return {
            "model": looks.arms.place.model,
            "task": looks.arms.place.task,
            "looks": found.looks,
            "pairs": [
                {
                    "strategy_a": pair.first,
                    "strategy_b": pair.second,
                    "question": pair.question,
                    "state": pair.state,
                    "look": pair.look,
                    "p": None if pair.p is None else significant(pair.p),
                }
                for pair in found.pairs
            ],
            "seeds": dict(found.seeds),
            "done": {name: found.done(name) for name in found.seeds},
            "failures": looks.failures(),
        }

    def _task(self, looks: TaskLooks, several: bool) -> list[str]:
        found, design = looks.decisions, self.design
        where = looks.arms.place.task + (f" ({looks.arms.place.model})" if several else "")
        tests = counted(len(found.pairs), "test")
        head = f"{where}: look {found.looks} of {design.stages}, α = {plain(design.alpha)} over {tests}"
        return [
            head,
            *(f"  {self._pair(looks, pair)}" for pair in found.pairs),
            *self._failed(looks),
            self._next(looks),
        ]

    def _pair(self, looks: TaskLooks, pair: PairDecision) -> str:
        names, kind = f"{pair.first} and {pair.second}", pair.question
        if pair.state == "open":
            seen = "" if pair.p is None else f" ({p_equation(pair.p)} at look {pair.look} by itself)"
            return f"{names}: {kind} open{seen}"
        seeds = pair.look * self.design.stage
        values = f"{self._numbers(looks, pair, seeds)} with {seeds} seeds"
        if pair.state == "apart":
            return f"{names}: {kind} told apart at look {pair.look}, {values}{self._caution(looks, pair, seeds)}"
        since = "" if pair.look == self.design.stages else f", given up at look {pair.look}"
        return f"{names}: {kind} not told apart{since}, {values}{self._caution(looks, pair, seeds)}"

    def _caution(self, looks: TaskLooks, pair: PairDecision, seeds: int) -> str:
        """Where most runs of an arm failed, whose spread is then none of trained models."""
        names = [
            name
            for name in (pair.first, pair.second)
            if (flags := looks.arms.failed.get(name)) is not None and 2 * sum(flags[:seeds]) > min(seeds, len(flags))
        ]
        return f"; most runs of {listed(names)} failed, whose spread says nothing of stability" if names else ""

    def _numbers(self, looks: TaskLooks, pair: PairDecision, seeds: int) -> str:
        shown = Shown.of(self.scoring, looks.arms.metric)
        samples = [looks.arms.scores[name][:seeds] for name in (pair.first, pair.second)]
        if pair.question == "spread":
            numbers = [standard_deviation(sample) for sample in samples]
        else:
            numbers = [sum(sample) / len(sample) for sample in samples]
        what = "std" if pair.question == "spread" else "mean"
        return f"{what} {shown.text(numbers[0])} and {shown.text(numbers[1])}"

    def _failed(self, looks: TaskLooks) -> list[str]:
        return [
            f"  {row['strategy_a']} and {row['strategy_b']}: fail at different rates, largest e-value "
            f"{plain(significant(row['largest_e'], 3) or 0)} within {row['seeds']} seeds ({p_equation(row['p_holm'])} "
            f"over {counted(len(looks.decisions.failures), 'pair')})"
            for row in looks.failures()
            if row["apart"]
        ]

    def _next(self, looks: TaskLooks) -> str:
        found = looks.decisions
        if found.finished:
            return "  all is decided: no more seeds are needed"
        waited = {name: seeds for name, seeds in found.seeds.items() if not found.done(name)}
        more = [
            f"{name} {'has them' if (left := seeds - len(looks.arms.scores[name])) <= 0 else f'{left} more'}"
            for name, seeds in waited.items()
        ]
        done = [name for name in found.seeds if found.done(name)]
        stopped = f"; done: {listed(done)}" if done else ""
        return f"  next look with {max(waited.values())} seeds an arm: {', '.join(more)}{stopped}"
