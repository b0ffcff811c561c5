"""A project of thousands of runs: really prepared and planned, its records written with drawn numbers."""

from __future__ import annotations

import dataclasses
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from safetensors.torch import save_file

from benchmarks.project import environment, timed
from benchmarks.shapes import SHAPES
from stabbench.execution.settings import available_cores
from stabbench.files import write_json
from stabbench.models.word_pieces import write_word_pieces
from stabbench.plan import Cell, read_plan
from stabbench.tasks import embedded
from tests.analysis.synthetic import DIVERGED, MAJORITY, SyntheticCell, write_runs

STRATEGIES = ("devlin", "mosbach", "mixout", "llrd", "reinit", "l2-sp", "r3f", "noisytune", "ema", "swa")
DATASETS = ("acceptability", "paraphrase", "entailment")
LAYERS, HIDDEN_SIZE = 2, 32


@dataclass(frozen=True)
class Size:
    """How many of each: runs are their product."""

    models: int
    tasks: int
    strategies: int
    seeds: int

    @property
    def runs(self) -> int:
        """Planned runs."""
        return self.models * self.tasks * self.strategies * self.seeds


@dataclass(frozen=True)
class PlannedCell(SyntheticCell):
    """Drawn scores for a cell that a real plan names."""

    planned: Cell | None = None

    def plan(self) -> Cell:
        """The cell of the plan."""
        assert self.planned is not None
        return self.planned


class ScaleProject:
    """A project folder with params.yaml, models with drawn weights and data of the embedded kind."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size = folder, size
        self.variables = {**environment(), "STABBENCH_STORE": "runs-store"}
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(parameters(size), file)
        for number in range(1, size.models + 1):
            write_model(folder / "models" / f"model-{number}", number)

    def command(self, *words: str) -> list[str]:
        """`stabbench …` as a list of words."""
        return [sys.executable, "-m", "stabbench", *words]

    def prepare(self) -> None:
        """Generate the tasks."""
        timed(self.command("prepare"), self.folder, self.variables)

    def write_records(self) -> None:
        """A finished record for every planned run, in the store and selected; some failed, one in fifty diverged."""
        cells = read_plan(self.folder / "plan")
        with ProcessPoolExecutor(available_cores()) as pool:
            list(pool.map(_write_cell, cells, [self.folder / "runs"] * len(cells), chunksize=4))


def parameters(size: Size) -> dict[str, Any]:
    """The content of params.yaml."""
    models = {f"model-{number}": {"source": f"./models/model-{number}"} for number in range(1, size.models + 1)}
    names = [(f"task-{number}", DATASETS[number % len(DATASETS)]) for number in range(1, size.tasks + 1)]
    tasks = {
        name: {"dataset": dataset, "train_size": 192, "dev_size": 128, "sample_seed": number}
        for number, (name, dataset) in enumerate(names)
    }
    return {
        "preset": "scale",
        "seeds": f"1-{size.seeds}",
        "grid": {"models": list(models), "tasks": list(tasks), "strategies": list(STRATEGIES[: size.strategies])},
        "models": models,
        "tasks": tasks,
        "strategies": {name: {"plugin": name} for name in STRATEGIES[: size.strategies]},
    }


def write_model(folder: Path, number: int) -> None:
    """A small BERT with drawn weights, `number` scaling them so that each model has a hash of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    words = embedded.vocabulary()
    write_word_pieces(folder, words, SHAPES["bert-tiny"].positions)
    pieces = len((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    shape = dataclasses.replace(
        SHAPES["bert-tiny"],
        layers=LAYERS,
        hidden_size=HIDDEN_SIZE,
        heads=2,
        intermediate_size=4 * HIDDEN_SIZE,
        vocabulary_size=pieces,
    )
    save_file({name: tensor * number for name, tensor in shape.weights().items()}, folder / "model.safetensors")
    write_json(folder / "config.json", shape.config())


def _write_cell(cell: Cell, runs: Path) -> None:
    random = np.random.default_rng([cell.position, len(cell.seeds)])
    failed = random.random(len(cell.seeds)) < 0.4 * random.random()
    majority = MAJORITY[cell.task_facts.metric]
    scores = np.where(failed, majority, majority + (1 - majority) * random.uniform(0.3, 0.9, len(cell.seeds)))
    scores[random.random(len(cell.seeds)) < 0.02] = DIVERGED
    names = [f"bert.encoder.layer.{layer}.tensor-{number}.weight" for layer in range(6) for number in range(16)]
    write_runs(
        runs,
        [
            PlannedCell(
                scores.tolist(),
                metrics=cell.task_facts.metrics,
                layers=6,
                counts=cell.task_facts.counts,
                decayed=names,
                planned=cell,
                strategy=cell.strategy,
            )
        ],
    )
