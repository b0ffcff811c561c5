"""The report's sections on a whole cell, on scaling and on the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.tables import number, percent, table

PADDINGS = ("padded", "dynamic")


def cell_section(found: Mapping[str, Any]) -> str:
    """A cell of many seeds from cold start to records."""
    ours, seeds = found["ours"], found["seeds"]
    ours_row = [f"stabbench, {seeds} seeds", f"{ours['seconds']:.1f}", number(ours["seconds"] / seeds), "1"]
    rows = [[*ours_row, str(ours["steps_a_run"])]]
    for padding in PADDINGS:
        rival = found["trainer"][padding]
        name = f"`Trainer`, {padding}: {len(rival['seconds'])} timed, scaled to {seeds}"
        times = [f"{rival['scaled_seconds']:.1f}", number(rival["scaled_seconds"] / seeds), number(rival["times_ours"])]
        rows.append([name, *times, str(rival["steps_a_run"])])
    timed = " and ".join(f"{len(found['trainer'][padding]['seconds'])} {padding}" for padding in PADDINGS)
    method = f"""
Model {found["model"]} with drawn weights, task {found["task"]} ({_plain(found["task_block"])}),
strategy devlin, one evaluation an epoch. Ours is `stabbench train` in a folder made by `stabbench init` with the task
prepared: from the start of the command to {seeds} records on disk, which hold more than a run of `Trainer` leaves
(history, gradient norms, predictions, the final loss on the whole training set). `Trainer` reads the same model and
examples, tokenizes, trains and evaluates as often, each run in a fresh process on all cores. Only
{timed} were timed, and their mean was multiplied by {seeds}."""
    return table(["", "seconds", "seconds a run", "times ours", "steps a run"], rows) + "\n" + method


def _plain(block: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in block.items())


def scaling_section(found: Mapping[str, Any]) -> str:
    """Seconds by seeds, examples and length."""
    seeds, examples, lengths, recipe = (found[name] for name in ("seeds", "examples", "lengths", "recipe"))
    by_seeds = [
        [str(point["seeds"]), f"{point['seconds']:.1f}", number(point["seconds"] / point["seeds"])]
        for point in seeds["points"]
    ]
    by_examples = [
        [f"{point['examples']:,}", number(point["seconds"]), number(1e3 * point["seconds"] / point["examples"])]
        for point in examples["points"]
    ]
    by_length = []
    for point in lengths["points"]:
        tokens = point["length"] * lengths["examples"]
        by_length.append([str(point["length"]), number(point["seconds"]), number(1e6 * point["seconds"] / tokens)])
    tries = seeds.get("tries")
    often = "" if tries is None else f"; of up to {tries['of_seeds_up_to']} seeds the median of {tries['number']} tries"
    return f"""`stabbench train` of {found["model"]} on {_plain(seeds["task"])},
{seeds["steps_a_run"]} steps a run, from the start of the command to the records: about {seeds["fixed_seconds"]:.1f} s
and {seeds["seconds_a_seed"]:.2f} s a seed (least squares{often}).

{table(["seeds", "seconds", "seconds a seed"], by_seeds)}

A whole training ({recipe["epochs"]:g} epochs, batch {recipe["batch_size"]}, evaluation and result included) by the
number of training examples, texts as long as CoLA's; one training on every core, median of {found["repeats"]} repeats
and all processes.

{table(["examples", "seconds", "milliseconds an example"], by_examples)}

The same by the length of the texts, {lengths["examples"]} of them.

{table(["tokens", "seconds", "microseconds a token of the training set"], by_length)}"""


def pipeline_section(found: Mapping[str, Any]) -> str:
    """Where the time of a pipeline goes."""
    wall = found["wall_seconds"]
    rows = [
        [entry["part"], f"{entry['seconds']:.1f}", percent(entry["seconds"] / wall) if wall else "–"]
        for entry in found["split"]
    ]
    if wall:
        rows.append(["**all**", f"{wall:.1f}", "100 %"])
    section = f"""Measured: {found["how"]}; {found["runs"]} runs, {found["steps"]:,} steps, {found["workers"]} workers.

{table(["", "seconds", "share"], rows)}

Training and evaluation are the workers' own clocks (`provenance.json`), summed and divided by the number of workers."""
    if "overhead_share" not in found:
        return section
    return f"""{section}

**Evaluation, start-up, records, tracking and DVC: {found["overhead_seconds"]:.1f} s,
{percent(found["overhead_share"])}** (target: under {percent(found["target_share"])}, and under
{found["wall_target_seconds"]:.0f} s in all). Each command was timed from its start to its end. What `stabbench train`
took beyond training and evaluation is start-up, loading, records, and workers that wait for the last runs.
Records are written beside the trainings, which they can slow down: the first processes of the training commands, which
write them, took {found["stages"]["train"]["own_cpu_seconds"]:.1f} s of processor time in all. With all of it counted
as overhead once more, the share is at most {percent(found["overhead_share_at_most"])}."""
