"""How early it can be known that a run fails, from histories: what a rule would have stopped, saved and biased."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.analysis.failed_runs import TRIVIAL
from stabbench.analysis.frame import FAILED
from stabbench.analysis.place import Place
from stabbench.metrics.contract import MetricKind
from stabbench.records import Record, SelectedCell
from stabbench.records.content import UNJUDGED

SHARES = (0.1, 0.2, 0.3, 0.5)
"""After which share of the updates a rule looks."""
RULES = ("loss", "score")
"""`loss`: the training loss, averaged over the last tenth of training before the look, is that of guessing (`TRIVIAL`);
`score`: the last evaluation on dev is no better than the best constant prediction."""
WINDOW = 0.1
BUDGET = 5
"""Full trainings that starting many and stopping early may cost."""
DRAWS = 2_000
_ROUNDING = 1e-9
ALL = "all strategies"
COLUMNS = (
    "model", "task", "strategy", "rule", "share", "failed", "stopped_failed", "successful", "stopped_successful",
    "saved", "mean", "mean_left", "std", "std_left",
)  # fmt: skip
STARTED = ("model", "task", "strategy", "share", "started", "budget", "early", "full", "single")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What can be seen of a run after a share of its updates; NaN where nothing can yet."""

    loss: float
    """Over the loss of guessing."""
    score: float


@dataclass(frozen=True)
class Watched:
    """A finished run: how it ended, and what was to be seen of it before."""

    failed: bool
    score: float
    constant: float
    looks: Mapping[float, Look]

    def stopped(self, rule: str, share: float, kind: MetricKind) -> bool:
        """Whether a rule would have stopped it; it does not where it sees nothing."""
        look = self.looks[share]
        if rule == "loss":
            return look.loss >= TRIVIAL
        return not math.isnan(look.score) and kind.no_better(look.score, self.constant)


def watched(selected: SelectedCell) -> list[Watched]:
    """The finished runs of a cell whose histories, ends and constants are known, in the order of seeds."""
    return [found for record in selected.records.values() if (found := _watched(record)) is not None]


def _watched(record: Record) -> Watched | None:
    total, constant = record.result.total_steps, record.result.constant.get(record.metric)
    guess, name = record.result.train_loss.label_entropy, f"dev_{record.metric}"
    if record.status == UNJUDGED or not total or constant is None or "history.parquet" not in record.files:
        return None
    history = record.columns("history.parquet", ["step", "train_loss", name])
    looks = {}
    for share in SHARES:
        before = history["step"] <= share * total
        recent = before & (history["step"] > (share - WINDOW) * total)
        losses, scores = history["train_loss"][recent], history[name][before]
        scores = scores[~np.isnan(scores)]
        loss = float(losses.mean()) if len(losses) else math.nan
        looks[share] = Look(math.nan if guess is None else loss / guess, float(scores[-1]) if len(scores) else math.nan)
    return Watched(record.status in FAILED, record.score, constant, looks)


def stopping(cells: Mapping[Place, Sequence[Watched]], kinds: Mapping[Place, MetricKind]) -> pd.DataFrame:
    """A row a cell with failed runs, rule and share, and one for all strategies of each model and task; `COLUMNS`.

    `saved` is the share of all updates that stopping would have saved; `mean_left` and `std_left` (ddof 1) are of the
    scores of the runs that go on. A rule that sees nothing at a share has no row.
    """
    rows = []
    for place in dict.fromkeys(cell.whole for cell in cells):
        here = {cell.strategy: runs for cell, runs in cells.items() if cell.whole == place}
        groups = {name: runs for name, runs in here.items() if any(run.failed for run in runs)}
        if groups and len(here) > 1:
            groups[ALL] = [run for runs in here.values() for run in runs]
        for strategy, runs in groups.items():
            rows += list(_rows(place._replace(strategy=strategy), runs, kinds[place]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(cell: Place, runs: Sequence[Watched], kind: MetricKind) -> Iterator[dict[str, Any]]:
    failed, scores = np.array([run.failed for run in runs]), np.array([run.score for run in runs])
    for rule in RULES:
        for share in SHARES:
            if all(math.isnan(getattr(run.looks[share], rule)) for run in runs):
                continue
            out = np.array([run.stopped(rule, share, kind) for run in runs])
            yield {
                **cell._asdict(),
                "rule": rule,
                "share": share,
                "failed": int(failed.sum()),
                "stopped_failed": int((failed & out).sum()),
                "successful": int((~failed).sum()),
                "stopped_successful": int((~failed & out).sum()),
                "saved": float(out.mean()) * (1 - share),
                "mean": float(scores.mean()),
                "mean_left": float(scores[~out].mean()) if (~out).any() else math.nan,
                "std": _std(scores),
                "std_left": _std(scores[~out]),
            }


def _std(scores: Floats) -> float:
    return float(scores.std(ddof=1)) if len(scores) > 1 else math.nan


def starting_many(cells: Mapping[Place, Sequence[Watched]], kinds: Mapping[Place, MetricKind]) -> pd.DataFrame:
    """What one gets who starts many runs and goes on with the one that is best on dev at a share (Dodge et al. 2020).

    A row a cell and share, columns `STARTED`: `started` runs cost `budget` full trainings; `early` is the mean score at
    the end of the run that went on, `full` that of the best of `budget` runs that are all trained to their end, and
    `single` that of one run: means over `DRAWS` draws of runs without replacement. A cell with fewer runs has no row.
    """
    rows = []
    for cell, runs in cells.items():
        for share in SHARES:
            started = int((BUDGET - 1 + share) / share + _ROUNDING)
            seen = np.array([run.looks[share].score for run in runs])
            if len(runs) < max(started, BUDGET) or np.isnan(seen).any():
                continue
            sign = -1.0 if kinds[cell.whole].lower else 1.0
            scores, random = sign * np.array([run.score for run in runs]), np.random.default_rng(0)
            order = random.permuted(np.tile(np.arange(len(runs)), (DRAWS, 1)), axis=1)
            chosen = order[np.arange(DRAWS), np.argmax((sign * seen)[order[:, :started]], axis=1)]
            full = scores[order[:, :BUDGET]].max(axis=1)
            values = (scores[chosen].mean(), full.mean(), scores.mean())
            rows.append((*cell, share, started, BUDGET, *(sign * float(value) for value in values)))
    return pd.DataFrame(rows, columns=list(STARTED))
