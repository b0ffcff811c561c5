"""A command as params.yaml and the command line write it: its words, what stands in braces, the files that it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stabbench.errors import unknown
from stabbench.files import sha256_of_file

Command = str | Sequence[str]
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def words(command: Command) -> list[str]:
    """The words of a command, as a shell would cut it; nothing else of a shell's is known. ValueError where it is none.

    A list is taken as it stands.
    """
    try:
        found = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError as error:
        raise ValueError(f"found {command!r}, expected words as in a shell ({error})") from error
    if not found:
        raise ValueError("found no word, expected a command such as 'python train.py --seed {seed}'")
    return found


def placeholders(command: Command) -> list[str]:
    """What stands in single braces, in order, each once; doubled braces stand for themselves."""
    found = (match[1] for word in words(command) for match in _BRACES.finditer(word) if match[1] is not None)
    return list(dict.fromkeys(found))


def filled(command: Command, values: Mapping[str, object]) -> list[str]:
    """The words with `values` in the place of what stands in braces; UserError with the nearest for an unknown one."""

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        if match[1] not in values:
            raise unknown("name in braces in the command", match[1], values)
        return str(values[match[1]])

    return [_BRACES.sub(value, word) for word in words(command)]


def code_of(command: Command, folder: Path, more: Sequence[str] = ()) -> dict[str, str]:
    """The SHA-256 of each of `files_of`, by its name."""
    return {name: sha256_of_file(folder / name) for name in files_of(command, folder, more)}


def changed(code: Mapping[str, str], folder: Path) -> list[str]:
    """Those of the files in `code` whose content is another one now, or that are gone."""
    return [name for name, was in code.items() if not (folder / name).is_file() or sha256_of_file(folder / name) != was]


def files_of(command: Command, folder: Path, more: Sequence[str] = ()) -> Iterator[str]:
    """The files of `folder` that a command names, and those named beside it, each once, as they are written.

    A file is what decides results as the command itself does: its script, a config that it is given.
    """
    named = [*(part for word in words(command) for part in (word, word.partition("=")[2]) if part), *more]
    for name in dict.fromkeys(named):
        path = Path(name)
        if not path.is_absolute() and "{" not in name and (folder / path).is_file():
            yield name
