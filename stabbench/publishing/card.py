"""The data card: README.md with the head that the Hugging Face hub reads, and what a reader has to know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stabbench.analysis.reported import reported_by, when_scored
from stabbench.publishing.private import without_places
from stabbench.publishing.said import Said
from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.numbers import counted, of_runs, some
from stabbench.report.tables import escape_markdown, markdown_row
from stabbench.version import __version__

NAMED = 3
"""Names that a title lists before it counts the others."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def title_of(content: Content, said: Said) -> str:
    """The title that is said, else what was fine-tuned on what."""
    if said.title is not None:
        return said.title
    tasks = list(dict.fromkeys(place.task for place in content.places))
    return f"Stability of fine-tuning {some(content.models, NAMED)} on {some(tasks, NAMED)}"


def abstract_of(content: Content) -> str:
    """What there is, in two sentences."""
    runs = int(content.table["n"].sum())
    count = len(content.strategies)
    when = when_scored(reported_by(content.runs).values())
    return (
        f"Results of {counted(runs, 'fine-tuning run')}: {count} {'strategy' if count == 1 else 'strategies'} "
        f"under many random seeds each, with what decided every run's result and all of its scores {when}. "
        f"Made by stabbench {__version__}."
    )


def card(content: Content, said: Said, title: str, tables: Mapping[str, int]) -> str:
    """README.md; `tables` has the rows of each file of data/ by its name."""
    answers = [
        f"**{escape_markdown(model)}**: {escape_markdown(findings.answer(content, model))}" for model in content.models
    ]
    return "\n".join(
        [
            *_head(said, title, tables),
            f"# {title}",
            "",
            abstract_of(content),
            "",
            "\n\n".join(answers),
            "",
            *_cells(content),
            "",
            *_definitions(content),
            "",
            "## Files",
            "",
            *_files(tables),
            "",
            "## Reading it",
            "",
            "```python",
            "import datasets",
            "",
            'runs = datasets.load_dataset("<owner>/<name>", "runs", split="train").to_pandas()',
            "```",
            "",
            "`stabbench compare FOLDER` makes tables, figures and a page of a copy of this folder: the same numbers.",
            "",
            "## Citation",
            "",
            "As in CITATION.cff. The protocol is that of Mosbach, Andriushchenko and Klakow, *On the Stability of "
            "Fine-tuning BERT* (ICLR 2021).",
            "",
        ]
    )


def _head(said: Said, title: str, tables: Mapping[str, int]) -> list[str]:
    size = next((name for limit, name in _SIZES if max(tables.values()) < limit), "n>1M")
    tags = json.dumps(["stabbench", "fine-tuning", "random-seeds", "evaluation-results"])
    lines = [
        "---",
        f"pretty_name: {json.dumps(title, ensure_ascii=False)}",
        f"license: {json.dumps(said.licence.lower())}",
        f"tags: {tags}",
        f"size_categories: {json.dumps([size])}",
        "configs:",
    ]
    for name in tables:
        lines.append(f"- config_name: {name}")
        lines += ["  default: true"] if name == "runs" else []
        lines += ["  data_files:", "  - split: train", f"    path: data/{name}.parquet"]
    return [*lines, "---", ""]


def _cells(content: Content) -> list[str]:
    """A row a cell: seeds, std, mean, failed runs."""
    head = ["model", "task", "metric", "strategy", "seeds", "std", "mean", "failed"]
    lines = [markdown_row(head), markdown_row(["---"] * 4 + ["---:"] * 4)]
    for row in content.table.to_dict("records"):
        lines.append(markdown_row(_row(content, row)))
    return lines


def _row(content: Content, row: Mapping[Any, Any]) -> list[str]:
    series = pd.Series(row)
    shown, n, planned = content.shown(series), int(series["n"]), int(series["planned"])
    return [
        *(escape_markdown(str(series[name])) for name in ("model", "task")),
        escape_markdown(shown.name),
        escape_markdown(str(series["strategy"])),
        f"{n}" if n == planned else f"{n} of {planned}",
        shown.text(float(series["std"])),
        shown.text(float(series["mean"])),
        of_runs(series["failed"], n),
    ]


def _definitions(content: Content) -> list[str]:
    units = content.units
    lines = [f"Scores are printed {units}; in the tables of data/ they are as they stand (0.62). std has ddof 1."]
    if content.origin.failed:
        lines.append(f"failed: runs {content.origin.failed}.")
    return [*lines, *content.origin.definitions]


def _files(tables: Mapping[str, int]) -> Sequence[str]:
    told = {
        "runs": "a row a run: `model`, `task`, `strategy`, `seed`, `status` (ok, failed, diverged, missing, unjudged "
        "where nobody knows whether it failed), `metric`, `score` (the metric's, of the weights that the run "
        "reports), `final_*` (every metric's), `majority` (the best constant prediction's), losses, cost, `recipe_*`, "
        "`plugins`, `trainer` and `seed_*` (what was run), `spec` (all of that as JSON) and `fingerprint`, its hash. "
        "Of paths outside of the "
        "project's folder `spec` has the last part alone; the fingerprint is that of the whole.",
        "predictions": "a row a run and example of the dev set: the example's number in its source, label and "
        "prediction as numbers. No texts.",
    }
    return [f"- `data/{name}.parquet`: {counted(rows, 'row')}; {told[name]}" for name, rows in tables.items()]


def description_of(content: Content) -> str:
    """The same in a few sentences, for archives that have one field for it."""
    answers = " ".join(findings.answer(content, model) for model in content.models)
    return str(without_places(f"{abstract_of(content)} {answers}"))
