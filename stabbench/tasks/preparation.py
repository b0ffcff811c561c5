"""From a data set's name to a prepared task on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.errors import UserError, unknown
from stabbench.tasks import embedded
from stabbench.tasks.glue import FOLDER_VARIABLE, SplitFile, folder_from_environment, read_file, split_path
from stabbench.tasks.hub import read_hub
from stabbench.tasks.official import differences
from stabbench.tasks.own import OwnTables
from stabbench.tasks.prepared import SPLITS, PreparedTask, examples_frame
from stabbench.tasks.quoting import quoting
from stabbench.tasks.registry import DATASETS, Dataset, dataset_named
from stabbench.tasks.sampling import sample_examples
from stabbench.tasks.seen import check_labels, seen

__all__ = ["DATASETS", "prepare"]

SOURCES: tuple[str, ...] = ("auto", "folder", "hub", "embedded")


def prepare(
    name: str,
    *,
    dataset: str | OwnTables,
    source: str = "auto",
    train_size: int | None = None,
    dev_size: int | None = None,
    sample_seed: int = 0,
    revision: str | None = None,
    unofficial: bool = False,
    generator: Mapping[str, int] | None = None,
    out: Path,
    root: Path = Path(),
) -> PreparedTask:
    """Read or generate a data set, draw a sample where one is asked for, and write it to `out`.

    Args:
        name: the task's name in the project.
        dataset: a name in `DATASETS`, or the user's own tables, whose source is their files.
        source: "folder" ($STABBENCH_GLUE_DIR), "hub" or "embedded"; "auto" takes the folder where the
            variable is set and the hub otherwise, and the generator for embedded data sets.
        train_size: examples to draw from the training split with `sample_seed`; all by default.
        dev_size: examples to draw from the dev split with `sample_seed`; all by default.
        sample_seed: seed of both samples.
        revision: the hub repository's branch, tag or commit.
        unofficial: take data under an official data set's name whose counts, header or quoting are others.
        generator: embedded data sets only: "train" and "dev" (how many to generate, 500 each by default,
            or as many as the sizes ask for) and "seed" (0 by default).
        out: the folder to write.
        root: where relative paths of the user's own tables start.

    UserError for an unknown data set or source, a source that the data set does not have, an option of another
    source, a size out of range, data that are not the official ones, a split with one label only, and whatever the
    source itself finds wrong. Nothing is written then.
    """
    if isinstance(dataset, OwnTables):
        found, frames = dataset.read(name, root)
        chosen = "files"
    else:
        found = dataset_named(dataset)
        chosen = _source(found, source)
    if revision is not None and chosen != "hub":
        raise UserError(f"task {name}: revision {revision!r} is for the hub, but {found.name} comes from: {chosen}")
    if generator is not None and chosen != "embedded":
        raise UserError(f"task {name}: generator is for embedded data sets, but {found.name} comes from: {chosen}")
    if unofficial and not found.counts:
        raise UserError(f"task {name}: unofficial is for data sets that have official files, {found.name} has none")
    origin: dict[str, Any] | None = None
    official: dict[str, SplitFile] = {}
    if isinstance(dataset, OwnTables):
        origin = {"files": dict(dataset.files), "text": list(dataset.text), "label": dataset.label}
    elif chosen == "embedded":
        options = _generator_options(name, generator or {}, train_size, dev_size)
        frames = _generated(found, options)
        origin = {"generator": options}
    elif chosen == "hub":
        frames = read_hub(found, revision)
        assert found.hub is not None
        origin = {"repository": found.hub.repository, "config": found.hub.config, "revision": revision}
    else:
        official = _from_folder(found)
        frames = {split: file.frame for split, file in official.items()}
    counts = {split: official[split].count if split in official else len(frame) for split, frame in frames.items()}
    quotings = {split: quoting(frame) for split, frame in frames.items()}
    strange = differences(found, counts, quotings, official)
    _check(name, found, official, [] if unofficial else strange)
    samples: dict[str, dict[str, int] | None] = {"train": None, "dev": None}
    for split, size in (("train", train_size), ("dev", dev_size)):
        if size is not None and size != len(frames[split]):
            try:
                frames[split] = sample_examples(frames[split], size, sample_seed, split)
            except UserError as error:
                raise UserError(f"task {name}: {error}") from error
            samples[split] = {"size": size, "seed": sample_seed}
    check_labels(name, frames, found.label_names, {split for split, sample in samples.items() if sample})
    task = PreparedTask(
        name=name,
        dataset=found.name,
        source=chosen,
        metrics=found.metrics,
        label_names=found.label_names,
        train=frames["train"],
        dev=frames["dev"],
        sample=samples["train"],
        dev_sample=samples["dev"],
        origin=origin,
        seen=seen(
            frames, found.label_names, read=counts, official=found.counts, differences=strange, quotings=quotings
        ),
    )
    task.write(out)
    return task


def _source(dataset: Dataset, source: str) -> str:
    if source not in SOURCES:
        raise unknown("source", source, SOURCES)
    if (dataset.kind == "embedded") != (source == "embedded") and source != "auto":
        sources = "embedded" if dataset.kind == "embedded" else "folder or hub"
        raise UserError(f"dataset {dataset.name} has no source {source!r}: use auto or {sources}")
    if source != "auto":
        return source
    if dataset.kind == "embedded":
        return "embedded"
    return "hub" if folder_from_environment() is None else "folder"


def _from_folder(dataset: Dataset) -> dict[str, SplitFile]:
    folder = folder_from_environment()
    if folder is None:
        raise UserError(
            f"{FOLDER_VARIABLE} is not set: set it to the folder that holds {dataset.folder}/train.tsv and dev.tsv, "
            f"or take {dataset.title} from the hub (source: hub)"
        )
    for split in SPLITS:
        split_path(dataset, folder, split)
    return {split: read_file(dataset, folder, split) for split in SPLITS}


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


def _generator_options(
    name: str, given: Mapping[str, int], train_size: int | None, dev_size: int | None
) -> dict[str, int]:
    defaults = {
        "train": max(embedded.DEFAULT_SIZE, train_size or 0),
        "dev": max(embedded.DEFAULT_SIZE, dev_size or 0),
        "seed": embedded.DEFAULT_SEED,
    }
    for key, value in given.items():
        if key not in defaults:
            raise unknown(f"generator option of task {name}", key, defaults)
        least = 0 if key == "seed" else 1
        if value < least:
            raise UserError(f"task {name}: generator {key} is {value}, expected {least} or more")
    return defaults | dict(given)


def _generated(dataset: Dataset, options: Mapping[str, int]) -> dict[str, pd.DataFrame]:
    frames: dict[str, pd.DataFrame] = {}
    for split in SPLITS:
        examples = embedded.generate(dataset.name, split, options[split], options["seed"])
        frames[split] = examples_frame([(row, *example) for row, example in enumerate(examples)])
    return frames
