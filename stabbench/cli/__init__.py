"""The `stabbench` command: click, one thin file a command, each imported when it is asked for."""

from __future__ import annotations

import click

from stabbench.cli.group import LazyGroup
from stabbench.version import __version__

COMMANDS = {
    name: f"stabbench.cli.{name}:{name}".replace("-", "_")
    for name in (
        "init", "schema", "validate", "prepare", "convert", "pretrain", "plan", "train", "run", "study", "probe",
        "status", "report",
        "compare", "noise", "seeds",
        "check", "badge", "publish", "track", "score", "plugins", "strategies", "check-strategy", "gc",
    )
}  # fmt: skip
"""Where each command is, in the order in which `--help` lists them."""


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="stabbench")
def main() -> None:
    """Tell whether a fine-tuning recipe is stable: many seeds, rival strategies, spread, failures and their cause.

    \b
    Examples:
      stabbench init demo && dvc repro      from nothing to reports/index.html
      stabbench train --model minilm --task cola-1k --strategy mosbach --seeds 1-3
      stabbench status                      what is done and what is missing
    """
