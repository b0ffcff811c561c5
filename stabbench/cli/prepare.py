"""`stabbench prepare`: the tasks as parquet, and a table of what was seen in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options
from stabbench.folders import Folders
from stabbench.task_facts import label_range, named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stabbench.tasks.prepared import PreparedTask

DEV_SHARE = 0.2
"""That of `tasks.splitting`, which needs more than a command's `--help` has."""
TOLD_FROM = 0.01
"""From this difference on between the share of dev and what was asked for, both are shown."""


@click.command()
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@options.folder("data", "Where the prepared tasks go, a folder each.")
@options.params
def prepare(tasks: tuple[str, ...], data: Path, params: Path) -> None:
    """Read, sample and check tasks of params.yaml and write them as parquet: those named, else the
    grid's and those of studies.

    GLUE, SuperGLUE, SNLI and SciTail come from the folder that STABBENCH_GLUE_DIR names (RTE/train.tsv, CB/val.jsonl
    and so on), else from the hub.

    \b
    Examples:
      stabbench prepare
      STABBENCH_GLUE_DIR=~/glue stabbench prepare rte cola
    """
    from stabbench.project.preparation import prepare as prepare_tasks

    prepare_tasks(Folders.of(data=data, params=params), tasks, _tell)


def _tell(task: PreparedTask) -> None:
    click.echo(summary(task))
    options.warn(*(f"{task.name}: {sentence}" for sentence in (task.seen or {}).get("warnings", ())))


def summary(task: PreparedTask) -> str:
    """What was prepared, as a line and a table of what was seen, a column a split."""
    constants = ", ".join(
        f"{metric} {value:.3f}{_constant(task, metric)}" for metric, value in task.trivial.scores.items()
    )
    what = "best constant classifier" if task.label_names else "best constant"
    head = f"{task.name}: {len(task.train):,} train, {len(task.dev):,} dev; {what}: {constants}"
    table = [("", "train", "dev"), *_rows(task)]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = [f"  {name:<{widths[0]}}  {train:>{widths[1]}}  {dev:>{widths[2]}}".rstrip() for name, train, dev in table]
    return "\n".join([head, *lines, *_how_dev_was_made(task)])


def _constant(task: PreparedTask, metric: str) -> str:
    """What the constant says, in brackets; nothing where any scores the same, which is 0."""
    if not task.trivial.scores[metric]:
        return ""
    if task.scorers[metric].takes == "probabilities":
        return " (the labels' shares)"
    return f" ({named(task.label_names, task.trivial.predictions[metric])})"


def _how_dev_was_made(task: PreparedTask) -> list[str]:
    """A line on a dev set that was split off own data; none where dev has a place of its own."""
    origin = task.origin or {}
    places = origin.get("files", origin.get("splits"))
    if "text" not in origin or not isinstance(places, Mapping) or "dev" in places:
        return []
    share = _share(task, 1 / origin["folds"] if "folds" in origin else origin.get("dev_share", DEV_SHARE))
    part = f"fold {origin['fold']} of {origin['folds']}, {share}" if "folds" in origin else share
    alike = "the same share of each class" if task.label_names else "labels spread alike"
    together = f", rows of one '{origin['group']}' on one side" if "group" in origin else ""
    return [f"  dev is {part}: {alike}{together}, split_seed {origin.get('split_seed', 0)}"]


def _share(task: PreparedTask, asked: float) -> str:
    """What dev is of the rows; whole groups, or few rows, may be another share than what was asked for."""
    read = task.seen["read"] if task.seen else task.counts
    share = read["dev"] / (read["train"] + read["dev"])
    told = f" (asked for: {100 * asked:.3g} %)" if abs(share - asked) > TOLD_FROM else ""
    return f"{round(100 * share, 1):g} % of the rows{told}"


def _rows(task: PreparedTask) -> list[tuple[str, str, str]]:
    seen = task.seen or {}
    train, dev = (seen["splits"][split] for split in ("train", "dev"))
    rows = [("examples", f"{len(task.train):,}", f"{len(task.dev):,}")]
    if seen["read"] != task.counts:
        rows.append(("examples read", *_each(seen["read"])))
    left_out = (task.origin or {}).get("left_out")
    if left_out:
        counted = {split: f"{count:,}" for split, count in left_out.items()}
        rows.append(("rows left out by drop", counted["train"], counted.get("dev", "")))
    if seen["official"]:
        rows.append(("in the official files", *_each(seen["official"])))
    for number, label in enumerate(task.label_names):
        train_share, dev_share = (f"{100 * task.label_shares[split][number]:.1f} %" for split in ("train", "dev"))
        rows.append((f"label {label}", train_share, dev_share))
    if not task.label_names:
        rows.append(("label: smallest, mean, std, largest", _range(task.labels("train")), _range(task.labels("dev"))))
    rows += [
        (title, f"{train[key]:,}", f"{dev[key]:,}")
        for key, title in {
            "quoted": "texts in quotation marks",
            "swallowed": "lines a CSV reader would lose",
            "repeated": "repeated texts",
            "conflicting": "texts with several labels",
        }.items()
    ]
    rows.append(("texts that are in train too", "", f"{seen['dev_in_train']['examples']:,}"))
    for key in ("words", "characters"):
        rows.append((f"{key}: median, 95 %, longest", _lengths(train[key]), _lengths(dev[key])))
    rows.append(("letters that are not Latin", f"{100 * train['not_latin']:.1f} %", f"{100 * dev['not_latin']:.1f} %"))
    return rows


def _each(counts: Mapping[str, int]) -> tuple[str, str]:
    return f"{counts['train']:,}", f"{counts['dev']:,}"


def _range(labels: NDArray[Any]) -> str:
    return ", ".join(f"{value:.4g}" for value in label_range(labels))


def _lengths(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
