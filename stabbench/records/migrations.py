"""Records of older versions, brought to today's form and judgement when they are read; the files stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stabbench.metrics.contract import LARGEST
from stabbench.plan_migrations import f1_of_always_one, outdated

if TYPE_CHECKING:
    import pandas as pd

Data = Mapping[str, Any]
Tables = Callable[[str], "pd.DataFrame"]
"""Reads a file beside record.json."""


def migrated(data: Data, table: Tables) -> Data:
    """The content of record.json in today's form."""
    for step in STEPS[data["schema_version"]]:
        data = step(data, table)
    return data


def _judged_by_todays_f1(data: Data, table: Tables) -> Data:
    """As the best constant classifier judges it, where an older version took the most frequent label for that.

    What the run did is never touched. Where the baseline changes, so do a run's status if its score is at most that, a
    diverged run's score, which is the baseline, and the digest over these. The labels are those of the predictions.
    """
    majority = data.get("majority")
    if data["status"] == "error" or majority is None:
        return data
    if not isinstance(majority, Mapping):
        raise ValueError(f"majority is {majority!r}, expected an object of scores")
    if not outdated(majority):
        return data
    labels = table("predictions.parquet")["label"]
    baselines = {**majority, "f1": f1_of_always_one(int((labels == 1).sum()), len(labels))}
    new = {**data, "majority": baselines}
    if data["status"] == "diverged":
        final = {**data["final"], "scores": {**data["final"]["scores"], "f1": baselines["f1"]}}
        new |= {"final": final, "best": final if data["best"] == data["final"] else data["best"]}
    elif data["final"]["scores"][data["metric"]] <= baselines[data["metric"]]:
        new["status"] = "failed"
    if any(new[key] != data[key] for key in ("status", "final")):
        from stabbench.records.digest import result_digest

        new["result_digest"] = result_digest(new, {name: table(name) for name in data["files"]})
    return new


def _diverged_by_its_score(data: Data, table: Tables) -> Data:
    """As diverged, where a score at the end is beyond LARGEST: older versions took any finite number.

    It counts with the best constant prediction's, as every diverged run; the tables and the digest are those it has.
    """
    final = data.get("final")
    if data["status"] in ("error", "diverged") or not isinstance(final, Mapping):
        return data
    scores = final.get("scores")
    if not isinstance(scores, Mapping) or not _beyond(scores):
        return data
    end = {**final, "dev_loss": None, "scores": data["majority"]}
    return {
        **{key: value for key, value in data.items() if key != "last"},
        "status": "diverged",
        "diverged_at": final["step"],
        "final": end,
        "best": end if _beyond(data["best"]["scores"]) else data["best"],
        "train_loss": {**data["train_loss"], "last_epoch": None, "final": None},
    }


def _beyond(scores: Mapping[str, Any]) -> bool:
    return any(isinstance(score, (int, float)) and abs(score) > LARGEST for score in scores.values())


STEPS: Mapping[int, Sequence[Callable[[Data, Tables], Data]]] = {1: (_judged_by_todays_f1, _diverged_by_its_score)}
"""What is done, in this order, to a record of each schema version that can be read."""
