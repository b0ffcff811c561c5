"""`stabbench init`: write a preset's pipeline and parameters, or those of a task in a file of the user's own."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options
from stabbench.errors import UserError


@click.command()
@click.argument("preset", required=False, metavar="[demo|stabilisers|pretraining|minilm|chemistry|paper]")
@click.option(
    "--from",
    "train",
    type=click.Path(path_type=Path),
    help="A labelled table of your own: CSV, TSV, JSON lines or Parquet.",
)
@click.option("--dev", type=click.Path(path_type=Path), help="Another one to score on; else a fifth of the first.")
@click.option("--text", multiple=True, help="The column of the text; twice for a pair.")
@click.option("--label", help="The column of the label.")
@click.option("--objective", help="What it is: classification or regression.")
@click.option("--encoding", help="Of text files that are not UTF-8, such as latin-1; else a guess.")
@click.option("--name", help="What the task is called; else as the file is.")
@click.option("--force", is_flag=True, help="Overwrite a dvc.yaml or params.yaml that differs.")
def init(
    preset: str | None,
    train: Path | None,
    dev: Path | None,
    text: tuple[str, ...],
    label: str | None,
    objective: str | None,
    encoding: str | None,
    name: str | None,
    force: bool,
) -> None:
    """Write dvc.yaml and params.yaml into this folder.

    demo: tasks from a grammar and a small BERT that is shipped; needs no network.
    stabilisers: every built-in strategy on one of demo's tasks.
    pretraining: a small BERT that the pipeline pretrains itself, on the sentences of demo's tasks.
    minilm: a 6-layer pretrained encoder on 1,000 sentences of CoLA.
    chemistry: a 12-layer pretrained BERT with its masked-LM head, on reactions and their yields.
    paper: BERT-large on RTE, MRPC and CoLA, as in the paper; needs a GPU.

    With --from: a task of your own. Which columns are its text and label, what kind of task it is and how it is judged
    is guessed, unless said here; params.yaml has each guess with its reason and with what else there is.

    \b
    Examples:
      stabbench init
      stabbench init minilm
      stabbench init paper --force
      stabbench init --from tickets.csv
      stabbench init --from train.parquet --dev dev.parquet --label stars --objective regression
    """
    from stabbench import scaffold

    if train is None:
        said = {"--dev": dev, "--text": text, "--label": label, "--objective": objective, "--encoding": encoding}
        lone = [flag for flag, value in {**said, "--name": name}.items() if value]
        if lone:
            raise UserError(f"{', '.join(lone)} {'need' if len(lone) > 1 else 'needs'} --from, the file of the task")
        _tell(scaffold.write(preset or "demo", Path.cwd(), force=force))
        return
    if preset is not None:
        raise UserError(f"found the preset '{preset}' beside --from, expected one or the other")
    from stabbench.cli.prepare import summary
    from stabbench.scaffold.choices import Asked
    from stabbench.scaffold.given import Given
    from stabbench.scaffold.own import start

    given = Given({"train": train, **({} if dev is None else {"dev": dev})}, asked=encoding)
    started = start(given, Asked(text, label, objective), name)
    written = scaffold.write_files(started.contents, Path.cwd(), force=force)
    for line in started.told:
        click.echo(line)
    click.echo(summary(started.task))
    options.warn(*(started.task.seen or {}).get("warnings", ()))
    _tell(written, f"stabbench prepare {started.task.name} after changes of params.yaml, then ")


def _tell(written: list[Path], first: str = "") -> None:
    for path in written:
        click.echo(f"wrote {path.name}")
    steps = [] if (Path.cwd() / ".git").exists() else ["git init"]
    steps += [] if (Path.cwd() / ".dvc").exists() else ["dvc init"]
    click.echo(f"next: {first}{' && '.join([*steps, 'dvc repro'])}")
