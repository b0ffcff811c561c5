"""`stabbench prepare`: the tasks as parquet, and a table of what was seen in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.config import TaskBlock
    from stabbench.tasks.prepared import PreparedTask


@click.command()
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    help="Where the prepared tasks go, a folder each.",
)
@options.params
def prepare(tasks: tuple[str, ...], data: Path, params_file: Path) -> None:
    """Read, sample and check tasks of params.yaml and write them as parquet: those named, else the grid's.

    GLUE comes from the folder that STABBENCH_GLUE_DIR names (RTE/train.tsv, CoLA/dev.tsv and so on), else from the hub.

    \b
    Examples:
      stabbench prepare
      STABBENCH_GLUE_DIR=~/glue stabbench prepare rte cola
    """
    from stabbench.config import load
    from stabbench.errors import UserError, unknown

    config = load(params_file)
    for name in tasks:
        if name not in config.tasks:
            raise unknown("task", name, config.tasks)

    from stabbench.files import check_writable
    from stabbench.stopping import standing
    from stabbench.tasks.preparation import prepare as prepare_task

    wanted = list(tasks or config.grid.tasks)
    check_writable(*(data / name for name in wanted))
    left, refused = list(wanted), []
    with standing(lambda: f"{len(wanted) - len(left)} of {len(wanted)} tasks are prepared, left: {', '.join(left)}"):
        for name in wanted:
            block = config.tasks[name]
            try:
                prepared = prepare_task(name, **prepare_arguments(block), out=data / name)
            except UserError as error:
                refused.append(str(error))
                continue
            click.echo(summary(prepared))
            for sentence in (prepared.seen or {}).get("warnings", ()):
                click.echo(f"warning: {name}: {sentence}", err=True)
            left.remove(name)
    if refused:
        raise UserError("\n".join(dict.fromkeys(refused)))


def prepare_arguments(block: TaskBlock) -> dict[str, Any]:
    """What `stabbench.tasks.preparation.prepare` wants to know of a block."""
    from stabbench.config.tasks import OWN_KEYS
    from stabbench.tasks.own import OwnTables

    values = block.model_dump()
    own = {key: values.pop(key) for key in OWN_KEYS}
    return values if block.files is None else {**values, "dataset": OwnTables(**own)}


def summary(task: PreparedTask) -> str:
    """What was prepared, as a line and a table of what was seen, a column a split."""
    constants = ", ".join(
        f"{metric} {value:.3f}" + (f" ({task.label_names[task.trivial.predictions[metric]]})" if value else "")
        for metric, value in task.trivial.scores.items()
    )
    head = f"{task.name}: {len(task.train):,} train, {len(task.dev):,} dev; best constant classifier: {constants}"
    table = [("", "train", "dev"), *_rows(task)]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = [f"  {name:<{widths[0]}}  {train:>{widths[1]}}  {dev:>{widths[2]}}" for name, train, dev in table]
    return "\n".join([head, *lines])


def _rows(task: PreparedTask) -> list[tuple[str, str, str]]:
    seen = task.seen or {}
    train, dev = (seen["splits"][split] for split in ("train", "dev"))
    rows = [("examples", f"{len(task.train):,}", f"{len(task.dev):,}")]
    if seen["read"] != task.counts:
        rows.append(("examples read", *_each(seen["read"])))
    if seen["official"]:
        rows.append(("in the official files", *_each(seen["official"])))
    for number, label in enumerate(task.label_names):
        train_share, dev_share = (f"{100 * task.label_shares[split][number]:.1f} %" for split in ("train", "dev"))
        rows.append((f"label {label}", train_share, dev_share))
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


def _lengths(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
