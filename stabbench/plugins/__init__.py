"""Finding the code of any kind of plugin: installed under a name, or a class in a file. No kind is known here."""

from __future__ import annotations

from stabbench.plugins.checking import checked_class
from stabbench.plugins.files import InFile, in_file
from stabbench.plugins.registry import Installed, Registry, installed

__all__ = ["InFile", "Installed", "Registry", "checked_class", "in_file", "installed"]
