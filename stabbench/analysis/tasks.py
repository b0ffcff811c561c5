"""The data behind the runs, as their plan holds it: what was seen in it, and the paper's own figures (Table 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stabbench.plan import Cell
from stabbench.task_facts import TaskFacts

ROUNDING = 0.005 + 1e-9
"""The paper prints two decimals."""


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


def tasks_of(cells: Iterable[Cell]) -> list[tuple[str, TaskFacts]]:
    """Name and facts of each task, in the plan's order; one whose content differs between cells has several."""
    first: dict[tuple[str, str], TaskFacts] = {}
    for cell in cells:
        first.setdefault((cell.task, cell.task_facts.content_hash), cell.task_facts)
    return [(task, facts) for (task, _), facts in first.items()]


def readings_of(cells: Iterable[Cell]) -> list[Cell]:
    """A cell for each model, task and `max_length` whose `tokens` say how the tokenizer reads the texts.

    In the cells' order; none for plans of older versions.
    """
    first: dict[tuple[object, ...], Cell] = {}
    for cell in cells:
        if cell.tokens:
            first.setdefault((cell.model, cell.task, cell.tokens["max_length"], cell.task_facts.content_hash), cell)
    return list(first.values())


def warnings(cells: Sequence[Cell]) -> list[str]:
    """What preparing a task and planning a model for it warned of, with their names before each."""
    prepared = [(task, sentence) for task, facts in tasks_of(cells) if facts.seen for sentence in facts.seen.warnings]
    planned = [
        (f"{cell.model} on {cell.task}", sentence)
        for cell in readings_of(cells)
        for sentence in cell.tokens["warnings"]
    ]
    return list(dict.fromkeys(f"{place}: {sentence}" for place, sentence in [*prepared, *planned]))


def is_sample(facts: TaskFacts, split: str) -> bool:
    """Whether a split is a seeded sample of the data set's."""
    return bool(facts.sample if split == "train" else facts.dev_sample)


def beside_the_paper(task: str, facts: TaskFacts) -> list[Comparison]:
    """Table 2's numbers for the same data set; empty where the paper does not have it."""
    paper = PAPER.get(facts.dataset)
    if paper is None:
        return []
    rows = [_count(task, facts, paper, split) for split in ("train", "dev") if facts.counts.get(split)]
    if paper.metric in facts.constant.scores:
        rows.append(_majority(task, facts, paper))
    return rows


def _count(task: str, facts: TaskFacts, paper: PaperStatistics, split: str) -> Comparison:
    here, theirs = facts.counts[split], paper.train if split == "train" else paper.dev
    why = ""
    if here != theirs:
        why = _reason(facts, split)
        if not is_sample(facts, split) and paper.header and theirs == here + 1:
            why = "the paper counts the file's header line"
    return Comparison(task, split, here, theirs, here == theirs, why)


def _majority(task: str, facts: TaskFacts, paper: PaperStatistics) -> Comparison:
    scores = facts.constant.scores
    here = scores[paper.metric]
    agrees = abs(here - paper.majority) <= ROUNDING
    why = "" if agrees else _reason(facts, "dev")
    both = [scores[name] for name in ("f1", "accuracy") if name in scores]
    mean_of_both = len(both) == 2 and abs(sum(both) / 2 - paper.majority) <= ROUNDING
    if not agrees and not is_sample(facts, "dev") and mean_of_both:
        why = "the paper's is the mean of F1 and accuracy"
    return Comparison(task, "majority", here, paper.majority, agrees, why)


def _reason(facts: TaskFacts, split: str) -> str:
    if facts.seen is not None and facts.seen.differs:
        return "not the official files here"
    return "a seeded sample here" if is_sample(facts, split) else "the reason is not known"
