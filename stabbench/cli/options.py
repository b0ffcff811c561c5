"""Options that several commands share, and how they tell of what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stabbench.folders import Folders, own_path

if TYPE_CHECKING:
    from stabbench.project.training import Trained
    from stabbench.records import Store
    from stabbench.report.section import Section

Command = TypeVar("Command", bound=Callable[..., Any])


def warn(*sentences: str | None) -> None:
    """Tell on the error stream what has to be known, where there is anything."""
    for sentence in sentences:
        if sentence is not None:
            click.echo(f"warning: {sentence}", err=True)


def warn_of_stale_plan(folders: Folders) -> None:
    """Say where params.yaml has changed since the plan was made that the command is about to follow."""
    try:
        from stabbench.project.planned import stale
    except ModuleNotFoundError:  # pydantic, without which training does, and params.yaml cannot be read
        return
    warn(stale(folders))


def print_trained(trained: Trained) -> None:
    """Print what became of each cell, and of the runs that broke."""
    for cell in trained.cells:
        click.echo(cell)
    print_errors(trained)


def print_errors(trained: Trained) -> None:
    """Name the runs that broke on the error stream."""
    for error in trained.errors:
        click.echo(f"error: {error}", err=True)


def print_chapter(name: str, written: tuple[Section, Path] | None) -> None:
    """Print what was found, or that there is nothing to find it beside."""
    if written is None:
        click.echo(f"no runs of the main grid yet: `stabbench report` writes the chapter of {name}")
        return
    section, folder = written
    for text in section.found:
        click.echo(text)
    click.echo(f"wrote {folder}/")


def open_store(root: Path) -> Store:
    """The store at `root`, which says on the error stream what it moves aside."""
    from stabbench.records import Store

    return Store(root, warn=warn)


def folder(name: str, text: str, flag: str | None = None) -> Callable[[Command], Command]:
    """`--<name>`, or another `flag`: where the project's files of that name are."""
    return click.option(
        f"--{flag or name}",
        name,
        type=click.Path(path_type=Path, file_okay=False),
        default=getattr(Folders.of(), name),
        show_default=True,
        help=text,
    )


params = click.option(
    "--params",
    type=click.Path(path_type=Path),
    default=Folders.of().params,
    show_default=True,
    help="The file that says what is compared.",
)
store = click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="STABBENCH_STORE",
    default=Folders.of().store,
    callback=lambda context, parameter, path: own_path(path),  # a copy that DVC makes keeps nothing of its own
    show_default=True,
    show_envvar=True,
    help="Where the records are kept.",
)
runs = folder("runs", "The records that the plan selects.")


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
