"""`stabbench init`: write a preset's pipeline and parameters."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("preset", default="demo", metavar="[demo|stabilisers|minilm|paper]")
@click.option("--force", is_flag=True, help="Overwrite a dvc.yaml or params.yaml that differs.")
def init(preset: str, force: bool) -> None:
    """Write dvc.yaml and params.yaml into this folder.

    demo: tasks from a grammar and a small BERT pretrained on the spot; needs no network.
    stabilisers: every built-in strategy on one of demo's tasks.
    minilm: a 6-layer pretrained encoder on 1,000 sentences of CoLA.
    paper: BERT-large on RTE, MRPC and CoLA, as in the paper; needs a GPU.

    \b
    Examples:
      stabbench init
      stabbench init minilm
      stabbench init paper --force
    """
    from stabbench import scaffold

    for path in scaffold.write(preset, Path.cwd(), force=force):
        click.echo(f"wrote {path.name}")
    steps = [] if (Path.cwd() / ".git").exists() else ["git init"]
    steps += [] if (Path.cwd() / ".dvc").exists() else ["dvc init"]
    click.echo(f"next: {' && '.join([*steps, 'dvc repro'])}")
