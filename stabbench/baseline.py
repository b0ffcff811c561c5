"""F1 baselines of older plans and records, which took the most frequent label for the best constant classifier.

Always saying 1 scores 2·n₁/(n + n₁) in F1, also where label 0 is more frequent; there older files say 0, so that a run
that always says 1 counted as a successful one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def f1_of_always_one(ones: int, examples: int) -> float:
    """F1 of a classifier that always says 1, on `examples` labels of which `ones` are 1; bit-equal to `score`'s."""
    return 2.0 * ones / (ones + examples) if ones else 0.0


def outdated(scores: Mapping[str, float]) -> bool:
    """Whether the baselines of a plan or a record may hold the F1 of always saying another label than 1."""
    return scores.get("f1") == 0.0


def facts_put_right(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """A plan's facts about a task with F1's baseline put right; as they are where they have no label shares."""
    majority, shares = facts.get("majority"), facts.get("label_shares", {}).get("dev", ())
    if majority is None or len(shares) < 2 or not outdated(majority["scores"]):
        return facts
    examples = int(facts["counts"]["dev"])
    f1 = f1_of_always_one(round(shares[1] * examples), examples)
    return {**facts, "majority": {**majority, "scores": {**majority["scores"], "f1": f1}}}
