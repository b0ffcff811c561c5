"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_STORE = Path(".stabbench/runs")


def params(command: Command) -> Command:
    """`--params`: which params.yaml to read."""
    return click.option(
        "--params",
        "params_file",
        type=click.Path(path_type=Path),
        default=Path("params.yaml"),
        show_default=True,
        help="The file that says what is compared.",
    )(command)


def store(command: Command) -> Command:
    """`--store`: where the records are kept."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="STABBENCH_STORE",
        default=DEFAULT_STORE,
        show_default=True,
        show_envvar=True,
        help="Where the records are kept.",
    )(command)


def runs(command: Command) -> Command:
    """`--runs`: the records that the plan selects."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="The records that the plan selects.",
    )(command)
