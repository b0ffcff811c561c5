"""`python -m benchmarks.tracking`: how long a real tracking server takes to be brought up to date over HTTP."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.machine import OtherProcesses, conditions
from benchmarks.process_tree import cost_of
from benchmarks.project import environment
from benchmarks.tables import number, share_of_others, table
from stabbench.files import write_json, write_text
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.tracking.processes import Server

SEEDS, TRAIN, LAYERS = 25, 2490, 12
"""Runs of RTE's size: 468 updates in 3 epochs, 3,120 in 20, a BERT of 12 layers."""
TARGET_SECONDS, TARGET_RUNS = 180, 1000
PARAMS = "preset: speed\nseeds: 1-25\ngrid: {models: [embedded], tasks: [acceptability], strategies: [devlin]}\n"


@click.command()
@click.option("--cells", type=click.IntRange(min=1), default=40, show_default=True, help="Of 25 runs each.")
@click.option(
    "--server-workers", type=click.IntRange(min=1), default=4, show_default=True, help="MLflow's own default."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where tracking.json and tracking.md go.",
)
def main(cells: int, server_workers: int, out: Path) -> None:
    """Write synthetic records, start `mlflow server` over a new SQLite file, and time two `stabbench track`."""
    report = measure(cells, server_workers)
    write_json(out / "tracking.json", report)
    write_text(out / "tracking.md", page(report))
    click.echo(page(report))


def measure(cells: int, server_workers: int) -> dict[str, Any]:
    """Seconds of the first and of the second call, each a process of its own, start-up included."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
        write_runs(folder / "runs", [_cell(place) for place in range(cells)])
        others = OtherProcesses()
        server = Server(folder, workers=server_workers)
        server.start()
        try:
            command = [sys.executable, "-m", "stabbench", "track", "--uri", server.uri]
            calls = [cost_of(command, folder, environment()) for _ in range(2)]
            said = (folder / "output.log").read_text(encoding="utf-8")
        finally:
            server.stop()
        if f"up to date, {cells * SEEDS} runs" not in said:
            raise RuntimeError(f"the second call found something to do:\n{said}")
        database = (folder / "mlflow.db").stat().st_size
    return {
        **conditions(),
        "other_processes_share": others.share(),
        "runs": cells * SEEDS,
        "cells": cells,
        "server_workers": server_workers,
        "first_seconds": calls[0].seconds,
        "second_seconds": calls[1].seconds,
        "first_peak_bytes": calls[0].peak_bytes,
        "database_bytes": database,
    }


def page(report: dict[str, Any]) -> str:
    """tracking.md."""
    runs = report["runs"]
    rows = [
        [f"{runs:,} runs in {report['cells']} cells, nothing there yet", number(report["first_seconds"])],
        ["the same again, everything there", number(report["second_seconds"])],
    ]
    kept = report["first_seconds"] * TARGET_RUNS / runs < TARGET_SECONDS
    return "\n\n".join(
        [
            "# Tracking benchmark",
            "Made by `python -m benchmarks.tracking`: a real `mlflow server` "
            f"({report['server_workers']} workers) on 127.0.0.1 over a new SQLite file, artifacts through the server, "
            "and `stabbench track` as a process, its start included. Records are synthetic, of RTE's size: every run "
            "has its parameters, scores, curves (at most 50 points each), data set and two files.",
            table(["`stabbench track`", "seconds"], rows),
            f"{1000 * report['first_seconds'] / runs:.0f} ms a run; the target of {TARGET_RUNS:,} runs in under "
            f"{TARGET_SECONDS} s is {'met' if kept else '**missed**'}. The database holds "
            f"{report['database_bytes'] / 1e6:.0f} MB.",
            f"Measured {report['created']} at commit {report['commit']}, on {report['cores']} cores of {report['cpu']} "
            f"that the server shares; other processes (the server among them) took "
            f"{share_of_others(report)} of the cores' time.",
            "",
        ]
    )


def _cell(place: int) -> SyntheticCell:
    random = np.random.default_rng(place)
    scores = np.where(random.random(SEEDS) < 0.2, 0.0, random.uniform(0.3, 0.7, SEEDS))
    strategy, task = ("devlin", "mosbach", "mixout", "llrd")[place % 4], f"task-{place // 4}"
    names = [f"bert.encoder.layer.{layer}.tensor-{number}.weight" for layer in range(LAYERS) for number in range(16)]
    return SyntheticCell(
        scores.tolist(),
        task=task,
        strategy=strategy,
        layers=LAYERS,
        epochs=20.0 if strategy == "mosbach" else 3.0,
        counts={"train": TRAIN, "dev": 277},
        decayed=names,
    )


if __name__ == "__main__":
    main()
