"""A model's folder of Hugging Face files, each of which is read once."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.files import Stamps, read_json, stamps_of
from stabbench.models.checkpoints import guessed_type
from stabbench.models.tensor_files import tensor_shapes


class ModelFolder:
    """The files in the folder `path` as they are now; `at` gives the same object for as long as they stay so."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def at(path: Path) -> ModelFolder:
        """The folder at `path`, opened once a process for each state of its files."""
        return _opened(path, stamps_of(path))

    def settings(self, name: str) -> dict[str, Any]:
        """The JSON object in the file `name`, empty without that file; UserError where it holds anything else."""
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            content = read_json(path)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not JSON: {error}: copy or download it again") from error
        if not isinstance(content, dict):
            raise UserError(f"{path} holds no JSON object: copy or download it again")
        return content

    @cached_property
    def config(self) -> dict[str, Any]:
        """What config.json says; UserError without one."""
        if not (self.path / "config.json").is_file():
            raise UserError(f"{self.path} has no config.json: expected the Hugging Face files of an encoder")
        return self.settings("config.json")

    @cached_property
    def model_type(self) -> str:
        """The model type in config.json: ``bert``, ``roberta``, ``albert`` and so on; UserError where it names none."""
        found = self.config.get("model_type")
        if isinstance(found, str):
            return found
        try:
            names = list(self.shapes)
        except (UserError, OSError):
            names = []
        guess = guessed_type(self.config, names)
        advice = f'add "model_type": "{guess}" to it' if guess else 'add its "model_type", such as "bert" or "roberta"'
        raise UserError(f"{self.path / 'config.json'} names no model_type: {advice}, or take a newer copy of the model")

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor by the name that it has in the folder."""
        return tensor_shapes(self.path)


@lru_cache(maxsize=64)
def _opened(path: Path, stamps: Stamps) -> ModelFolder:
    return ModelFolder(path)
