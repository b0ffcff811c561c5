"""The answer, a table and the warnings as Markdown: short enough for a pull request."""

from __future__ import annotations

import pandas as pd

from stabbench.analysis.place import Place
from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.layout import STAR, star_words
from stabbench.report.numbers import of_runs
from stabbench.report.shown import HUNDREDTHS
from stabbench.report.tables import escape_markdown, markdown_row
from stabbench.report.warnings import warnings_of

LINES = 60
"""A summary has fewer."""


def summary(content: Content) -> str:
    """Markdown of fewer than `LINES` lines: what was compared, a sentence and a table a model, warnings.

    What would not fit is left out, and a line says so.
    """
    star = f"{star_words(content)}."
    units = content.units if content.units == HUNDREDTHS else f"({content.units})"
    end = ["", f"std and mean {units} of the {content.origin.score}; failed of finished runs; {escape_markdown(star)}"]
    tail = [line for item in warnings_of(content) for line in ("", f"> {escape_markdown(item.sentence)}")]
    tail = tail[: LINES // 4 * 2]
    lines: list[str] = []
    for number, model in enumerate(content.models):
        part = [f"**{escape_markdown(model)}**: {escape_markdown(findings.answer(content, model))}", ""]
        part += _table(content, model)
        if len(lines) + len(part) + len(end) + len(tail) + 4 >= LINES:
            left = len(content.models) - number
            lines += ["", f"Left out here: {left} of {len(content.models)} models. `stabbench report` shows all."]
            break
        lines += ["", *part] if lines else part
    return "\n".join([*lines, *end, *tail, ""])


def _table(content: Content, model: str) -> list[str]:
    tasks = content.tasks(model)
    rows = {
        (str(row["task"]), str(row["strategy"])): row
        for _, row in content.table[content.table["model"] == model].iterrows()
    }
    heads = [
        f"{escape_markdown(f'{task} ({content.shown_at(Place(model, task)).name})')} {name}"
        for task in tasks
        for name in ("std", "mean", "failed")
    ]
    lines = [markdown_row(["strategy", *heads]), markdown_row(["---", *["---:"] * len(heads)])]
    for strategy in content.strategies:
        texts = [text for task in tasks for text in _texts(content, rows.get((task, strategy)))]
        if any(text != "–" for text in texts):
            lines.append(markdown_row([escape_markdown(strategy), *texts]))
    room = LINES // 2
    if len(lines) > room:
        lines = [*lines[:room], "", f"Left out here: {len(lines) - room} more strategies."]
    return lines


def _texts(content: Content, row: pd.Series | None) -> list[str]:
    if row is None:
        return ["–"] * 3
    shown = content.shown(row)
    texts = {name: shown.text(float(row[name])) for name in ("std", "mean")}
    std, mean = (f"**{text}**" if row[f"best_{name}"] else text for name, text in texts.items())
    return [f"{std}{STAR if row['star'] else ''}", mean, of_runs(row["failed"], int(row["n"]))]
