"""The data behind the runs, as their plan holds it, and the paper's own figures for the same sets (paper, Table 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stabbench.records import SelectedCell
from stabbench.task_facts import TaskFacts

ROUNDING = 0.005 + 1e-9
"""The paper prints two decimals."""


@dataclass(frozen=True)
class TaskStatistics:
    """One data set of the grid."""

    task: str
    dataset: str
    counts: Mapping[str, int]
    label_names: Sequence[str]
    label_shares: Mapping[str, Sequence[float]]
    """Shares of the labels by split; empty in plans that do not have them."""
    metrics: Sequence[str]
    majority: Mapping[str, float]
    """What the best constant classifier scores on dev, by metric; fractions."""
    constants: Mapping[str, str]
    """The label that it always says, by metric."""
    samples: Mapping[str, int]
    """Size of the seeded sample by split, where one was taken."""
    content_hash: str
    official: bool = True
    """Whether nothing is known against their being the official files; they may be others on request."""


@dataclass(frozen=True)
class PaperStatistics:
    """A column of the paper's Table 2."""

    train: int
    dev: int
    majority: float
    metric: str
    header: bool
    """Whether the official files begin with a header line."""


PAPER = {
    "rte": PaperStatistics(2491, 278, 0.53, "accuracy", header=True),
    "mrpc": PaperStatistics(3669, 409, 0.75, "f1", header=True),
    "cola": PaperStatistics(8551, 1043, 0.0, "mcc", header=False),
    "qnli": PaperStatistics(104744, 5464, 0.50, "accuracy", header=True),
    "scitail": PaperStatistics(23596, 1304, 0.63, "accuracy", header=False),
}


@dataclass(frozen=True)
class Comparison:
    """One number of Table 2 beside the one of the loaded data."""

    task: str
    what: str
    """`train`, `dev` or `majority`."""
    here: float
    paper: float
    agrees: bool
    why: str
    """Why they differ, as far as the data tell; empty where they agree."""


def task_statistics(cells: Sequence[SelectedCell]) -> list[TaskStatistics]:
    """One entry a task, in the plan's order; a task whose content differs between cells has several."""
    first: dict[tuple[str, str], TaskFacts] = {}
    for item in cells:
        facts = item.cell.task_facts
        first.setdefault((item.cell.task, facts.content_hash), facts)
    return [_statistics(task, facts) for (task, _), facts in first.items()]


def _statistics(task: str, facts: TaskFacts) -> TaskStatistics:
    samples = {"train": facts.sample, "dev": facts.dev_sample}
    return TaskStatistics(
        task=task,
        dataset=facts.dataset,
        counts=facts.counts,
        label_names=facts.label_names,
        label_shares=facts.label_shares,
        metrics=facts.metrics,
        majority=facts.constant.scores,
        constants={metric: facts.label(label) for metric, label in facts.constant.labels.items()},
        samples={split: sample["size"] for split, sample in samples.items() if sample},
        content_hash=facts.content_hash,
        official=facts.seen is None or not facts.seen.differs,
    )


def beside_the_paper(statistics: TaskStatistics) -> list[Comparison]:
    """Table 2's numbers for the same data set; empty where the paper does not have it."""
    paper = PAPER.get(statistics.dataset)
    if paper is None:
        return []
    rows = [_count(statistics, paper, split) for split in ("train", "dev")]
    if paper.metric in statistics.majority:
        rows.append(_majority(statistics, paper))
    return rows


def _count(statistics: TaskStatistics, paper: PaperStatistics, split: str) -> Comparison:
    here, theirs = statistics.counts[split], paper.train if split == "train" else paper.dev
    why = ""
    if here != theirs:
        why = _reason(statistics, split)
        if split not in statistics.samples and paper.header and theirs == here + 1:
            why = "the paper counts the file's header line"
    return Comparison(statistics.task, split, here, theirs, here == theirs, why)


def _majority(statistics: TaskStatistics, paper: PaperStatistics) -> Comparison:
    here = statistics.majority[paper.metric]
    agrees = abs(here - paper.majority) <= ROUNDING
    why = "" if agrees else _reason(statistics, "dev")
    both = [statistics.majority[name] for name in ("f1", "accuracy") if name in statistics.majority]
    mean_of_both = len(both) == 2 and abs(sum(both) / 2 - paper.majority) <= ROUNDING
    if not agrees and "dev" not in statistics.samples and mean_of_both:
        why = "the paper's is the mean of F1 and accuracy"
    return Comparison(statistics.task, "majority", here, paper.majority, agrees, why)


def _reason(statistics: TaskStatistics, split: str) -> str:
    if not statistics.official:
        return "not the official files here"
    return "a seeded sample here" if split in statistics.samples else "the reason is not known"
