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
class TabLayout:
    """A tab-separated file: columns counted from 0; `header` is its first line, None where that is an example."""

    columns: int
    text_a: int
    text_b: int | None
    label: int
    header: tuple[str, ...] | None


@dataclass(frozen=True)
class Columns:
    """Where an example has its texts and its label, by name: the columns of a table, or the keys of a JSON object.

    Where there is a `word`, the first text is that word, a colon and a blank before the text itself.
    """

    text_a: str
    text_b: str | None
    label: str = "label"
    word: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(name for name in (self.word, self.text_a, self.text_b, self.label) if name is not None)

    def texts(self, row: Mapping[str, object]) -> list[object]:
        """One or two texts of a row that has all `names`."""
        first = row[self.text_a]
        if self.word is not None:
            parts = row[self.word], first
            first = ": ".join(map(str, parts)) if all(isinstance(part, str) and part.strip() for part in parts) else ""
        return [first] if self.text_b is None else [first, row[self.text_b]]


@dataclass(frozen=True)
class OfficialFile:
    """A split's official file, by its name in the data set's folder: tab-separated, or a JSON object a line."""

    name: str
    layout: TabLayout | Columns


@dataclass(frozen=True)
class HubLayout:
    """A data set on the Hugging Face hub: repository, configuration, columns and the names of its splits there."""

    repository: str
    config: str
    columns: Columns
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "dev": "validation"})


@dataclass(frozen=True)
class Dataset:
    """A data set by name; `label_values` are the labels as its files write them, in the order of `label_names`.

    `counts` are the published numbers of examples, which the official files have, less those that are left out.
    """

    name: str
    title: str
    kind: Literal["glue", "embedded", "own"]
    metrics: tuple[str, ...]
    label_names: tuple[str, ...]
    pair: bool
    label_values: tuple[str, ...] = ()
    folder: str = ""
    files: Mapping[str, OfficialFile] = field(default_factory=dict)
    """By split."""
    hub: HubLayout | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    objective: str = "classification"
    """Of regression there are no label names: labels are numbers."""
    label_range: tuple[float, float] | None = None
    """Of regression: the smallest and the largest label that there can be."""
    no_label: tuple[str | int, ...] = ()
    """What a row has in the place of a label on which its annotators did not agree, in files and on the hub: such rows
    are left out, as everybody does, and counted."""
    no_text: tuple[str, ...] = ()
    """What a row of an earlier release has in the place of a text that it lacks: such rows, and lines that end before
    their last column, are left out, as in later releases, and counted."""
    quoted: bool = False
    """Whether the official files may have texts that a CSV writer quoted; the marks are read as text there, too."""

    @property
    def paths(self) -> str:
        """Its files in words, such as RTE/train.tsv and dev.tsv."""
        return f"{self.folder}/{self.files['train'].name} and {self.files['dev'].name}"

    def header(self, split: str) -> tuple[str, ...] | None:
        """The first line of a split's official file, where that is a header."""
        layout = self.files[split].layout
        return layout.header if isinstance(layout, TabLayout) else None


def _tabs(train: TabLayout, dev: TabLayout | None = None, dev_name: str = "dev.tsv") -> dict[str, OfficialFile]:
    return {"train": OfficialFile("train.tsv", train), "dev": OfficialFile(dev_name, dev or train)}


def _json(columns: Columns, train: str = "train.jsonl", dev: str = "val.jsonl") -> dict[str, OfficialFile]:
    return {"train": OfficialFile(train, columns), "dev": OfficialFile(dev, columns)}


_GLUE = "nyu-mll/glue"
_SUPERGLUE = "aps/super_glue"

_ENTAILMENT = ("entailment", "not_entailment")
_NLI = ("entailment", "neutral", "contradiction")
_COMMITMENT = ("entailment", "contradiction", "neutral")
_ACCEPTABLE = ("unacceptable", "acceptable")
_EQUIVALENT = ("not_equivalent", "equivalent")
_BOOLEAN = ("false", "true")

_ONE = Columns("sentence", None)
_TWO = Columns("sentence1", "sentence2")
_PREMISE = Columns("premise", "hypothesis")
_PASSAGE = Columns("question", "passage")
_WORD = Columns("sentence1", "sentence2", word="word")

_SENTENCES = TabLayout(4, 1, 2, 3, ("index", "sentence1", "sentence2", "label"))
_QUESTION = TabLayout(4, 1, 2, 3, ("index", "question", "sentence", "label"))
_SENTENCE = TabLayout(2, 0, None, 1, ("sentence", "label"))
_STRINGS = TabLayout(5, 3, 4, 0, ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"))
_QUESTIONS = TabLayout(6, 3, 4, 5, ("id", "qid1", "qid2", "question1", "question2", "is_duplicate"))
_SIMILARITY = TabLayout(
    10, 7, 8, 9,
    ("index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2", "score"),
)  # fmt: skip
_GENRES = (
    "index", "promptID", "pairID", "genre", "sentence1_binary_parse", "sentence2_binary_parse", "sentence1_parse",
    "sentence2_parse", "sentence1", "sentence2",
)  # fmt: skip
_GENRES_TRAIN = TabLayout(12, 8, 9, 11, (*_GENRES, "label1", "gold_label"))
_GENRES_DEV = TabLayout(16, 8, 9, 15, (*_GENRES, *(f"label{number}" for number in range(1, 6)), "gold_label"))

_LISTED = (
    Dataset(
        "rte", "RTE", "glue", ("accuracy",), _ENTAILMENT, True, _ENTAILMENT, "RTE",
        _tabs(_SENTENCES), HubLayout(_GLUE, "rte", _TWO),
        {"train": 2490, "dev": 277},
    ),
    Dataset(
        "mrpc", "MRPC", "glue", ("f1", "accuracy"), _EQUIVALENT, True, ("0", "1"), "MRPC",
        _tabs(_STRINGS), HubLayout(_GLUE, "mrpc", _TWO),
        {"train": 3668, "dev": 408},
    ),
    Dataset(
        "cola", "CoLA", "glue", ("mcc", "accuracy"), _ACCEPTABLE, False, ("0", "1"), "CoLA",
        _tabs(TabLayout(4, 3, None, 1, None)), HubLayout(_GLUE, "cola", _ONE),
        {"train": 8551, "dev": 1043},
    ),
    Dataset(
        "sst2", "SST-2", "glue", ("accuracy",), ("negative", "positive"), False, ("0", "1"), "SST-2",
        _tabs(_SENTENCE), HubLayout(_GLUE, "sst2", _ONE),
        {"train": 67_349, "dev": 872},
    ),
    Dataset(
        "stsb", "STS-B", "glue", ("pearson", "spearman", "pearson_spearman"), (), True, (), "STS-B",
        _tabs(_SIMILARITY), HubLayout(_GLUE, "stsb", _TWO),
        {"train": 5749, "dev": 1500}, objective="regression", label_range=(0.0, 5.0),
    ),
    Dataset(
        "qqp", "QQP", "glue", ("f1", "accuracy"), ("not_duplicate", "duplicate"), True, ("0", "1"), "QQP",
        _tabs(_QUESTIONS), HubLayout(_GLUE, "qqp", Columns("question1", "question2")),
        {"train": 363_846, "dev": 40_430}, no_text=("", "n/a"), quoted=True,
    ),
    Dataset(
        "mnli", "MNLI", "glue", ("accuracy",), _NLI, True, _NLI, "MNLI",
        _tabs(_GENRES_TRAIN, _GENRES_DEV, "dev_matched.tsv"),
        HubLayout(_GLUE, "mnli", _PREMISE, {"train": "train", "dev": "validation_matched"}),
        {"train": 392_702, "dev": 9815},
    ),
    Dataset(
        "mnli-mismatched", "MNLI mismatched", "glue", ("accuracy",), _NLI, True, _NLI, "MNLI",
        _tabs(_GENRES_TRAIN, _GENRES_DEV, "dev_mismatched.tsv"),
        HubLayout(_GLUE, "mnli", _PREMISE, {"train": "train", "dev": "validation_mismatched"}),
        {"train": 392_702, "dev": 9832},
    ),
    Dataset(
        "qnli", "QNLI", "glue", ("accuracy",), _ENTAILMENT, True, _ENTAILMENT, "QNLI",
        _tabs(_QUESTION), HubLayout(_GLUE, "qnli", Columns("question", "sentence")),
        {"train": 104_743, "dev": 5463},
    ),
    Dataset(
        "wnli", "WNLI", "glue", ("accuracy",), ("not_entailment", "entailment"), True, ("0", "1"), "WNLI",
        _tabs(_SENTENCES), HubLayout(_GLUE, "wnli", _TWO),
        {"train": 635, "dev": 71},
    ),
    Dataset(
        "scitail", "SciTail", "glue", ("accuracy",), ("entails", "neutral"), True, ("entails", "neutral"), "SciTail",
        _tabs(TabLayout(3, 0, 1, 2, None)), HubLayout("allenai/scitail", "tsv_format", _PREMISE),
        {"train": 23_596, "dev": 1304},
    ),
    Dataset(
        "boolq", "BoolQ", "glue", ("accuracy",), _BOOLEAN, True, _BOOLEAN, "BoolQ",
        _json(_PASSAGE), HubLayout(_SUPERGLUE, "boolq", _PASSAGE),
        {"train": 9427, "dev": 3270},
    ),
    Dataset(
        "cb", "CB", "glue", ("accuracy", "macro_f1"), _COMMITMENT, True, _COMMITMENT, "CB",
        _json(_PREMISE), HubLayout(_SUPERGLUE, "cb", _PREMISE),
        {"train": 250, "dev": 56},
    ),
    Dataset(  # the word goes before the first sentence: "place: Do you want to come over to my place later?"
        "wic", "WiC", "glue", ("accuracy",), _BOOLEAN, True, _BOOLEAN, "WiC",
        _json(_WORD), HubLayout(_SUPERGLUE, "wic", _WORD),
        {"train": 5428, "dev": 638},
    ),
    Dataset(
        "snli", "SNLI", "glue", ("accuracy",), _NLI, True, _NLI, "snli_1.0",
        _json(Columns("sentence1", "sentence2", "gold_label"), "snli_1.0_train.jsonl", "snli_1.0_dev.jsonl"),
        HubLayout("stanfordnlp/snli", "plain_text", _PREMISE),
        {"train": 549_367, "dev": 9842}, no_label=("-", -1),
    ),
    Dataset("acceptability", "Acceptability", "embedded", ("mcc", "accuracy"), _ACCEPTABLE, False),
    Dataset("paraphrase", "Paraphrase", "embedded", ("f1", "accuracy"), _EQUIVALENT, True),
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
