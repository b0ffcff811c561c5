"""The pages of the evidence: one over all models, led by the paper's claims, and one a model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.evidence import again
from benchmarks.evidence.claims import CLAIMS
from benchmarks.evidence.data import COST, LAYER_NORMS, SCORES, EvidenceCell, Model, read
from benchmarks.evidence.rules import UNKNOWN, VERDICTS
from benchmarks.tables import table
from stabbench.report.comparison import Comparison
from stabbench.report.grid_tables import markdown_grid
from stabbench.report.numbers import counted
from stabbench.report.over_tasks import pooled
from stabbench.report.sections.over_tasks import grids
from stabbench.report.tables import escape_markdown

FIGURES = ("figures/stability", "figures/gradient-norms", "figures/training-curves", "studies/*/forgetting",
           "studies/*/surface", "studies/ablation/ablation", "studies/bias-correction/bias-correction",
           "studies/small-data/small-data", "studies/crossed/variance-shares")  # fmt: skip
"""Figures of a report that a model's page shows, by how their paths begin."""
BEGIN, END = "<!-- the paper's claims: made by python -m benchmarks.evidence -->", "<!-- end of the claims -->"
"""What the README's table stands between."""
DIGEST = 16
"""Digits of a hash that are shown."""


def front(models: Sequence[Model], found: pd.DataFrame, comparison: Comparison | None) -> str:
    """The page over all models: what becomes of each claim, the numbers, one answer over all cells, the rules.

    `found` is what `findings` gives; `comparison` that of all cells, each as a task, None where there are not two.
    """
    known, cells = found[found["verdict"] != UNKNOWN], len(found[["model", "cell"]].drop_duplicates())
    parts = [
        "# What the paper says, and what is found with real models",
        "Mosbach et al. (2021) fine-tuned BERT-large and its like on GLUE. Here are their claims beside what "
        f"{counted(len(models), 'pretrained model')} on {counted(cells, 'cell')} "
        "(a model on a task at a rate) showed. All cells are judged by the same rules (below), which were written when "
        "MiniLM's results were known, and four seeds of rxnfp's; the rules of learning rates and of the loss's plane "
        "when both models' planes were known. "
        "Every number is made of the committed tables by `python -m benchmarks.evidence`; [all of it](claims.csv).",
        _summary(found),
        "## Models",
        "\n".join(f"- [{model.title}]({model.folder.name}/README.md)" for model in models),
        "## The numbers",
        *_by_claim(known),
        "## Over all cells",
        _over_all(comparison),
        "## How a claim is judged",
        "\n".join(f"- **{escape_markdown(claim.says)}.** {escape_markdown(claim.rule)}" for claim in CLAIMS),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(found: pd.DataFrame) -> str:
    lines = []
    for claim in CLAIMS:
        rows = _texts(found[found["claim"] == claim.key])
        where = [", ".join(_called(row) for row in rows if row["verdict"] == verdict) for verdict in VERDICTS]
        lines.append([claim.says, *(escape_markdown(text) or "–" for text in where)])
    return table(["the paper says", *VERDICTS], lines, "l" * (1 + len(VERDICTS)))


def with_claims(text: str, found: pd.DataFrame) -> str:
    """A text whose table of claims, between `BEGIN` and `END`, is the present one; ValueError where it has none.

    Of each claim in how many cells it holds and does not, and what the first cell that tells has to say.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"found no place for the table of claims, expected one between {BEGIN} and {END}")
    lines = []
    for claim in CLAIMS:
        rows = _texts(found[found["claim"] == claim.key])
        counts = [sum(row["verdict"] == verdict for row in rows) for verdict in VERDICTS]
        told = next((row for row in rows if row["verdict"] != UNKNOWN), None)
        example = "–" if told is None else escape_markdown(f"{_called(told)}: {told['numbers']}")
        lines.append([claim.says, *(str(count or "–") for count in counts), example])
    made = table(["the paper says", *VERDICTS, "for example"], lines, "lrrrrl")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}"


def _called(row: Mapping[str, str]) -> str:
    """What the cell of a finding is called among those of all models."""
    return f"{row['model']} {row['cell']}"


def _by_claim(known: pd.DataFrame) -> Iterator[str]:
    for claim in CLAIMS:
        lines = [
            [escape_markdown(_called(row)), row["verdict"], escape_markdown(row["numbers"])]
            for row in _texts(known[known["claim"] == claim.key])
        ]
        if lines:
            yield table([claim.says, "verdict", "numbers"], lines, "lll")


def _texts(rows: pd.DataFrame) -> list[dict[str, str]]:
    return [{str(name): str(value) for name, value in row.items()} for row in rows.to_dict("records")]


def _over_all(comparison: Comparison | None) -> str:
    found = None if comparison is None else pooled(comparison.content)
    if comparison is None or found is None:
        return "Under two cells with two strategies in common there is nothing to put together."
    said = " ".join(comparison.answers.values())
    tables = [markdown_grid(*grid).rstrip() for grid in grids(comparison.content, found)]
    return "\n\n".join([f"Each cell is taken as a task. {said} `stabbench compare scores.csv` says the same.", *tables])


def page(model: Model, found: pd.DataFrame) -> str:
    """A model's page: claims, tables, figures, how it was made, of what, and what was not run."""
    mine = found[found["model"] == model.folder.name]
    parts = [f"# {model.title}", model.about, "## Beside the paper", *_claims_by_cell(model, mine)]
    for report in model.reports:
        parts += [*_tables(model, report), *_figures(model, report)]
    if model.commands:
        parts += ["## Made with", f"```sh\n{model.commands}\n```"]
    costs = [row for report in model.reports for row in _texts(read(report / COST))]
    parts += [*_digests(model), *_again(model), *_cost(model, costs)]
    if model.packages:
        parts += ["## Of what", _packages(model, costs)]
    if model.not_run:
        parts += ["## Not run", model.not_run]
    return "\n\n".join(part for part in parts if part) + "\n"


def _claims_by_cell(model: Model, mine: pd.DataFrame) -> Iterator[str]:
    for cell in model.cells:
        rows = mine[mine["cell"] == cell.name].set_index("claim")
        if rows.empty:
            continue
        lines = []
        for claim in CLAIMS:
            verdict, numbers = rows.loc[claim.key, ["verdict", "numbers"]]
            lines.append([claim.says, str(verdict), escape_markdown(str(numbers))])
        yield table([escape_markdown(cell.name), "verdict", "numbers"], lines, "lll")


def _link(model: Model, path: Path) -> str:
    return Path(os.path.relpath(path, model.folder.resolve())).as_posix()


def _tables(model: Model, report: Path) -> Iterator[str]:
    yield f"## {', '.join(cell.name for cell in model.cells if cell.report == report)}"
    stability = report / "tables" / "stability.md"
    if stability.is_file():
        yield stability.read_text(encoding="utf-8").strip()
    linked = {
        "the whole report": "index.html",
        "every seed's score": SCORES,
        "every pair": "tables/pairwise.csv",
        "gradient norms by run and layer": LAYER_NORMS,
    }
    there = {name: report / path for name, path in linked.items() if (report / path).is_file()}
    yield ", ".join(f"[{name}]({_link(model, path)})" for name, path in there.items()) + "."


def _figures(model: Model, report: Path) -> Iterator[str]:
    folders = dict.fromkeys(folder for cell in model.cells if cell.report == report for folder in cell.folders)
    for kind in FIGURES:
        own = kind.startswith("figures/")
        for folder in [report] if own else folders:
            for path in sorted(folder.glob(f"{kind}*.png")):
                yield f"![{path.stem.replace('-', ' ')}]({_link(model, path)})"


def _digests(model: Model) -> Iterator[str]:
    """The first run of each cell, by which a new training can be known to be the same: on each kind of CPU."""
    lines = []
    for cell in model.cells:
        rows = cell.rows(SCORES)
        if len(rows) and "result_digest" in rows:
            first = rows.iloc[0]
            lines.append(
                f"- {cell.name}: `stabbench train --model {cell.model} --task {cell.task} --strategy "
                f"{first['strategy']} --seeds {first['seed']}` gives score {100 * first['score']:.4f} (× 100), digest "
                f"`{first['result_digest'][:DIGEST]}`{_digest_elsewhere(cell, first)}"
            )
    if lines:
        yield "\n".join(["The first run of each cell again (a digest is that of one kind of CPU):\n", *lines])


def _digest_elsewhere(cell: EvidenceCell, run: pd.Series) -> str:
    runs = again.compared(cell)
    found = runs[(runs["strategy"] == run["strategy"]) & (runs["seed"] == run["seed"])]
    if found.empty:
        return ""
    where = again.machines(cell) or "another kind of CPU"
    return f", on {where} `{found.iloc[0]['result_digest_again'][:DIGEST]}`"


def _again(model: Model) -> Iterator[str]:
    parts = [part for cell in model.cells for part in again.said(cell)]
    if parts:
        yield "## The same runs on another kind of CPU"
        yield from parts


def _cost(model: Model, rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if rows or model.times:
        yield "## Time"
    if model.times:
        yield model.times
    if rows:
        lines = []
        for row in rows:
            numbers = [f"{float(row[name]):,.0f}" for name in ("runs", "updates", "seconds")]
            texts = [escape_markdown(row[name]) for name in ("device", "threads", "torch")]
            cell = escape_markdown(f"{row['model']} {row['task']} {row['strategy']}")
            lines.append([cell, *numbers, *texts])
        head = ["cell", "runs", "updates", "seconds a run (median)", "machine", "threads", "torch"]
        yield table(head, lines, "lrrrlrl")


def _packages(model: Model, costs: Sequence[Mapping[str, str]]) -> str:
    lines = [
        [escape_markdown(str(entry.get(key, ""))) for key in ("package", "version", "file", "sha256")]
        for entry in model.packages
    ]
    contents = sorted({(row["model"], row["model_content"]) for row in costs})
    said = [f"\nContent of {name} as plans know it: `{content[:DIGEST]}`." for name, content in contents]
    return "\n".join([table(["package", "version", "file", "SHA-256"], lines, "llll"), *said])


def pooled_scores(models: Sequence[Model]) -> pd.DataFrame:
    """Every run of the cells that count, a cell being a task: what `stabbench compare` takes.

    Strategies that one cell alone has are left out: there is nothing to put together.
    """

    def rows(model: Model, cell: EvidenceCell) -> pd.DataFrame:
        columns = ["strategy", "seed", "metric", "score", "majority", "failed"]
        told = cell.rows(SCORES)[columns]
        return told.assign(model="all", task=f"{model.folder.name} {cell.name}")[["model", "task", *columns]]

    parts = [rows(model, cell) for model in models for cell in model.cells if cell.pooled]
    found = pd.concat(parts, ignore_index=True)
    cells = found.groupby("strategy")["task"].transform("nunique")
    return found[(cells > 1) | (found["task"].nunique() == 1)].reset_index(drop=True)
