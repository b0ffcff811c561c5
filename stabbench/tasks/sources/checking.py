"""What a task source must look like, and what it reads: found wrong before anything is written."""

from __future__ import annotations

from typing import Any

from stabbench.errors import UserError
from stabbench.metrics import METRICS, find
from stabbench.plugins import checked_class
from stabbench.plugins.options import check_options
from stabbench.tasks import objectives
from stabbench.tasks.prepared import SPLITS, examples_frame
from stabbench.tasks.sources.contract import Labelled, Source


def check_source(found: object, label: str) -> type[Source[Any]]:
    """The class itself, if it keeps to the contract of task sources; UserError otherwise."""
    source = checked_class(found, Source, label)  # type: ignore[type-abstract]
    check_options(getattr(source, "Options", None), label)
    return source


def wrong_tables(read: Labelled) -> str | None:
    """What the tables are not: one for each split, as `examples_frame` makes it, with something in it."""
    if sorted(read.frames) != sorted(SPLITS):
        return f"it has read {', '.join(sorted(read.frames)) or 'nothing'}, expected {' and '.join(SPLITS)}"
    expected = examples_frame([], objectives.find(read.dataset.objective).label_type).dtypes.to_dict()
    for split, frame in read.frames.items():
        if frame.dtypes.to_dict() != expected:
            found = ", ".join(f"{name} {kind}" for name, kind in frame.dtypes.items())
            return f"{split} has the columns {found}, expected {', '.join(f'{n} {k}' for n, k in expected.items())}"
        if frame.empty and not read.files:  # official files say themselves which lines cannot be used
            return f"{split} has no examples"
    return None


def wrong_labels(read: Labelled) -> str | None:
    """A label that is none by the objective: no index of the label names, no number."""
    objective = objectives.find(read.dataset.objective)
    for split, frame in read.frames.items():
        labels = frame["label"].to_numpy()
        try:
            objective.check(labels, read.dataset.label_names)
        except ValueError as error:
            return f"{split}: {error}"
        beyond = (abs(labels) > objective.largest).nonzero()[0]
        if len(beyond):
            example, label = (frame[name].iloc[beyond[0]] for name in ("example", "label"))
            most = objective.largest
            return f"{split} has the label {label:g} of example {example}, expected numbers within ±{most:g}"
    return None


def wrong_ids(read: Labelled) -> str | None:
    """An example's number that a split has twice."""
    for split, frame in read.frames.items():
        repeated = frame["example"][frame["example"].duplicated()]
        if len(repeated):
            return f"{split} has example {repeated.iloc[0]} twice, expected a number of its own for each"
    return None


def wrong_texts(read: Labelled) -> str | None:
    """A text that is empty or none, or a second text that only some examples have."""
    for split, frame in read.frames.items():
        columns = ["text_a"] if frame["text_b"].isna().all() else ["text_a", "text_b"]
        if read.dataset.pair != (len(columns) == 2) and len(frame):
            return f"{split} has {len(columns)} texts an example, its data set says {2 if read.dataset.pair else 1}"
        for column in columns:
            texts = frame[column].tolist()
            if set(map(type, texts)) == {str} and all(map(str.strip, texts)):
                continue
            good = [isinstance(text, str) and bool(text.strip()) for text in texts]
            if not all(good):
                number = frame["example"].iloc[good.index(False)]
                return f"{split} has no text in {column} of example {number}"
    return None


def wrong_metrics(read: Labelled) -> str | None:
    """A metric that is not known, or cannot judge runs; none at all."""
    metrics, objective = read.dataset.metrics, objectives.find(read.dataset.objective)
    if not metrics or not all(name in read.own_metrics or METRICS.has(name) for name in metrics):
        return f"its metrics are {', '.join(metrics) or 'none'}, expected some of {', '.join(METRICS.names())}"
    try:
        for name in metrics:
            objective.check_metric(name, read.own_metrics.get(name) or find(name))
    except UserError as error:
        return str(error)
    return None


def fault(read: Labelled) -> str | None:
    """What is wrong with what a source has read, or None."""
    wrong = (check(read) for check in (wrong_tables, wrong_labels, wrong_ids, wrong_texts, wrong_metrics))
    return next((sentence for sentence in wrong if sentence is not None), None)
