"""The page with the help of every command, as the command itself prints it."""

from __future__ import annotations

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

WIDTH = 100


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "reference/commands.md", content=page()))
    return files


def page() -> str:
    """A section a command, in the order of `stabbench --help`."""
    from stabbench.cli import main

    context = click.Context(main, info_name="stabbench", terminal_width=WIDTH, max_content_width=WIDTH)
    sections = ["# Every command's options\n\nWhat `stabbench COMMAND --help` prints.\n"]
    for name in main.list_commands(context):
        sections += _section(main.get_command(context, name), name, context, 2)
    return "\n".join(sections)


def _section(command: click.Command | None, name: str, parent: click.Context, level: int) -> list[str]:
    assert command is not None, name
    context = click.Context(command, parent=parent, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    found = [f"{'#' * level} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for part in command.list_commands(context):
            found += _section(command.get_command(context, part), part, context, level + 1)
    return found
