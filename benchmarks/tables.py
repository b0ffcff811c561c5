"""Markdown tables and numbers of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str | None = None) -> str:
    """A Markdown table; all columns but the first are aligned to the right, or as `align` has it, l or r a column."""
    rules = ["---:" if side == "r" else "---" for side in align or "l" + "r" * (len(head) - 1)]
    lines = [head, rules, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_spread(value: float, quartiles: Sequence[float]) -> str:
    """`12.3 (11.9–12.8)`."""
    return f"{number(value)} ({number(quartiles[0])}–{number(quartiles[1])})"


def mebibytes(size: float) -> str:
    """Bytes as MiB."""
    return f"{size / 2**20:,.0f}"


def share_of_others(report: Mapping[str, Any]) -> str:
    """What other processes took of the cores' time, where that is known."""
    share = report["other_processes_share"]
    return "an unknown share" if share is None else percent(share)


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.0f} %"
