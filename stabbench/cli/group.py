"""A click group that imports its commands late and turns a user's mistakes into one message and exit status 2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from stabbench.errors import UserError, unknown
from stabbench.files import REFUSALS_OF_WRITES, refusal
from stabbench.signals import Stopped, signals_as_exceptions

EXTRAS = {
    "torch": "train",
    "transformers": "train",
    "tokenizers": "train",
    "safetensors": "train",
    "datasets": "train",
    "evaluate": "train",
    "sklearn": "train",
    "mlflow": "track",
    "dvc": "dvc",
    "ray": "ray",
}
"""Which extra of the package brings a module."""


class Mistake(click.ClickException):
    """A mistake in the input: printed as `Error: …`, exit status 2."""

    exit_code = 2


class LazyGroup(click.Group):
    """A group whose commands are named as `module:attribute`; `--help` imports those thin modules and nothing heavy."""

    def __init__(self, *args: Any, commands_at: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = commands_at or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which they were given."""
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        if cmd_name not in self.commands_at:
            return None
        module, attribute = self.commands_at[cmd_name].split(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.commands_at[cmd_name]} is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a usage error names the nearest one."""
        if args and not args[0].startswith("-") and args[0] not in self.commands_at:
            raise click.UsageError(str(unknown("command", args[0], self.commands_at)), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a signal, mistakes of the user, a full disk and missing extras become messages."""
        try:
            with signals_as_exceptions(), _mistakes():
                return super().invoke(ctx)
        except Stopped as stop:
            again = "`dvc repro`" if "DVC_STAGE" in os.environ else "the same command"
            click.echo(f"{stop}. Go on with {again}.", err=True)
            raise click.exceptions.Exit(stop.status) from None


@contextmanager
def _mistakes() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise Mistake(str(error)) from error
    except OSError as error:
        message = (
            refusal(error, error.filename2 or error.filename or "a file") if error.errno in REFUSALS_OF_WRITES else None
        )
        if message is None:
            raise
        raise Mistake(message) from error
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        extra = EXTRAS[module]
        raise Mistake(f"this needs {module}, which is not installed: run `pip install 'stabbench[{extra}]'`") from error
