"""`python -m benchmarks.preparation`: how long a large table of a user's own takes to become a prepared task."""

from __future__ import annotations

import csv
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import OtherProcesses, conditions
from benchmarks.process_tree import cost_in_two_runs
from benchmarks.project import environment
from benchmarks.tables import mebibytes, number, share_of_others, table
from stabbench.files import write_json, write_text

TARGET_ROWS, TARGET_SECONDS, TARGET_BYTES = 1_000_000, 15, 2 * 2**30
CLASSES = ("access", "hardware", "other", "pay", "travel")
WORDS, SUBJECT, BODY, WITH_COMMA = 5000, 6, 14, 7
"""Words that there are, those of a subject and of a body, and how many bodies there are to one with a comma."""
PARAMS = """
seeds: 1-3
grid: {models: [embedded], tasks: [tickets], strategies: [devlin]}
tasks: {tickets: {files: {train: tickets.csv}, text: [subject, body], label: category}}
"""


@click.command()
@click.option("--rows", type=click.IntRange(min=100), default=TARGET_ROWS, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where preparation.json and preparation.md go.",
)
def main(rows: int, out: Path) -> None:
    """Invent a CSV file of two columns of text and five classes, and prepare it: split, look at it, write it."""
    report = measure(rows)
    write_json(out / "preparation.json", report)
    write_text(out / "preparation.md", page(report))
    click.echo(page(report))


def measure(rows: int) -> dict[str, Any]:
    """Seconds of `stabbench prepare` as a process of its own, start-up included, and the memory of a second one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
        write_tickets(folder / "tickets.csv", rows)
        others = OtherProcesses()
        command = [sys.executable, "-m", "stabbench", "prepare"]
        cost = cost_in_two_runs(command, folder, environment())
        return {
            **conditions(),
            "other_processes_share": others.share(),
            "rows": rows,
            "file_bytes": (folder / "tickets.csv").stat().st_size,
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
            "peak_bytes": cost.peak_bytes,
        }


def write_tickets(path: Path, rows: int) -> None:
    """Invented tickets of words that are none, the same each time."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(WORDS)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "subject", "body", "category"])
        for row in range(rows):
            subject, body = (" ".join(draw.choices(words, k=count)) for count in (SUBJECT, BODY))
            writer.writerow([row, subject, body + ", really" * (row % WITH_COMMA == 0), draw.choice(CLASSES)])


def page(report: dict[str, Any]) -> str:
    """preparation.md."""
    kept = report["cpu_seconds"] < TARGET_SECONDS and report["peak_bytes"] < TARGET_BYTES
    row = [
        f"{report['rows']:,}",
        mebibytes(report["file_bytes"]),
        number(report["seconds"]),
        number(report["cpu_seconds"]),
        mebibytes(report["peak_bytes"]),
    ]
    return "\n\n".join(
        [
            "# Preparing a large table",
            "Made by `python -m benchmarks.preparation`: an invented CSV file with two columns of text, five "
            "classes and no dev set; `stabbench prepare` as a process, its start included.",
            table(["rows", "file, MiB", "seconds", "of a core", "peak memory, MiB"], [row]),
            f"The target of {TARGET_ROWS:,} rows in under {TARGET_SECONDS} s of a core and "
            f"{mebibytes(TARGET_BYTES)} MiB is {'met' if kept else '**missed**'}.",
            f"Measured {report['created']} at commit {report['commit']}, on {report['cores']} cores of "
            f"{report['cpu']}; others took {share_of_others(report)} of their time.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
