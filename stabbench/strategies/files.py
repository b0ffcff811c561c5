"""Strategies in files: each is a module below this one, named by its path, so that worker processes find it too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module, invalidate_caches
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__path__: list[str] = []
"""Makes this module a package: what is below it is found by `_Files`."""


class _Files(MetaPathFinder):
    """Finds `stabbench.strategies.files.<the path's UTF-8 bytes as hexadecimal digits>`."""

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
