"""The data sets that are known by name: their metrics, label names, columns and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stabbench.errors import UserError, unknown

AUTO = "auto"
"""In the place of a source: the one that a data set has here."""
SOURCES = {"glue": ("folder", "hub"), "embedded": ("embedded",), "own": ()}
"""The sources that have data sets, by the kind of these."""
OFFICIAL_SOURCES = (AUTO, "folder", "hub", "embedded")
"""What a task of a known data set may have as its source."""


@dataclass(frozen=True)
class FileLayout:
    """A tab-separated file: columns counted from 0; `header` is its first line, None where that is an example."""

    columns: int
    text_a: int
    text_b: int | None
    label: int
    header: tuple[str, ...] | None


@dataclass(frozen=True)
class HubLayout:
    """A data set on the Hugging Face hub: repository, configuration and column names."""

    repository: str
    config: str
    text_a: str
    text_b: str | None
    label: str = "label"
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "dev": "validation"})


@dataclass(frozen=True)
class Dataset:
    """A data set by name; `label_values` are the labels as the TSV files write them, in the order of `label_names`.

    `counts` are the published numbers of examples, which the official files have.
    """

    name: str
    title: str
    kind: Literal["glue", "embedded", "own"]
    metrics: tuple[str, ...]
    label_names: tuple[str, ...]
    pair: bool
    label_values: tuple[str, ...] = ()
    folder: str = ""
    file: FileLayout | None = None
    hub: HubLayout | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    objective: str = "classification"
    """Of regression there are no label names: labels are numbers."""


_ENTAILMENT = ("entailment", "not_entailment")
_GLUE = "nyu-mll/glue"

_QUESTION = ("index", "question", "sentence", "label")
_SENTENCES = ("index", "sentence1", "sentence2", "label")
_STRINGS = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")

_LISTED = (
    Dataset(
        "rte", "RTE", "glue", ("accuracy",), _ENTAILMENT, True, _ENTAILMENT, "RTE",
        FileLayout(4, 1, 2, 3, _SENTENCES), HubLayout(_GLUE, "rte", "sentence1", "sentence2"),
        {"train": 2490, "dev": 277},
    ),
    Dataset(
        "mrpc", "MRPC", "glue", ("f1", "accuracy"), ("not_equivalent", "equivalent"), True, ("0", "1"), "MRPC",
        FileLayout(5, 3, 4, 0, _STRINGS), HubLayout(_GLUE, "mrpc", "sentence1", "sentence2"),
        {"train": 3668, "dev": 408},
    ),
    Dataset(
        "cola", "CoLA", "glue", ("mcc", "accuracy"), ("unacceptable", "acceptable"), False, ("0", "1"), "CoLA",
        FileLayout(4, 3, None, 1, None), HubLayout(_GLUE, "cola", "sentence", None),
        {"train": 8551, "dev": 1043},
    ),
    Dataset(
        "qnli", "QNLI", "glue", ("accuracy",), _ENTAILMENT, True, _ENTAILMENT, "QNLI",
        FileLayout(4, 1, 2, 3, _QUESTION), HubLayout(_GLUE, "qnli", "question", "sentence"),
        {"train": 104_743, "dev": 5463},
    ),
    Dataset(
        "scitail", "SciTail", "glue", ("accuracy",), ("entails", "neutral"), True, ("entails", "neutral"), "SciTail",
        FileLayout(3, 0, 1, 2, None), HubLayout("allenai/scitail", "tsv_format", "premise", "hypothesis"),
        {"train": 23_596, "dev": 1304},
    ),
    Dataset(
        "acceptability", "Acceptability", "embedded", ("mcc", "accuracy"), ("unacceptable", "acceptable"), False,
    ),
    Dataset(
        "paraphrase", "Paraphrase", "embedded", ("f1", "accuracy"), ("not_equivalent", "equivalent"), True,
    ),
    Dataset("entailment", "Entailment", "embedded", ("accuracy",), _ENTAILMENT, True),
)  # fmt: skip

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _LISTED}
"""Every data set by its name."""


def dataset_for(source: str, name: str) -> Dataset:
    """The data set of that name, if the source has it; UserError otherwise."""
    if name not in DATASETS:
        raise unknown("dataset", name, DATASETS)
    found = DATASETS[name]
    if source not in SOURCES[found.kind]:
        raise UserError(f"dataset {name} has no source '{source}': use {' or '.join((AUTO, *SOURCES[found.kind]))}")
    return found
