"""What preparing and planning saw in the texts: rows for the report's tables, and warnings that it repeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stabbench.plan import Cell
from stabbench.task_facts import TaskFacts


@dataclass(frozen=True)
class SeenSplit:
    """A split of a task as it was prepared."""

    task: str
    split: str
    read: int
    """Examples of the source, before a sample was drawn."""
    official: int | None
    """Examples of the official file, where there is one."""
    figures: Mapping[str, Any]
    """`stabbench.tasks.seen`'s for the split."""
    in_train: Mapping[str, int] | None
    """Of dev: examples whose texts are in train too, and those with another label there."""


@dataclass(frozen=True)
class TokenReading:
    """A task's texts as a model's tokenizer reads them; shares are fractions."""

    model: str
    task: str
    max_length: int
    looked_at: int
    examples: int
    unknown_share: float
    lengths: Sequence[int]
    """Median, 95th percentile and maximum of the examples' tokens, special ones included."""
    cut_share: float
    warnings: Sequence[str]


def seen_splits(cells: Iterable[Cell]) -> list[SeenSplit]:
    """Train and dev of each task, in the plan's order; nothing for tasks that an older version prepared."""
    found = []
    for task, facts in _tasks(cells):
        if (seen := facts.seen) is None:
            continue
        for split in ("train", "dev"):
            across = seen.dev_in_train if split == "dev" else None
            official = (seen.official or {}).get(split)
            found.append(SeenSplit(task, split, seen.read[split], official, seen.splits[split], across))
    return found


def token_readings(cells: Iterable[Cell]) -> list[TokenReading]:
    """One for each model, task and `max_length`, in the plan's order; nothing for older plans."""
    found: dict[tuple[object, ...], TokenReading] = {}
    for cell in cells:
        if cell.tokens:
            key = cell.model, cell.task, cell.tokens["max_length"], cell.task_facts.content_hash
            found.setdefault(key, TokenReading(cell.model, cell.task, **cell.tokens))
    return list(found.values())


def warnings(cells: Sequence[Cell]) -> list[str]:
    """What preparing a task and planning a model for it warned of, with their names before each."""
    prepared = [(task, sentence) for task, facts in _tasks(cells) if facts.seen for sentence in facts.seen.warnings]
    planned = [
        (f"{found.model} on {found.task}", sentence) for found in token_readings(cells) for sentence in found.warnings
    ]
    return list(dict.fromkeys(f"{place}: {sentence}" for place, sentence in [*prepared, *planned]))


def _tasks(cells: Iterable[Cell]) -> list[tuple[str, TaskFacts]]:
    """Name and facts of each task; one whose content differs between cells has several."""
    first: dict[tuple[str, str], TaskFacts] = {}
    for cell in cells:
        first.setdefault((cell.task, cell.task_facts.content_hash), cell.task_facts)
    return [(task, facts) for (task, _), facts in first.items()]
