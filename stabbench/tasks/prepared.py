"""A prepared task: two tables of examples, what they were made from and what can be computed from them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stabbench import metrics
from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_json, write_bytes, write_json
from stabbench.metrics import METRICS
from stabbench.metrics.contract import Metric
from stabbench.task_facts import BestConstant, OwnMetric, SeenInTexts, TaskFacts, label_range
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Array, Objective, Trivial
from stabbench.typed_json import from_json, to_json

SCHEMA_VERSION = 1
SPLITS: tuple[Literal["train", "dev"], ...] = ("train", "dev")
_COLUMNS = ["example", "text_a", "text_b", "label"]


def examples_frame(rows: Sequence[tuple[int, str, str | None, float]], label_type: type = np.int64) -> pd.DataFrame:
    """A table of examples from rows of (example, text_a, text_b, label), this of the objective's `label_type`."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return frame_of_columns(*columns, label_type=label_type)


def frame_of_columns(
    examples: Sequence[int],
    first: Sequence[str],
    second: Sequence[Any],
    labels: Sequence[float],
    *,
    label_type: type = np.int64,
) -> pd.DataFrame:
    """The same from its columns, the second texts None where there are none."""
    return pd.DataFrame(
        {
            "example": np.asarray(examples, dtype=np.int64),
            "text_a": pd.Series(first, dtype=object),
            "text_b": pd.Series(second, dtype=object),
            "label": np.asarray(labels, dtype=label_type),
        }
    )


@dataclass(frozen=True, eq=False)
class PreparedTask:
    """Labelled data with its metrics.

    `train` and `dev` have the columns example (int64, the row in the source), text_a, text_b (None in
    single-sentence tasks) and label (of the objective's `label_type`: an index into `label_names`, or a number).
    `metrics` holds the headline metric first; `own_metrics` has those of files, of which `metric_code` has where they
    are (`plugin`) and what tells their code apart (`code`). `source` is a task source's name; `origin` says more where
    it is known (a hub revision, a generator's sizes and seed). `sample` and `dev_sample` are {"size", "seed"} where a
    table is a sample. `seen` is what the preparation saw (`stabbench.tasks.seen`); None in tasks that an older version
    prepared.
    """

    name: str
    dataset: str
    source: str
    metrics: tuple[str, ...]
    label_names: tuple[str, ...]
    train: pd.DataFrame
    dev: pd.DataFrame
    sample: Mapping[str, int] | None = None
    dev_sample: Mapping[str, int] | None = None
    origin: Mapping[str, Any] | None = None
    seen: Mapping[str, Any] | None = None
    objective: Objective = field(default_factory=objectives.find)
    own_metrics: Mapping[str, Metric] = field(default_factory=dict)
    metric_code: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for split in SPLITS:
            frame = self.frame(split)
            if list(frame.columns) != _COLUMNS:
                raise ValueError(f"{split}: columns are {list(frame.columns)}, not {_COLUMNS}")
            labels = frame["label"].to_numpy()
            if len(labels) == 0:
                raise ValueError(f"{split}: no examples")
            try:
                self.objective.check(labels, self.label_names)
            except ValueError as error:
                raise ValueError(f"{split}: {error}") from error

    @property
    def metric(self) -> str:
        """The headline metric."""
        return self.metrics[0]

    @cached_property
    def scorers(self) -> Mapping[str, Metric]:
        """The metrics themselves, in their order."""
        return {name: self.own_metrics.get(name) or metrics.find(name) for name in self.metrics}

    def frame(self, split: Literal["train", "dev"]) -> pd.DataFrame:
        """The table of a split."""
        return self.train if split == "train" else self.dev

    def labels(self, split: Literal["train", "dev"]) -> Array:
        """The labels of a split, shape [n]."""
        return self.frame(split)["label"].to_numpy(dtype=self.objective.label_type)

    def texts(self, split: Literal["train", "dev"]) -> tuple[list[str], list[str] | None]:
        """First and second texts of a split; None for the second in single-sentence tasks."""
        frame = self.frame(split)
        second = frame["text_b"]
        return list(frame["text_a"]), None if bool(second.isna().all()) else list(second)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything that a result can depend on: both tables, metrics, label names and the objective."""
        tables = {}
        for split in SPLITS:
            frame = self.frame(split)
            second = [text if isinstance(text, str) else None for text in frame["text_b"]]
            tables[split] = [frame["example"].tolist(), list(frame["text_a"]), second, frame["label"].tolist()]
        described = {"metrics": list(self.metrics), "label_names": list(self.label_names)}
        code = {name: self.metric_code[name]["code"] for name in self.metrics if name in self.metric_code}
        others = {"objective": self._objective(), "metric_code": code}
        return sha256_of_json({**tables, **described, **{key: value for key, value in others.items() if value}})

    def _objective(self) -> dict[str, Any] | None:
        """The objective by name and settings; None for the one that tasks have which say nothing of it."""
        name = self.objective.name
        return None if name == objectives.CLASSIFICATION else {"name": name, **self.objective.settings()}

    @cached_property
    def counts(self) -> dict[str, int]:
        """Examples of each split."""
        return {split: len(self.frame(split)) for split in SPLITS}

    @cached_property
    def label_shares(self) -> dict[str, list[float]]:
        """The share of each label in each split."""
        return {split: self.objective.shares(self.labels(split), self.label_names) for split in SPLITS}

    @property
    def outputs(self) -> int:
        """How many outputs a model has for it."""
        return self.objective.outputs(self.label_names)

    @cached_property
    def trivial(self) -> Trivial:
        """What the best constants score on dev."""
        return self.objective.trivial(self.labels("dev"), self.scorers, self.label_names)

    @cached_property
    def facts(self) -> TaskFacts:
        """What a plan keeps of the task."""
        return TaskFacts(
            dataset=self.dataset,
            metric=self.metric,
            metrics=self.metrics,
            label_names=self.label_names,
            counts=self.counts,
            sample=self.sample,
            dev_sample=self.dev_sample,
            label_shares={split: tuple(shares) for split, shares in self.label_shares.items()},
            constant=BestConstant(self.trivial.prediction, self.trivial.predictions, self.trivial.scores),
            content_hash=self.content_hash,
            objective=self._objective(),
            label_ranges=None if self.label_names else {split: label_range(self.labels(split)) for split in SPLITS},
            own_metrics={name: OwnMetric.of(metric) for name, metric in self.own_metrics.items()} or None,
            seen=None if self.seen is None else from_json(SeenInTexts, self.seen),
        )

    def description(self) -> dict[str, Any]:
        """The content of `task.json`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "source": self.source,
            "origin": None if self.origin is None else dict(self.origin),
            **to_json(self.facts),
            **({"metric_code": dict(self.metric_code)} if self.metric_code else {}),
        }

    def write(self, folder: Path) -> None:
        """Write `train.parquet`, `dev.parquet` and `task.json`; equal content gives equal bytes."""
        description = self.description()
        for split in SPLITS:
            schema = _schema(self.objective)
            table = pa.Table.from_pandas(self.frame(split), schema=schema, preserve_index=False)
            buffer = io.BytesIO()
            pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
            write_bytes(folder / f"{split}.parquet", buffer.getvalue())
        write_json(folder / "task.json", description)

    @classmethod
    def read(cls, folder: Path, root: Path = Path()) -> PreparedTask:
        """Read a folder that `write` made; UserError where it is missing, unreadable or was changed since.

        `root` is the folder of params.yaml, in which metrics in files lie.
        """
        again = f"prepare it again with `stabbench prepare {folder.name}`"
        if not (folder / "task.json").is_file():
            raise UserError(f"{folder}: there is no prepared task here (task.json is missing): {again}")
        try:
            data = read_json(folder / "task.json")
            if data["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema version {data['schema_version']}, expected {SCHEMA_VERSION}")
            chosen = dict(data.get("objective") or {"name": objectives.CLASSIFICATION})
            objective = objectives.find(chosen.pop("name"), **chosen)
            frames = {split: _read_table(folder / f"{split}.parquet", objective) for split in SPLITS}
            code = data.get("metric_code", {})
            for name, entry in code.items():
                if METRICS.code(entry["plugin"], root) != entry["code"]:
                    raise ValueError(f"the code of metric {name} in {entry['plugin']} has changed")
            task = cls(
                name=data["name"],
                dataset=data["dataset"],
                source=data["source"],
                metrics=tuple(data["metrics"]),
                label_names=tuple(data["label_names"]),
                train=frames["train"],
                dev=frames["dev"],
                sample=data["sample"],
                dev_sample=data["dev_sample"],
                origin=data["origin"],
                seen=data.get("seen"),
                objective=objective,
                own_metrics={name: METRICS.load(entry["plugin"], root)() for name, entry in code.items()},
                metric_code=code,
            )
        except KeyError as error:
            raise UserError(f"{folder}: task.json has no entry {error}: {again}") from error
        except (OSError, ValueError, TypeError, pa.ArrowException) as error:
            raise UserError(f"{folder}: the prepared task cannot be read ({error}): {again}") from error
        if task.content_hash != data["content_hash"]:
            raise UserError(
                f"{folder}: the tables do not match the content hash in task.json "
                f"(found {task.content_hash[:12]}…, expected {data['content_hash'][:12]}…): {again}"
            )
        return task


def _schema(objective: Objective) -> pa.Schema:
    return pa.schema(
        [
            pa.field("example", pa.int64(), nullable=False),
            pa.field("text_a", pa.string(), nullable=False),
            pa.field("text_b", pa.string()),
            pa.field("label", pa.from_numpy_dtype(objective.label_type), nullable=False),
        ]
    )


def _read_table(path: Path, objective: Objective) -> pd.DataFrame:
    table = pq.ParquetFile(path).read()
    if not table.schema.equals(_schema(objective)):
        raise ValueError(f"{path.name} has columns {', '.join(table.schema.names)} of other types than expected")
    columns = table.to_pydict()
    return frame_of_columns(*(columns[name] for name in _COLUMNS), label_type=objective.label_type)
