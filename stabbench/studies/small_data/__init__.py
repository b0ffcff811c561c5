"""Fig. 3 and Table 4: a small training set with as many epochs, and with as many updates, as the full one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stabbench.config import Config, TaskBlock
from stabbench.config.own_data import OWN_KEYS
from stabbench.errors import UserError, unknown
from stabbench.plan import Variation
from stabbench.studies.contract import Study
from stabbench.studies.small_data.options import FULL, OURS, SAME_UPDATES, Pair, SmallDataOptions

if TYPE_CHECKING:
    from stabbench.records import Selection
    from stabbench.report.content import Content
    from stabbench.report.section import Section


class SmallData(Study[SmallDataOptions]):
    """Whether a small training set is unstable because it is small or because it makes few updates."""

    Options = SmallDataOptions

    def variations(self, options: SmallDataOptions, config: Config) -> list[Variation]:
        """Three or four cells a pair; UserError where a pair is not a data set and a smaller sample of it."""
        _check_pairs(options.pairs, config)
        if options.ours == options.strategy:
            raise UserError(f"small data: found '{options.ours}' as strategy and as ours, expected another one as ours")
        variations = []
        for pair in options.pairs:
            for condition, name in options.names(pair).items():
                variations.append(
                    Variation(
                        name=name,
                        model=options.model,
                        task=pair.full if condition in (FULL, OURS) else pair.sample,
                        strategy=options.ours if condition == OURS and options.ours else options.strategy,
                        seeds=options.seeds or config.seeds,
                        steps_of=pair.full if condition == SAME_UPDATES else None,
                    )
                )
        return variations

    def section(self, name: str, options: SmallDataOptions, selection: Selection, content: Content) -> Section:
        """A box for each condition and task; failures and spreads of the conditions compared."""
        from stabbench.studies.small_data.chapter import section

        return section(name, options, selection, content)


def _check_pairs(pairs: Sequence[Pair], config: Config) -> None:
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
