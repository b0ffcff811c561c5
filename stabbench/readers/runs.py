"""A table of the runs that a reader has found: named by a pattern, with one of their metrics as the score."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from stabbench.analysis.frame import MISSING
from stabbench.analysis.results_columns import PLACE
from stabbench.analysis.results_shape import OPTIONAL, REQUIRED, likely, some
from stabbench.errors import UserError, unknown
from stabbench.metrics.kinds import metric_kind
from stabbench.readers.contract import Found, Run, Value, Wanted
from stabbench.readers.naming import Match, Pattern, seed_in, suggested
from stabbench.records.content import UNJUDGED

_SPLITS = re.compile(r"^(eval|test|dev|val|valid|validation|predict|final)[\s_/.-]+", re.IGNORECASE)


def table_of(
    runs: Sequence[Run], source: str, wanted: Wanted, lower: Iterable[str] = (), higher: Iterable[str] = ()
) -> Found:
    """The runs as a table, a row a run and metric; `lower` and `higher` are what the format says of its metrics.

    A run's names are those of the pattern, else those that `Wanted.same` or the format says; a seed that neither says
    is the number after the word seed in its path. Its score is the metric that is asked for, else the format's own,
    else the first whose meaning is known, the same for all runs of a task.

    Raises UserError where a pattern matches no run, a metric is unknown, or names are missing: with a path that was
    found, and the options that may be meant.
    """
    named, notes = _named(runs, source, wanted)
    if not named:
        raise UserError(f"{source}: no runs were found")
    rows = [_row(run, names, wanted) for run, names in named]
    if "score" not in wanted.columns and wanted.wide is None:
        notes += _choose(rows, [run for run, _ in named], source, wanted)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    whole = pd.DataFrame(rows, columns=columns)
    asked = ("strategy", "seed") if wanted.wide is not None else ("strategy", "task", "seed")
    lacking = [name for name in asked if name not in wanted.columns and (name not in whole or whole[name].isna().all())]
    if lacking:
        raise UserError(_lacking(source, lacking, whole, [run for run, _ in named], wanted))
    used = {*REQUIRED, *OPTIONAL, PLACE, *wanted.columns.values()}
    kept = whole if wanted.wide is not None else whole[[name for name in whole if name in used]]
    items = [run.items for run, _ in named]
    some_items = items if any(item is not None for item in items) else ()
    return Found(kept, some_items, notes, frozenset(lower), frozenset(higher))


def _named(runs: Sequence[Run], source: str, wanted: Wanted) -> tuple[list[tuple[Run, dict[str, str]]], list[str]]:
    """The runs with the names that the pattern finds in their paths; those that it does not match are left out."""
    if wanted.pattern is None:
        return [(run, {}) for run in runs], []
    pattern = Pattern(wanted.pattern)
    matched = [(run, pattern.match([run.where, *run.names])) for run in runs]
    others = [run for run, match in matched if match is None]
    found = [(_without_its_model(run, match), match.names) for run, match in matched if match is not None]
    if others and not found:
        raise UserError(
            f"{source}: --pattern '{wanted.pattern}' matches none of {len(others)} runs; one of them is "
            f"{' or '.join((others[0].where, *others[0].names))}"
        )
    if not others:
        return found, []
    is_one = len(others) == 1
    return found, [
        f"{len(others)} of {len(runs)} runs {'does' if is_one else 'do'} not match --pattern and "
        f"{'was' if is_one else 'were'} left out: {some([run.where for run in others], 3)}."
    ]


def _without_its_model(run: Run, match: Match) -> Run:
    """The run; where the name of its model holds the other names, runs have no such model in common."""
    if match.text != run.facts.get("model"):
        return run
    return replace(run, facts={name: value for name, value in run.facts.items() if name != "model"})


def _row(run: Run, names: Mapping[str, str], wanted: Wanted) -> dict[str, Value]:
    row: dict[str, Value] = {**run.scores, **{key: value for key, value in run.facts.items() if value is not None}}
    for role in ("score", "metric", "status"):  # names of a format's own that would be taken for what they are not
        if role in row:
            row[f"{role} of the format"] = row.pop(role)
    if row.get("seed") is None:
        row["seed"] = seed_in(run.where)
    row |= {**wanted.same, **names, PLACE: run.where}
    if not run.finished:
        row["status"] = MISSING
    return row


def _choose(rows: Sequence[dict[str, Value]], runs: Sequence[Run], source: str, wanted: Wanted) -> list[str]:
    """Fill in score and metric, and the status where some runs did not come to their end; what was chosen, in words."""
    by_task: dict[Value, list[int]] = {}
    task = wanted.columns.get("task", "task")
    for place, row in enumerate(rows):
        by_task.setdefault(row.get(task), []).append(place)
    unfinished = any(not run.finished for run in runs)
    chosen: dict[str, set[str]] = {}
    for places in by_task.values():
        finished = [runs[place] for place in places if runs[place].finished]
        metric = _metric(finished, source, wanted)
        chosen.setdefault(metric, set()).update(name for run in finished for name in run.scores)
        for place in places:
            run = runs[place]
            value = run.scores.get(metric, math.nan)
            rows[place] |= {"score": value if run.finished else math.nan, "metric": rows[place].get("metric") or metric}
            if unfinished and run.finished:
                rows[place]["status"] = UNJUDGED
    notes = []
    for metric, names in chosen.items():
        others = sorted(name for name in names - {metric} if metric_kind(name).known)
        if wanted.metric is None and others:
            notes.append(f"The scores were taken from {metric}; runs have {some(others)} too (--metric).")
    left = sum(not run.finished for run in runs)
    if left:
        notes.append(f"{left} {'run' if left == 1 else 'runs'} did not come to {'its' if left == 1 else 'their'} end: "
                     "planned, and not finished.")  # fmt: skip
    return notes


def _metric(runs: Sequence[Run], source: str, wanted: Wanted) -> str:
    """The metric that is the score of some runs of one task."""
    names = list(dict.fromkeys(name for run in runs for name in run.scores))
    if not names:
        return wanted.metric or "score"
    if wanted.metric is not None:
        found = [name for name in names if name == wanted.metric] or [
            name for name in names if bare(name) == bare(wanted.metric)
        ]
        if not found:
            raise unknown(f"--metric of {source}", wanted.metric, names)
        return found[0]
    shared = [name for name in names if all(name in run.scores for run in runs)] or names
    for run in runs:
        if run.headline in shared:
            return str(run.headline)
    known = [name for name in shared if metric_kind(name).known]
    best = [name for name in known if not metric_kind(name).lower] or known
    if best:
        return best[0]
    if len(shared) == 1:
        return shared[0]
    raise UserError(f"{source}: which metric is the score? Say it with --metric; found {some(shared)}")


def bare(metric: str) -> str:
    """A metric's name without a split before it, in small letters: `eval_accuracy` is `accuracy`."""
    return _SPLITS.sub("", metric.strip()).lower()


def _lacking(source: str, lacking: Sequence[str], table: pd.DataFrame, runs: Sequence[Run], wanted: Wanted) -> str:
    """The message for names that nobody says, with a path that was found and the options that may be meant."""
    texts = [run.where for run in runs]
    patterns = suggested(texts, lacking)
    other_texts = [run.names[0] for run in runs if run.names]
    if not patterns and len(other_texts) == len(runs) and (patterns := suggested(other_texts, lacking)):
        texts = other_texts
    patterns = [f"--pattern '{pattern}'" for pattern in patterns]
    example = " or ".join(patterns) or "--pattern 'runs/{task}/{strategy}/seed-{seed}' or as the names are"
    text = (
        f"{source}: no {' and no '.join(lacking)} is known of its {len(runs)} runs. Take them from paths or names, "
        f"such as {texts[0]}: {example}"
    )
    known = {*REQUIRED, *OPTIONAL, PLACE, *(name for run in runs for name in run.scores)}
    facts = [str(name) for name in table if name not in known]
    if facts:
        chosen = {role: likely(role, facts) or "…" for role in lacking}
        columns = ",".join(f"{role}={name}" for role, name in {**wanted.columns, **chosen}.items())
        text += f"; from what they say ({some(facts)}): --columns {columns}"
    same = ",".join(f"{name}=…" for name in lacking if name in ("task", "strategy"))
    return f"{text}; where it is the same for all: --same {same}" if same else text
