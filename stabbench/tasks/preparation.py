"""From a task's source to a prepared task on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.datasets import AUTO, Dataset
from stabbench.errors import UserError
from stabbench.plugins.options import make_options
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective
from stabbench.tasks.official import differences
from stabbench.tasks.prepared import PreparedTask
from stabbench.tasks.quoting import quoting
from stabbench.tasks.sampling import sample_examples
from stabbench.tasks.seen import check_labels, seen
from stabbench.tasks.sources import TASK_SOURCES, Labelled, Wanted, source_for
from stabbench.tasks.sources.checking import fault
from stabbench.tasks.split_file import SplitFile


def prepare(
    name: str,
    options: Mapping[str, Any],
    *,
    source: str = AUTO,
    train_size: int | None = None,
    dev_size: int | None = None,
    sample_seed: int = 0,
    root: Path = Path(),
    out: Path,
) -> PreparedTask:
    """Have a source read a task's examples, draw a sample where one is asked for, and write it to `out`.

    Args:
        name: the task's name in the project.
        options: those of the source, by name.
        source: the name of a task source, or `./file.py:Class`; "auto" takes, for an official data set, the folder of
            $STABBENCH_GLUE_DIR where that is set and the hub otherwise, the generator for an embedded one, and for
            options without a `dataset` the user's own files.
        train_size: examples to draw from the training split with `sample_seed`; all by default.
        dev_size: examples to draw from the dev split with `sample_seed`; all by default.
        sample_seed: seed of both samples.
        root: the folder of params.yaml.
        out: the folder to write.

    UserError for an unknown source, an option that it does not have, a size out of range, data that are not the
    official ones, a split with one label only, and whatever the source itself finds wrong. Nothing is written then.
    """
    wanted = Wanted(name, root, {"train": train_size, "dev": dev_size})
    chosen = source_for(source, options)
    plugin, label = TASK_SOURCES.load(chosen, root), f"task {name}: {TASK_SOURCES.label(chosen)}"
    read = plugin().read(make_options(plugin.Options, options, label), wanted)
    wrong = fault(read)
    if wrong is not None:
        raise UserError(f"{label}: {wrong}")
    task = prepared(chosen, read, wanted, sample_seed)
    task.write(out)
    return task


def prepared(source: str, read: Labelled, wanted: Wanted, sample_seed: int = 0) -> PreparedTask:
    """The task that is made of what a source has read; UserError where it is not what it should be."""
    name = wanted.task
    found, official, frames = read.dataset, read.files, dict(read.frames)
    counts = {split: official[split].count if split in official else len(frame) for split, frame in frames.items()}
    quotings = {split: quoting(frame) for split, frame in frames.items()}
    strange = differences(found, counts, quotings, official)
    _check(name, found, official, [] if read.unofficial else strange)
    samples: dict[str, dict[str, int] | None] = {"train": None, "dev": None}
    for split, size in wanted.sizes.items():
        if size is not None and size != len(frames[split]):
            try:
                frames[split] = sample_examples(frames[split], size, sample_seed, split)
            except UserError as error:
                raise UserError(f"task {name}: {error}") from error
            samples[split] = {"size": size, "seed": sample_seed}
    check_labels(name, frames, found.label_names, {split for split, sample in samples.items() if sample})
    try:
        objective = objectives.find(found.objective).fitted(frames["train"]["label"].to_numpy(), read.scaled)
    except ValueError as error:
        raise UserError(f"task {name}: {error}") from error
    _check_own_metrics(name, read, objective, frames["dev"])
    return PreparedTask(
        name=name,
        dataset=found.name,
        source=source,
        metrics=found.metrics,
        label_names=found.label_names,
        train=frames["train"],
        dev=frames["dev"],
        sample=samples["train"],
        dev_sample=samples["dev"],
        origin=read.origin,
        seen=seen(
            frames,
            found.label_names,
            read=counts,
            official=found.counts,
            differences=strange,
            quotings=quotings,
            left_out=read.left_out,
            told=read.warnings,
            places=read.places,
        ),
        objective=objective,
        own_metrics=read.own_metrics,
        metric_code=read.metric_code,
    )


def _check_own_metrics(name: str, read: Labelled, objective: Objective, dev: pd.DataFrame) -> None:
    """UserError where a metric of a file has no score for constant predictions."""
    for metric, scorer in read.own_metrics.items():
        try:
            objective.trivial(dev["label"].to_numpy(), {metric: scorer}, read.dataset.label_names)
        except Exception as error:  # whatever anybody's code raises
            said = f"{type(error).__name__}: {error}"
            raise UserError(f"task {name}: metric {metric} has no score for constant predictions: {said}") from error


def _check(name: str, dataset: Dataset, files: Mapping[str, SplitFile], strange: Sequence[str]) -> None:
    """UserError with all that is not the official files' and all lines that cannot be used."""
    messages = []
    if strange:
        place = f"{next(iter(files.values())).path.parent}" if files else "the hub's repository"
        messages.append(
            f"task {name}: {place} does not hold the official {dataset.title}:\n"
            + "".join(f"  {sentence}\n" for sentence in strange)
            + f"Take the official files, or set `unofficial: true` in tasks.{name} to take these as they are."
        )
    messages += [file.message for file in files.values() if file.message]
    if messages:
        raise UserError("\n".join(messages))
