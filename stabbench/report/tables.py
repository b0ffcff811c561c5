"""The stability table as Markdown, LaTeX and CSV, and the raw numbers behind it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from stabbench.analysis.stability import COUNTS
from stabbench.files import write_bytes, write_text
from stabbench.report import warnings
from stabbench.report.content import Content
from stabbench.report.layout import MEASURES, STAR, Block, Entry, blocks

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "–": "--",
    "’": "'",
    "\u00a0": "~",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "²": r"$^{2}$",
    "ρ": r"$\rho$",
    "α": r"$\alpha$",
    "τ": r"$\tau$",
    STAR: r"$^{\star}$",
}


def write_tables(content: Content, folder: Path) -> None:
    """Write stability.{md,tex,csv}, pairwise.csv (every test) and warnings.csv (what they are about) into `folder`."""
    write_text(folder / "stability.md", markdown(content))
    write_text(folder / "stability.tex", latex(content))
    write_text(folder / "stability.csv", csv(content.table, digits=6))
    write_text(folder / "pairwise.csv", csv(content.pairs, digits=6))
    write_text(folder / "warnings.csv", csv(warnings.table(content), digits=6))


def write_scores(content: Content, folder: Path) -> None:
    """Write scores.csv (every run) into `folder`; its numbers are exact: `stabbench compare` makes the same tables."""
    told = content.runs[[name for name in content.runs if _says(content, str(name))]]
    write_bytes(folder / "scores.csv", exact_csv(told))


def markdown(content: Content) -> str:
    """The stability table as GitHub shows it."""
    return "\n".join(_markdown(block) for block in blocks(content))


def latex(content: Content) -> str:
    """The stability table for a paper that uses booktabs."""
    return "\n".join([r"% needs \usepackage{booktabs}", *(_latex(block) for block in blocks(content))])


def _says(content: Content, column: str) -> bool:
    """Whether a column of the runs holds anything; of records all stay, and what marks a run stays empty."""
    if content.recorded or column in COUNTS:
        return True
    values = content.runs[column]
    first = values.iloc[0]
    if pd.isna(first):
        return not values.isna().all()
    return first != "" or not (values == "").all()


def exact_csv(table: pd.DataFrame) -> bytes:
    """A frame as CSV, numbers in as many digits as tell them apart; empty where there is none."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    for index, field in enumerate(arrow.schema):
        if pa.types.is_dictionary(field.type):
            arrow = arrow.set_column(index, field.name, arrow.column(index).cast(pa.string()))
    header = str(table.head(0).to_csv(index=False, lineterminator="\n")).encode()
    try:
        return header + _rows(arrow, "none")
    except pa.ArrowInvalid:  # a name holds a comma, a quotation mark or a line's end
        return header + _rows(arrow, "needed")


def _rows(table: pa.Table, quoting: str) -> bytes:
    rows = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style=quoting)
    pyarrow.csv.write_csv(table, rows, options)
    return bytes(rows.getvalue().to_pybytes())


def csv(table: pd.DataFrame, digits: int) -> str:
    """A frame as CSV, numbers to `digits` significant digits, lower-case booleans, empty where there is no number."""
    flags = {name: table[name].map({True: "true", False: "false"}) for name in table.select_dtypes("bool").columns}
    text = table.assign(**flags).to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n")
    return str(text)


def escape_latex(text: str) -> str:
    """Text on one line with LaTeX's special characters made harmless; what pdfLaTeX cannot set is written `U+6A21`."""
    harmless = "".join(_LATEX.get(character) or _set(character) for character in _one_line(text).replace("--", "-\0-"))
    return harmless.replace("\0", "{}")


def _set(character: str) -> str:
    settable = character.isascii() or ("À" <= character <= "ÿ" and character not in "ÐðÞþ÷")
    return character if settable else f"U+{ord(character):04X}"


def escape_markdown(text: str) -> str:
    """Text on one line with the characters that mean something in a Markdown table cell made harmless."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def _markdown(block: Block) -> str:
    heads = [f"{escape_markdown(task)} {name}" for task, _ in block.tasks for name in (*block.measures[task], "failed")]
    metrics = "; ".join(f"{escape_markdown(task)}: {escape_markdown(metric)}" for task, metric in block.tasks)
    lines = [
        f"**{escape_markdown(block.model)}** ({metrics})",
        "",
        markdown_row(["strategy", *heads]),
        markdown_row(["---"] + ["---:"] * len(heads)),
    ]
    for row in block.rows:
        texts = [text for entry in row.entries for text in _texts(entry, "**%s**", STAR, "–")]
        lines.append(markdown_row([escape_markdown(row.strategy), *texts]))
    return "\n".join([*lines, "", escape_markdown(block.caption), ""])


def markdown_row(cells: list[str]) -> str:
    """A row of a table whose cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def _texts(entry: Entry | None, bold: str, star: str, nothing: str) -> list[str]:
    """The cells of an entry of the plan, where it has one."""
    if entry is None:
        return [nothing] * (len(MEASURES) + 1)
    texts = [bold % text if entry.bold[name] else text for name, text in entry.text.items()]
    texts[0] += star if entry.star else ""
    return [*texts, entry.failed]


def _latex(block: Block) -> str:
    columns = len(MEASURES) + 1
    spans = [(2 + columns * index, 1 + columns * (index + 1)) for index in range(len(block.tasks))]
    span = rf"\multicolumn{{{columns}}}{{c}}"
    heads = [f"{span}{{{escape_latex(task)} ({escape_latex(metric)})}}" for task, metric in block.tasks]
    lines = [
        r"\begin{table}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape_latex(block.caption)}}}",
        rf"\label{{tab:stability-{re.sub('[^A-Za-z0-9-]', '-', block.model)}-{block.number}}}",
        rf"\begin{{tabular}}{{@{{}}l{'rrrr' * len(block.tasks)}@{{}}}}",
        r"\toprule",
        " & ".join(["", *heads]) + r" \\",
        "".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in spans),
        " & ".join(["strategy", *(name for task, _ in block.tasks for name in (*block.measures[task], "failed"))])
        + r" \\",
        r"\midrule",
    ]
    for row in block.rows:
        texts = [text for entry in row.entries for text in _texts(entry, r"\textbf{%s}", r"\rlap{$^{\star}$}", "--")]
        lines.append(" & ".join([escape_latex(row.strategy), *texts]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
