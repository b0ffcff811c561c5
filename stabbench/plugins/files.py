"""Plugins in files: each file is a module below this one, named by its path, so that worker processes find it too."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from stabbench.errors import UserError

__path__: list[str] = []
"""Makes this module a package: what is below it is found by `_Files`."""


@dataclass(frozen=True)
class InFile:
    """A class in a file, as `./file.py:Class` names it."""

    file: str
    name: str

    @property
    def short(self) -> str:
        """`file.py:Class`, wherever the file lies."""
        return f"{Path(self.file).name}:{self.name}"


def in_file(text: str) -> InFile | None:
    """The class that `./file.py:Class` names, or None for the name of something installed.

    UserError for what names a file without its class.
    """
    match = re.fullmatch(r"(.+\.py):([A-Za-z_]\w*)", text)
    if match is None and ".py" in text:
        raise UserError(f"found '{text}', expected a file and its class such as './my_file.py:MyClass'")
    return None if match is None else InFile(*match.groups())


class _Files(MetaPathFinder):
    """Finds `stabbench.plugins.files.<the path's UTF-8 bytes as hexadecimal digits>`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, digits = fullname.rpartition(".")
        return spec_from_file_location(fullname, bytes.fromhex(digits).decode()) if package == __name__ else None


sys.meta_path.append(_Files())


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module, again where it has been imported before; raises what the file raises.

    Objects of its classes can be pickled: a process that loads them imports the file by the module's name.
    """
    name = f"{__name__}.{str(path.resolve()).encode().hex()}"
    sys.modules.pop(name, None)
    invalidate_caches()
    return import_module(name)
