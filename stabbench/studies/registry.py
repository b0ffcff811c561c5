"""Finding studies: a block of params.yaml names its module, or has the module's name."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from stabbench.config import Config
from stabbench.config.messages import checked
from stabbench.errors import UserError, unknown
from stabbench.studies.contract import Study

NOT_STUDIES = {"contract", "registry", "options", "pairs", "settings"}


@dataclass(frozen=True)
class Named:
    """A study with the name and the options of its block."""

    name: str
    study: Study[Any]
    options: Any


def kinds() -> list[str]:
    """Names of the studies that exist."""
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.replace("_", "-") for name in modules if name not in NOT_STUDIES)


def study_named(config: Config, name: str) -> Named:
    """The study of a block of params.yaml; UserError for an unknown name, kind or option."""
    if name not in config.studies:
        raise unknown("study", name, config.studies)
    return _make(name, config.studies[name])


def studies_of(config: Config) -> list[Named]:
    """All studies of params.yaml, in its order; UserError listing every mistake in their blocks."""
    found, problems = [], []
    for name, block in config.studies.items():
        try:
            found.append(_make(name, block))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return found


def _make(name: str, block: Mapping[str, Any]) -> Named:
    kind = str(block.get("study", name))
    if kind not in kinds():
        raise unknown(f"study in studies.{name}", kind, kinds())
    study: Study[Any] = import_module(f"stabbench.studies.{kind.replace('-', '_')}").study
    values = {key: value for key, value in block.items() if key != "study"}
    options = checked(values, study.Options, f"studies.{name}")
    return Named(name, study, options)
