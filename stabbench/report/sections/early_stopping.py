"""How early it can be known that a run fails, what stopping it saves and biases, and what starting many is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stabbench.analysis.early_stopping import ALL, BUDGET, DRAWS, SHARES, WINDOW, starting_many, stopping, watched
from stabbench.analysis.failed_runs import TRIVIAL
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.grid import LISTED, Grid, cell_columns
from stabbench.report.numbers import share as share_text
from stabbench.report.section import CAUSES, Section


def section(content: Content) -> Section:
    """A table of rules and one of starting many runs."""
    cells = {Place.of(item.cell): watched(item) for item in content.traced_cells}
    cells = {place: runs for place, runs in cells.items() if runs}
    kinds = {place: content.shown_at(place).kind for place in content.traced}
    rules, started = stopping(cells, kinds), starting_many(cells, kinds)
    several = len(content.models) > 1
    found = [f"{content.heading(place)}: {_sentence(rules, place)}" for place in content.traced]
    tables = []
    if len(rules):
        caption = (
            "What rules would have stopped, of failed and of successful runs, the share of all updates that this "
            f"saves, and mean and std of the scores over all runs and over those that go on ({content.units})."
        )
        tables.append((caption, _rules(content, rules, several=several)))
    if len(started):
        caption = (
            f"The score that one gets for the cost of {BUDGET} full trainings ({content.units}): many are started and "
            "the one that is best on dev goes on, or all are trained and the best is kept; beside them a single run."
        )
        tables.append((caption, _started(content, started, several=several)))
    return Section(
        name="early-stopping",
        title="How early a failure can be known",
        looks_for=(
            f"Rule loss stops a run whose training loss, averaged over the last {share_text(WINDOW)} of training "
            f"before the look, is at least {TRIVIAL:g} times that of {content.scoring.guess}; rule score one whose "
            f"last evaluation on dev is no better than the {content.constant}'s. Both are fixed beforehand, nothing "
            "was tuned. Where many runs are started and most are stopped early (Dodge et al., 2020), the score that is "
            "left is that of a selection: it says what one gets, not how stable the strategy is."
        ),
        found=found,
        part=CAUSES,
        tables=tables,
        data={"rules": rules, "starting-many": started},
        facts={"trivial_share": TRIVIAL, "window": WINDOW, "shares": list(SHARES), "budget": BUDGET, "draws": DRAWS},
    )


def _sentence(rules: pd.DataFrame, place: Place) -> str:
    """Of all strategies together, or of the only one: the earliest look that stops no successful run, and most."""
    here = rules[(rules["model"] == place.model) & (rules["task"] == place.task)]
    if here.empty:
        return "no run is known to have failed."
    chosen = here[here["strategy"] == ALL] if (here["strategy"] == ALL).any() else here
    texts = []
    for rule, rows in chosen.groupby("rule", sort=False):
        clean = rows[(rows["stopped_successful"] == 0) & (rows["stopped_failed"] > 0)]
        if clean.empty:
            texts.append(f"rule {rule} at no look stops failing runs alone")
            continue
        best = clean.sort_values(["stopped_failed", "share"], ascending=[False, True], kind="stable").iloc[0]
        texts.append(
            f"rule {rule} after {share_text(best['share'])} of the updates would have stopped {best['stopped_failed']} "
            f"of {best['failed']} failing runs and none of {best['successful']} others, which saves "
            f"{share_text(best['saved'])}"
        )
    return f"{'; '.join(texts)}."


def _rules(content: Content, rules: pd.DataFrame, *, several: bool) -> Grid:
    def text(row: Mapping[Any, Any], name: str) -> str:
        return content.shown(row).text(float(row[name]))

    columns = {
        **cell_columns(several=several),
        "rule": lambda row: str(row["rule"]),
        "after": lambda row: share_text(row["share"]),
        "failed, stopped": lambda row: f"{row['stopped_failed']} of {row['failed']}",
        "successful, stopped": lambda row: f"{row['stopped_successful']} of {row['successful']}",
        "updates saved": lambda row: share_text(row["saved"]),
        "mean, of those left": lambda row: f"{text(row, 'mean')}, {text(row, 'mean_left')}",
        "std, of those left": lambda row: f"{text(row, 'std')}, {text(row, 'std_left')}",
    }
    together = rules[rules["strategy"] == ALL]
    shown = rules if len(rules) <= LISTED or together.empty else together
    rows: Sequence[Any] = shown.head(LISTED).to_dict("records")
    return Grid.of(rows, columns, texts=3)


def _started(content: Content, started: pd.DataFrame, *, several: bool) -> Grid:
    def text(row: Mapping[Any, Any], name: str) -> str:
        return content.shown(row).text(float(row[name]))

    columns = {
        **cell_columns(several=several),
        "looked at after": lambda row: share_text(row["share"]),
        "started": lambda row: str(row["started"]),
        "the one that went on": lambda row: text(row, "early"),
        f"best of {BUDGET}": lambda row: text(row, "full"),
        "single run": lambda row: text(row, "single"),
    }
    rows: Sequence[Any] = started.head(LISTED).to_dict("records")
    return Grid.of(rows, columns, texts=2)
