"""What simulations have in common: rates with their bounds, options of the command, and the two files it writes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scipy import stats

from stabbench.files import write_json, write_text

CONFIDENCE = 0.99
"""Of the bounds of a rate."""


def bounded(count: int, n: int) -> dict[str, float]:
    """A rate with its 99 % bounds (Clopper-Pearson)."""
    interval = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="exact")
    return {"rate": count / n, "low": round(float(interval.low), 6), "high": round(float(interval.high), 6)}


def options(description: str | None, repetitions: int) -> argparse.ArgumentParser:
    """`--repetitions` and `--out`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks"))
    return parser


def write(found: Mapping[str, Any], page: str, out: Path, name: str) -> None:
    """The numbers as `name`.json in `out`, and their page as `name`.md."""
    write_json(out / f"{name}.json", found)
    write_text(out / f"{name}.md", page)
    print(f"wrote {out / name}.md")
