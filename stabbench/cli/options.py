"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stabbench.project import own_path

if TYPE_CHECKING:
    from stabbench.records import Store

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_STORE = Path(".stabbench/runs")


def _own(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """A place of the project: a copy that DVC makes for an experiment keeps nothing of its own."""
    return own_path(path)


def warn(sentence: str | None) -> None:
    """Say it on the error stream, where there is anything to say."""
    if sentence is not None:
        click.echo(f"warning: {sentence}", err=True)


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


def open_store(root: Path) -> Store:
    """The store at `root`, which says on the error stream what it moves aside."""
    from stabbench.records import Store

    return Store(root, warn=warn)


def store(command: Command) -> Command:
    """`--store`: where the records are kept."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="STABBENCH_STORE",
        default=DEFAULT_STORE,
        callback=_own,
        show_default=True,
        show_envvar=True,
        help="Where the records are kept.",
    )(command)


def machine(command: Command) -> Command:
    """`--launcher`, `--workers` and `--device`: on what to train or measure."""
    launcher = click.option(
        "--launcher",
        type=click.Choice(["local", "ray"]),
        help="Train on this machine, or on the Ray cluster at $RAY_ADDRESS (without it: a Ray of this command alone) "
        "($STABBENCH_LAUNCHER; default: local).",
    )
    device = click.option("--device", help="cpu or cuda ($STABBENCH_DEVICE; default: cpu).")
    workers = click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Worker processes ($STABBENCH_WORKERS; default: the cores, on CUDA 1). On a Ray cluster: for each GPU.",
    )
    return launcher(workers(device(command)))


def runs(command: Command) -> Command:
    """`--runs`: the records that the plan selects."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="The records that the plan selects.",
    )(command)
