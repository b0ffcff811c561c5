"""A project folder in a temporary place, as `stabbench init` makes it, and its commands as processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from safetensors.torch import save_file

from benchmarks.shapes import SHAPES
from benchmarks.texts import has_files, tokenizer_folder
from stabbench.files import read_json, write_json
from stabbench.model_files import TOKENIZER_FILES
from stabbench.models.word_pieces import write_word_pieces
from stabbench.tasks import embedded

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = (
    "STABBENCH_STORE",
    "STABBENCH_WORKERS",
    "STABBENCH_DEVICE",
    "STABBENCH_STACKED_SEEDS",
    "MLFLOW_TRACKING_URI",
    "DVC_STAGE",
    "DVC_ROOT",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
)
"""Variables that would change what is measured."""

SMALL = SHAPES["bert-tiny"]


def environment(*folders: Path) -> dict[str, str]:
    """The environment of the commands: no settings of the user's, this package importable, `folders` first on PATH."""
    variables = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    scripts = [*folders, Path(sys.executable).parent]
    variables["PATH"] = os.pathsep.join([*map(str, scripts), variables.get("PATH", "")])
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH", "")]))
    return variables


def timed(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> float:
    """Seconds from the command's start to its end; RuntimeError with its output where it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return seconds


class Project:
    """A project made from a preset."""

    def __init__(self, folder: Path, preset: str) -> None:
        self.folder, self.variables = folder, environment()
        self.stabbench("init", preset)

    def stabbench(self, *words: str) -> float:
        """Seconds that a command takes."""
        return timed([sys.executable, "-m", "stabbench", *words], self.folder, self.variables)

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set values of params.yaml by their path, dots between keys."""
        yaml, path = YAML(typ="safe"), self.folder / "params.yaml"
        data = yaml.load(path)
        for place, value in changes.items():
            *above, last = place.split(".")
            block = data
            for key in above:
                block = block[key]
            block[last] = value
        yaml.dump(data, path)

    def use_small_model(self, task: str, block: Mapping[str, Any], seeds: str) -> None:
        """Make the grid one cell: a BERT-tiny with drawn weights, a task, the strategy devlin; and prepare the task."""
        write_small_model(self.folder / "models" / SMALL.name)
        model = {"source": f"./models/{SMALL.name}", "recipe": {"evaluations_per_epoch": 1}}
        self.change(
            {
                "seeds": seeds,
                "grid": {"models": [SMALL.name], "tasks": [task], "strategies": ["devlin"]},
                "models": {SMALL.name: model},
                "tasks": {task: dict(block)},
            }
        )
        self.stabbench("prepare")

    def records(self) -> list[dict[str, Any]]:
        """What the store holds: each record's data with its provenance."""
        paths = sorted((self.folder / ".stabbench" / "runs").glob("*/*/record.json"))
        return [{**read_json(path), "provenance": read_json(path.with_name("provenance.json"))} for path in paths]


def small_task(quick: bool) -> tuple[str, dict[str, Any]]:
    """CoLA with 1,000 training sentences where files and tokenizer are at hand, else the embedded acceptability."""
    tiny = {"train_size": 64, "dev_size": 64}
    if tokenizer_folder() is not None and has_files("cola"):
        return "cola-1k", {"dataset": "cola", **(tiny if quick else {"train_size": 1000})}
    return "acceptability", {"dataset": "acceptability", **(tiny if quick else {"train_size": 320, "dev_size": 320})}


def write_small_model(folder: Path) -> None:
    """A Hugging Face folder of the small shape with drawn weights and a tokenizer that knows the task's words."""
    folder.mkdir(parents=True)
    save_file(SMALL.weights(), folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", SMALL.config())
    tokenizer = tokenizer_folder()
    if tokenizer is None:
        write_word_pieces(folder, embedded.vocabulary(), SMALL.positions)
        return
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
