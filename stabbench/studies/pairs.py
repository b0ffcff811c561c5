"""Two tasks of params.yaml that are a training set and a sample of it, with the same dev set."""

from __future__ import annotations

from collections.abc import Sequence

from stabbench.config import Config, TaskBlock
from stabbench.config.tasks import OWN_KEYS
from stabbench.config.values import Block, Name
from stabbench.errors import UserError, unknown


class Pair(Block):
    """The names of the two tasks."""

    full: Name
    sample: Name


def check_pairs(pairs: Sequence[Pair], config: Config) -> None:
    """UserError where a task is named twice, or a pair is not a data set and a smaller sample of it."""
    tasks = [task for pair in pairs for task in (pair.full, pair.sample)]
    repeated = [task for task in tasks if tasks.count(task) > 1]
    if repeated:
        raise UserError(f"small data: found task {repeated[0]} twice in pairs, expected each task once")
    for pair in pairs:
        _check(pair, config)


def _check(pair: Pair, config: Config) -> None:
    for name in (pair.full, pair.sample):
        if name not in config.tasks:
            raise unknown("task", name, config.tasks)
    full, sample = config.tasks[pair.full], config.tasks[pair.sample]
    expected = "expected a sample of the same data set with the same dev set"
    for key in _kept(full):
        found, other = getattr(sample, key), getattr(full, key)
        if found != other:
            raise UserError(f"small data: {pair.sample} has {key} {found}, {pair.full} has {other}: {expected}")
    if sample.train_size is None or (full.train_size is not None and sample.train_size >= full.train_size):
        raise UserError(
            f"small data: {pair.sample} has train_size {_size(sample)}, {pair.full} has {_size(full)}: expected a "
            "smaller train_size in the sample"
        )


def _kept(full: TaskBlock) -> list[str]:
    """What the two tasks must have in common; the seed where it draws the full task's examples too."""
    drawn = full.train_size is not None or full.dev_size is not None
    return ["dataset", *OWN_KEYS, "source", "options", "revision", "dev_size", *(["sample_seed"] if drawn else [])]


def _size(task: TaskBlock) -> str:
    return "null (all examples)" if task.train_size is None else str(task.train_size)
