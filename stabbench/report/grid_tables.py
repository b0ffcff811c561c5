"""Tables of text as files: Markdown and LaTeX, of the answer over tasks."""

from __future__ import annotations

from pathlib import Path

from stabbench.files import write_text
from stabbench.report.content import Content
from stabbench.report.grid import Grid
from stabbench.report.over_tasks import pooled
from stabbench.report.sections.over_tasks import grids
from stabbench.report.tables import escape_latex, escape_markdown, markdown_row

NAME = "over-tasks"


def write_over_tasks(content: Content, folder: Path) -> None:
    """Write over-tasks.md and over-tasks.tex into `folder`; remove those of an older report where there are none."""
    found = pooled(content)
    if found is None:
        for ending in ("md", "tex"):
            (folder / f"{NAME}.{ending}").unlink(missing_ok=True)
        return
    tables = grids(content, found)
    write_text(folder / f"{NAME}.md", "\n".join(markdown_grid(*table) for table in tables))
    latex = [latex_grid(caption, grid, f"{NAME}-{number}") for number, (caption, grid) in enumerate(tables, start=1)]
    write_text(folder / f"{NAME}.tex", "\n".join([r"% needs \usepackage{booktabs}", *latex]))


def markdown_grid(caption: str, grid: Grid) -> str:
    """A table as GitHub shows it, its caption below."""
    lines = [
        markdown_row([escape_markdown(name) for name in grid.head]),
        markdown_row(["---"] * grid.texts + ["---:"] * (len(grid.head) - grid.texts)),
        *(markdown_row([escape_markdown(text) for text in row]) for row in grid.rows),
    ]
    return "\n".join([*lines, "", escape_markdown(caption), ""])


def latex_grid(caption: str, grid: Grid, label: str) -> str:
    """A table for a paper that uses booktabs."""
    columns = "l" * grid.texts + "r" * (len(grid.head) - grid.texts)
    lines = [
        r"\begin{table}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        " & ".join(escape_latex(name) for name in grid.head) + r" \\",
        r"\midrule",
        *(" & ".join(escape_latex(text) for text in row) + r" \\" for row in grid.rows),
    ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
