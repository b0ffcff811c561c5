"""What a task of somebody's table is: its columns, and what follows from them; each guess with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from stabbench.errors import UserError
from stabbench.scaffold import naming
from stabbench.scaffold.choices import Asked, Choices, marks_of_none, quoted
from stabbench.scaffold.columns import Column, listed, number, rows_of, shown
from stabbench.tasks.sources.values import word

LISTED_CLASSES = 30
"""Up to which the classes are written down in their order."""
BALANCED = 1.4
"""The largest class's share, in that of equally large ones, up to which accuracy tells."""
LARGE, SAMPLED = 2000, 1000
"""Training rows above which a sample is taken, and its size; dev rows of which there are no more."""
FEWEST_GROUPS, LARGEST_GROUP = 10, 0.2
"""Of groups that a split can be made by: how many, and the largest one's share of the rows."""
REPEATED = 0.7
"""Different values below which a column is taken to repeat, in its rows with a value."""
_METRICS = ("accuracy", "balanced_accuracy", "mcc", "macro_f1", "weighted_f1", "auroc", "average_precision")
_OF_NUMBERS = ("pearson", "spearman", "r2", "rmse", "mae", "pearson_spearman")


@dataclass
class Guess:
    """A task, and by key of its block why it is so and what else it might be."""

    text: list[str]
    label: str
    objective: str
    labels: list[str] | None = None
    metrics: list[str] = field(default_factory=list)
    drop: dict[str, list[str]] = field(default_factory=dict)
    group: str | None = None
    train_size: int | None = None
    dev_size: int | None = None
    why: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> bool:
        """Whether labels are classes."""
        return self.objective != "regression"


def guess(frames: Mapping[str, pd.DataFrame], columns: Sequence[Column], asked: Asked, place: str) -> Guess:
    """What the task is.

    Args:
        frames: the table of `train`, and of `dev` where there is one, as words.
        columns: those of train.
        asked: what is known.
        place: what messages call train's table.

    UserError where a named column is not there, or none can be a text or a label: with the columns and their kinds.
    """
    by_name = {column.name: column for column in columns}
    choices = Choices(place, by_name, asked)
    text, text_why = choices.text()
    label, label_why = choices.label(text)
    objective, objective_why = choices.objective(by_name[label])
    found = Guess(text, label, objective, why={"text": text_why, "label": label_why, "objective": objective_why})
    _leave_out(found, frames, by_name[label])
    if found.classes:
        counts = _counts(frames["train"], found)
        if len(counts) < 2:
            raise UserError(
                f"column '{label}' of {place} has fewer than two classes of more than one row; {choices.seen}"
            )
        _order(found, counts)
        _judge(found, counts)
    else:
        found.metrics = list(_OF_NUMBERS[:4])
        others = ", ".join(_OF_NUMBERS[4:])
        found.why["metrics"] = (
            f"the headline first: the correlation with the labels, which needs no unit; others: {others}"
        )
    if "dev" not in frames:
        _group(found, by_name, len(frames["train"]))
    _sample(found, {split: len(frame) for split, frame in frames.items()})
    return found


def _leave_out(found: Guess, frames: Mapping[str, pd.DataFrame], label: Column) -> None:
    """Rows that cannot be used: without a text or a label, and of classes that cannot be on both sides."""
    why = []
    for name in found.text:
        empty = sum(int((frame[name].map(word) == "").sum()) for frame in frames.values() if name in frame)
        if empty:
            found.drop[name] = [""]
            why.append(f"{rows_of(empty)} without a text in {shown(name)}")
    of_dev = Counter(frames["dev"][found.label].map(word)) if found.label in frames.get("dev", ()) else Counter()
    marks = marks_of_none(label, list(of_dev), found.classes)
    if marks:
        everywhere = Counter(frames["train"][found.label].map(word)) + of_dev
        count = sum(everywhere[mark] for mark in marks)
        found.drop[found.label] = marks
        why.append(f"{rows_of(count)} without a label ({', '.join(map(quoted, marks))})")
    if found.classes:
        counts = {split: _counts(frame, found) for split, frame in frames.items() if found.label in frame}
        alone = [value for value, count in counts["train"].items() if count == 1]
        lacking = sorted(set(counts["dev"]) - set(counts["train"]) if "dev" in counts else alone)
        if lacking:
            found.drop.setdefault(found.label, []).extend(lacking)
            what = "that train lacks" if "dev" in counts else "of one row"
            why.append(f"classes {what}, which no run can learn and be judged by ({', '.join(map(quoted, lacking))})")
    found.why["drop"] = f"rows to leave out: {'; '.join(why)}"


def _counts(frame: pd.DataFrame, found: Guess) -> Counter[str]:
    """How many rows each class has, without those that are left out."""
    kept = frame
    for name, values in found.drop.items():
        kept = kept[~kept[name].map(word).isin(values)] if name in kept else kept
    return Counter(kept[found.label].map(word))


def _order(found: Guess, counts: Mapping[str, int]) -> None:
    if len(counts) > LISTED_CLASSES:
        found.why["labels"] = f"null: the {len(counts):,} classes that the rows have, by value or alphabet"
        return
    numbers = {value: number(value) for value in counts}
    if None not in numbers.values():
        natural, how = sorted(counts, key=lambda value: (numbers[value] or 0.0, value)), "by their value"
    else:
        natural, how = sorted(counts), "by the alphabet"
    found.labels, how = naming.in_order(counts) or (natural, how)
    second = "; f1 is of the second" if len(counts) == 2 else ""
    found.why["labels"] = f"the classes in their order: {how}{second}"


def _judge(found: Guess, counts: Mapping[str, int]) -> None:
    largest = max(counts, key=lambda value: counts[value])
    share = counts[largest] / sum(counts.values())
    if share * len(counts) <= BALANCED:
        found.metrics, reason = ["accuracy", "mcc"], "so accuracy tells"
    elif len(counts) == 2:
        found.metrics, reason = ["mcc", "accuracy"], "for which accuracy is high by itself, and mcc is not"
    else:
        found.metrics = ["macro_f1", "accuracy", "mcc"]
        reason = "for which accuracy is high by itself; macro_f1 counts all classes alike"
    others = [name for name in (*_METRICS, *(["f1"] if len(counts) == 2 else [])) if name not in found.metrics]
    found.why["metrics"] = (
        f"the headline first: the largest class ({shown(largest)}) has {100 * share:.0f} % of the rows, {reason}; "
        f"others: {', '.join(others)}"
    )


def _group(found: Guess, columns: Mapping[str, Column], rows: int) -> None:
    """An identifier's column that repeats; of several the one with the fewest values, which keeps most together."""
    rest = [column for name, column in columns.items() if name not in (*found.text, found.label)]
    repeated = [column for column in rest if naming.tells_whose(column.name) and 1 < len(column.counts) < column.filled]
    fit = [column for column in repeated if _can_be_split_by(column, rows)]
    if len(found.text) == 2:
        repeated += [columns[name] for name in found.text if _repeats(columns[name])]
    best = min(fit, key=lambda column: len(column.counts), default=None)
    reason = "rows with one value of this column stay on one side of the split"
    if best is not None:
        found.group = best.name
        reason += f": an identifier that repeats, {len(best.counts):,} for {rows_of(best.filled)}; null: no such column"
    others = [column for column in repeated if column is not best]
    left = f"; others: {listed(others)}" if others else ""
    if best is None:
        left += "; no column looks like an identifier that repeats" if not others else ""
        candidates = [column for column in rest if column not in repeated and _may_tell_whose(column, rows)]
        told = ", ".join(f"{shown(column.name)} ({len(column.counts):,} values)" for column in candidates)
        left += f"; candidates: {told}" if candidates else ""
    found.why["group"] = f"{reason}{left}"


def _may_tell_whose(column: Column, rows: int) -> bool:
    """Whether words repeat as those who wrote, cooked or judged something do: too many for classes, none too often."""
    return column.kind in ("words", "identifiers", "text") and _repeats(column) and _can_be_split_by(column, rows)


def _repeats(column: Column) -> bool:
    return len(column.counts) < REPEATED * column.filled


def _can_be_split_by(column: Column, rows: int) -> bool:
    return len(column.counts) >= FEWEST_GROUPS and max(column.counts.values()) <= LARGEST_GROUP * rows


def _sample(found: Guess, rows: Mapping[str, int]) -> None:
    dev = rows["dev"] if "dev" in rows else rows["train"] // 5
    train = rows["train"] if "dev" in rows else rows["train"] - dev
    found.train_size = SAMPLED if train > LARGE else None
    found.dev_size = LARGE if dev > LARGE else None
    found.why["train_size"] = (
        f"a seeded sample of about {train:,} rows, which each epoch of each run reads, to see something soon; null: all"
        if found.train_size
        else "null: all rows; a number: a seeded sample of so many"
    )
    found.why["dev_size"] = "the same for dev"
