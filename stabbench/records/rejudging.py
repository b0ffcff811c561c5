"""Records that were judged by an older F1 baseline, judged again when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stabbench.baseline import f1_of_always_one, outdated

if TYPE_CHECKING:
    import pandas as pd


def judged(data: Mapping[str, Any], table: Callable[[str], pd.DataFrame]) -> Mapping[str, Any]:
    """The content of record.json as the best constant classifier judges it; `table` reads a file beside it.

    What the run did is never touched. Where the baseline changes, so do a run's status if its score is at most that, a
    diverged run's score, which is the baseline, and the digest over these. The labels are those of the predictions.
    """
    majority = data.get("majority")
    if data["status"] == "error" or majority is None or not outdated(majority):
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
