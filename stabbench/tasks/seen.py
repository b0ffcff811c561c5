"""What a preparation saw in the data: figures for a table, and sentences about what a user should know."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stabbench.errors import UserError
from stabbench.tasks.outliers import about_outliers
from stabbench.tasks.quoting import Quoting, quoting, swallowed

_AT_ONCE = 10_000
"""Texts whose letters are counted at once."""
REPEATED_SHARE = 0.01
"""From this share of a split on, repeated texts are a warning also where their labels agree."""


def seen(
    frames: Mapping[str, pd.DataFrame],
    label_names: Sequence[str],
    *,
    read: Mapping[str, int],
    official: Mapping[str, int],
    differences: Sequence[str],
    quotings: Mapping[str, Quoting] | None = None,
    left_out: Mapping[str, Mapping[str, int]] | None = None,
    told: Sequence[str] = (),
    places: Mapping[str, Callable[[int], str]] | None = None,
) -> dict[str, Any]:
    """What `task.json` keeps under `seen`, as plain data.

    Args:
        frames: the tables of train and dev as runs get them.
        label_names: names of the labels.
        read: examples that the source has, before a sample was drawn.
        official: the official files' counts; empty where there are none.
        differences: what is not as in the official files and was taken on request.
        quotings: how the source's texts are quoted, where that is known already.
        left_out: how many rows of each split are no examples, by why.
        told: what the source warns of.
        places: what messages call an example by its number, by split.
    """
    quoted = quotings or {split: quoting(frame) for split, frame in frames.items()}
    splits = {split: _split(frame, quoted[split]) for split, frame in frames.items()}
    across = _across(frames["train"], frames["dev"])
    warnings = [f"taken as they are, on request: {sentence}" for sentence in differences]
    warnings += [
        f"{count:,} {split} rows {why} are left out"
        for split, reasons in (left_out or {}).items()
        for why, count in reasons.items()
    ]
    warnings += told
    if not official:
        warnings += [
            f"{quoted[split].fields:,} {split} texts are quoted as a CSV writer does, and the marks are read as text"
            for split in splits
            if quoted[split].systematic
        ]
    warnings += _about_labels(frames, label_names) if label_names else about_outliers(frames, places or {})
    for split, figures in splits.items():
        warnings += _about_repetitions(split, figures, len(frames[split]))
    if across["examples"]:
        count = f"{across['examples']:,} of {len(frames['dev']):,} dev examples have texts that are in train too"
        warnings.append(
            count + (f", {across['other_label']:,} of them with another label" if across["other_label"] else "")
        )
    return {
        "read": dict(read),
        "official": dict(official) or None,
        "differs": bool(differences),
        "splits": splits,
        "dev_in_train": across,
        "warnings": warnings,
    }


def check_labels(name: str, frames: Mapping[str, pd.DataFrame], label_names: Sequence[str], sampled: set[str]) -> None:
    """UserError where a split has one label only: such a dev set cannot tell, such a train set teaches nothing.

    Args:
        name: the task's name.
        frames: the tables of train and dev.
        label_names: names of the labels.
        sampled: the splits that are samples.
    """
    wrong = []
    for split, frame in frames.items():
        values = frame["label"].unique()
        if len(values) > 1:
            continue
        what = "no score can tell a run from a constant classifier" if split == "dev" else "there is nothing to learn"
        todo = f"set a larger {split}_size or another sample_seed" if split in sampled else "take data with more labels"
        label = label_names[int(values[0])] if label_names else float(values[0])
        wrong.append(f"task {name}: all {len(frame):,} {split} examples have the label {label!r}, so {what}: {todo}")
    if wrong:
        raise UserError("\n".join(wrong))


def _split(frame: pd.DataFrame, quoted: Quoting) -> dict[str, Any]:
    texts = [f"{first}\n{second}" for first, second in _texts(frame)]
    repeated = len(texts) - len(set(texts))
    return {
        "quoted": quoted.fields,
        "swallowed": swallowed(frame),
        "repeated": repeated,
        "conflicting": _conflicting(texts, frame["label"]) if repeated else 0,
        "words": _three(list(map(len, map(str.split, texts)))),
        "characters": [length - 1 for length in _three(list(map(len, texts)))],
        "not_latin": _not_latin(texts),
    }


def _three(lengths: Sequence[int]) -> list[int]:
    """Median, 95th percentile and maximum, each the length of an example."""
    return [int(value) for value in np.quantile(lengths, [0.5, 0.95, 1.0], method="lower")]


def _conflicting(texts: Sequence[str], labels: pd.Series) -> int:
    """How many texts have several labels."""
    counts = Counter(text for text, _ in set(zip(texts, labels.tolist(), strict=True)))
    return sum(count > 1 for count in counts.values())


def _not_latin(texts: Sequence[str]) -> float:
    """The share of letters that are not Latin ones."""
    counts = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    for start in range(0, len(texts), _AT_ONCE):
        joined = "".join(texts[start : start + _AT_ONCE])
        found = np.bincount(np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32))
        counts[: len(found)] += found
    letters = {letter: int(counts[point]) for point in np.flatnonzero(counts) if (letter := chr(point)).isalpha()}
    others = sum(count for letter, count in letters.items() if not _is_latin(letter))
    return round(others / max(1, sum(letters.values())), 6)


def _is_latin(character: str) -> bool:
    return character.isascii() or "LATIN" in unicodedata.name(character, "")


def _across(train: pd.DataFrame, dev: pd.DataFrame) -> dict[str, int]:
    """Dev examples whose texts are a train example's, and those of them that never have the same label there."""
    wanted = set(_texts(dev))
    labels: dict[tuple[str, str], set[float]] = {}
    for key, label in zip(_texts(train), train["label"].tolist(), strict=True):
        if key in wanted:
            labels.setdefault(key, set()).add(label)
    found = [
        label in labels[key] for key, label in zip(_texts(dev), dev["label"].tolist(), strict=True) if key in labels
    ]
    return {"examples": len(found), "other_label": len(found) - sum(found)}


def _texts(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Both texts of each example, the second empty where there is none."""
    return zip(frame["text_a"].tolist(), frame["text_b"].fillna("").tolist(), strict=True)


def _about_labels(frames: Mapping[str, pd.DataFrame], label_names: Sequence[str]) -> list[str]:
    present = {split: set(frame["label"].tolist()) for split, frame in frames.items()}
    found = []
    for number, name in enumerate(label_names):
        absent = [split for split in frames if number not in present[split]]
        if absent == ["train"]:
            count = int((frames["dev"]["label"] == number).sum())
            found.append(
                f"no train example has the label {name!r}, {count:,} dev examples have it: no run can learn it"
            )
        elif absent:
            found.append(f"no {' or '.join(absent)} example has the label {name!r}")
    return found


def _about_repetitions(split: str, figures: Mapping[str, Any], count: int) -> list[str]:
    repeated, conflicting = figures["repeated"], figures["conflicting"]
    if not conflicting and repeated < REPEATED_SHARE * count:
        return []
    sentence = f"{repeated:,} of {count:,} {split} examples repeat the texts of an earlier one"
    return [sentence + (f"; {conflicting:,} texts have more than one label" if conflicting else "")]
