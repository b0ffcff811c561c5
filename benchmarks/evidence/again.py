"""The same runs on another kind of CPU: what of their results is the same."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.evidence.data import COST, SCORES, EvidenceCell, read
from benchmarks.tables import table
from stabbench.report.tables import escape_markdown

RUN = ["strategy", "seed"]
PRINTED = 0.05
"""Half of the last digit that tables print of a score × 100: closer scores are the same there."""


def compared(cell: EvidenceCell) -> pd.DataFrame:
    """A row a run that was trained on both: `strategy`, `seed`, and of both sides score, failed and digest."""
    kept = [*RUN, "score", "failed", "result_digest"]
    again = pd.DataFrame() if cell.again is None else cell.rows(SCORES, cell.again)
    if again.empty:
        return pd.DataFrame(columns=kept)
    first, second = (rows[kept].astype({"failed": str}) for rows in (cell.rows(SCORES), again))
    return first.merge(second, on=RUN, suffixes=("", "_again"))


def said(cell: EvidenceCell) -> Iterator[str]:
    """A sentence and a table of what came out alike; nothing where no run of the cell was trained again."""
    runs = compared(cell)
    if runs.empty:
        return
    where = f" on {names}" if (names := machines(cell)) else ""
    yield (
        f"{cell.name}: {len(runs)} runs were trained again{where}. Same outcome: failed in both or in neither. "
        f"Same print: scores (× 100) less than {PRINTED:g} apart."
    )
    lines = [[escape_markdown(str(strategy)), *_row(rows)] for strategy, rows in runs.groupby("strategy", sort=False)]
    head = ["strategy", "runs", "same outcome", "same print", "same digest", "most apart", "std and mean", "again"]
    yield table(head, lines)


def machines(cell: EvidenceCell) -> str:
    """The CPUs on which runs of it were trained again; empty where nobody says."""
    costs = pd.DataFrame() if cell.again is None else read(cell.again / COST)
    return ", ".join(dict.fromkeys(escape_markdown(str(name)) for name in costs["device"])) if len(costs) else ""


def _row(runs: pd.DataFrame) -> list[str]:
    apart = 100 * (runs["score"] - runs["score_again"]).abs()
    alike = [_same(runs, "failed"), apart < PRINTED, _same(runs, "result_digest")]
    scores = [100 * runs[name] for name in ("score", "score_again")]
    return [
        str(len(runs)),
        *(str(int(each.sum())) for each in alike),
        f"{apart.max():.2g}",
        *(f"{each.std():.1f} around {each.mean():.1f}" for each in scores),
    ]


def _same(runs: pd.DataFrame, column: str) -> pd.Series:
    return runs[column] == runs[f"{column}_again"]
