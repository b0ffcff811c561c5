"""`python -m benchmarks.scale`: status, planning and the report of ten thousand runs, as a user starts them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import OtherProcesses, conditions
from benchmarks.process_tree import cost_in_two_runs
from benchmarks.scale_project import STRATEGIES, ScaleProject, Size
from benchmarks.tables import mebibytes, number, share_of_others, table
from stabbench.files import write_json, write_text

COMMANDS = {
    "plan": ("plan",),
    "plan, nothing changed": ("plan",),
    "status": ("status",),
    "report": ("report",),
}
"""In the order in which they are timed; the records are written after the second."""
TARGET_SECONDS, TARGET_BYTES = 20, 2**30


@click.command()
@click.option("--models", default=4, show_default=True)
@click.option("--tasks", default=10, show_default=True)
@click.option("--strategies", type=click.IntRange(1, len(STRATEGIES)), default=10, show_default=True)
@click.option("--seeds", default=25, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the project here, or take it.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where scale.json and scale.md go.",
)
def main(models: int, tasks: int, strategies: int, seeds: int, folder: Path | None, out: Path) -> None:
    """Plan a grid, write a synthetic record for each run, and time what reads them."""
    size = Size(models, tasks, strategies, seeds)
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            report = measure(size, Path(temporary))
    else:
        report = measure(size, folder.resolve())
    write_json(out / "scale.json", report)
    write_text(out / "scale.md", page(report))
    click.echo(page(report))


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of each command; a folder that holds the records already is taken as it is."""
    project = ScaleProject(folder, size)
    if not (folder / "data").is_dir():
        project.prepare()
    others, found = OtherProcesses(), {}
    for name, words in COMMANDS.items():
        if name == "status" and not (folder / "runs").is_dir():
            project.write_records()
            others = OtherProcesses()
        cost = cost_in_two_runs(project.command(*words), folder, project.variables)
        found[name] = vars(cost)
        click.echo(
            f"{name}: {cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s of CPU time, {mebibytes(cost.peak_bytes)} MiB"
        )
    return {
        **conditions(),
        "other_processes_share": others.share(),
        "size": vars(size),
        "runs": size.runs,
        "commands": found,
        "page_bytes": (folder / "reports" / "index.html").stat().st_size,
    }


def page(report: dict[str, Any]) -> str:
    """scale.md."""
    size, found = report["size"], report["commands"]
    rows = [
        [f"`stabbench {name.replace(',', '`,', 1) if ',' in name else name + '`'}", *_shown(cost)]
        for name, cost in found.items()
    ]
    together = [found[name] for name in ("plan", "status", "report")]
    whole = {name: sum(cost[name] for cost in together) for name in ("seconds", "cpu_seconds")}
    whole["peak_bytes"] = max(cost["peak_bytes"] for cost in together)
    rows.append(["plan, status and report together", *_shown(whole)])
    kept = whole["seconds"] < TARGET_SECONDS, whole["peak_bytes"] < TARGET_BYTES
    return "\n\n".join(
        [
            "# Scale benchmark",
            f"Made by `python -m benchmarks.scale`: {report['runs']:,} runs ({size['models']} models × {size['tasks']} "
            f"tasks × {size['strategies']} strategies × {size['seeds']} seeds), really planned from params.yaml; the "
            "records are synthetic, of the embedded default's size, and verified as far as they are read. Each command "
            "is a process of its own, its start included, run twice: for its time, and for its memory.",
            table(["command", "seconds", "CPU seconds", "peak memory of its processes (MiB)"], rows),
            f"Targets, all three together: under {TARGET_SECONDS} s {_verdict(kept[0])}, under "
            f"{mebibytes(TARGET_BYTES)} MiB {_verdict(kept[1])}. The page has {report['page_bytes'] / 1e6:.1f} MB. "
            f"Measured {report['created']} at commit {report['commit']} on {report['cores']} cores of {report['cpu']}; "
            f"other processes took {share_of_others(report)} of the cores' "
            "time meanwhile.",
            "",
        ]
    )


def _shown(cost: dict[str, Any]) -> list[str]:
    return [number(cost["seconds"]), number(cost["cpu_seconds"]), mebibytes(cost["peak_bytes"])]


def _verdict(kept: bool) -> str:
    return "(met)" if kept else "(**missed**)"


if __name__ == "__main__":
    main()
