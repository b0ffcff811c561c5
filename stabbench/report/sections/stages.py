"""Seeds that were trained by stages: what was declared before, and what each look decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stabbench.analysis.place import Place
from stabbench.analysis.spread import standard_deviation
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.looks_words import TaskLooks
from stabbench.report.numbers import counted, listed, p_value
from stabbench.report.section import RESULTS, Section

_STATES = {"apart": "told apart", "accepted": "not told apart", "open": "open"}


def section(content: Content) -> Section | None:
    """A row a question about a pair; None where all planned seeds are trained whatever is seen."""
    looks = content.looks
    if not looks:
        return None
    designs = {found.decisions.design for found in looks.values()}
    table = pd.DataFrame([row for place, found in looks.items() for row in _rows(place, found)])
    several = len(content.models) > 1
    return Section(
        name="stages",
        title="Seeds by stages",
        looks_for=(
            f"params.yaml declares before the first run: {listed(sorted(map(str, designs)))}. After each stage every "
            "pair of strategies that is still open is tested (group-sequential permutation tests, Holm's step-down "
            "over all pairs and questions of a task); a strategy with no open pair is trained no further. α bounds the "
            "probability that any pair is told apart that does not differ. What is not told apart is no proof of "
            "equality. The e-values are of two failure rates (Turner, Ly and Grünwald, 2024); they stop nothing."
        ),
        found=[f"{content.heading(place)}: {_sentence(found)}" for place, found in looks.items()],
        part=RESULTS,
        tables=[("A row a question.", Grid.of(table.to_dict("records"), _columns(content, several), texts=4))],
        data={"looks": table, "failures": _failures(looks)},
    )


def _sentence(found: TaskLooks) -> str:
    decisions = found.decisions
    apart = [f"{pair.first} from {pair.second}" for pair in decisions.pairs if pair.state == "apart"]
    told = f"told apart: {listed(list(dict.fromkeys(apart)))}" if apart else "no two strategies are told apart"
    seeds = listed([f"{name} {len(scores)}" for name, scores in found.arms.scores.items()])
    left = "" if decisions.finished else "; it goes on"
    return (
        f"after look {decisions.looks} of {decisions.design.stages} {told}; seeds of each strategy: {seeds}, of "
        f"{decisions.design.most} at the most{left}."
    )


def _rows(place: Place, found: TaskLooks) -> list[dict[str, Any]]:
    rows = []
    for pair in found.decisions.pairs:
        seeds = pair.look * found.decisions.design.stage
        numbers = {}
        for end, name in (("a", pair.first), ("b", pair.second)):
            scores = found.arms.scores[name][:seeds]
            numbers[f"std_{end}"] = standard_deviation(scores) if len(scores) > 1 else float("nan")
            numbers[f"mean_{end}"] = sum(scores) / len(scores) if scores else float("nan")
        rows.append(
            {
                "model": place.model,
                "task": place.task,
                "strategy_a": pair.first,
                "strategy_b": pair.second,
                "question": pair.question,
                "state": pair.state,
                "look": pair.look,
                "seeds": seeds,
                **numbers,
                "p": float("nan") if pair.p is None else pair.p,
            }
        )
    return rows


def _columns(content: Content, several: bool) -> dict[str, Any]:
    def number(end: str) -> Any:
        def text(row: Mapping[Any, Any]) -> str:
            value = row[f"{'std' if row['question'] == 'spread' else 'mean'}_{end}"]
            return content.shown(row).text(float(value))

        return text

    return {
        "task": lambda row: f"{row['model']}: {row['task']}" if several else str(row["task"]),
        "strategy": lambda row: str(row["strategy_a"]),
        "and": lambda row: str(row["strategy_b"]),
        "asked": lambda row: {"spread": "std", "level": "mean"}[row["question"]],
        "decided": lambda row: _STATES[row["state"]],
        "at look": lambda row: f"{row['look']}, {counted(row['seeds'], 'seed')}",
        "first": number("a"),
        "second": number("b"),
        "p of the look": lambda row: p_value(row["p"]),
    }


def _failures(looks: Mapping[Place, TaskLooks]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"model": place.model, "task": place.task, **row}
            for place, found in looks.items()
            for row in found.failures()
        ]
    )
