"""`stabbench check-strategy`: whether a strategy keeps to the contract, and which hook does not."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options


@click.command("check-strategy")
@click.argument("name")
@options.params
def check_strategy(name: str, params: Path) -> None:
    """Run the conformance suite: small trainings of tiny models, a few seconds in all.

    NAME is a strategy of params.yaml, with its options; an installed strategy; or a class in a file. Where a check does
    not hold, plugin, distribution and hook are named, and the exit status is 1.

    \b
    Examples:
      stabbench check-strategy mixout
      stabbench check-strategy ./my_strategy.py:MyStrategy
    """
    from stabbench.project.named import NamedStrategy

    members = NamedStrategy.find(name, params).members()

    import torch

    from stabbench.strategies.registry import STRATEGIES
    from stabbench.testing import CHECKS, Conformance

    torch.set_num_threads(1)
    label = ", ".join(STRATEGIES.label(plugin) for plugin, _, _ in members)
    suite = Conformance(label, [(strategy, values) for _, strategy, values in members])
    click.echo(label)
    marks = {True: "ok", False: "FAILED", None: "-"}
    for check in CHECKS:
        verdict = suite.verdict(check)
        click.echo(f"{marks[verdict.holds]:>6}  {check.sentence}")
        if verdict.message:
            click.echo(f"        {verdict.message}")
    if not all(suite.verdict(check).holds for check in CHECKS):
        raise click.exceptions.Exit(1)
