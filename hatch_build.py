"""Compiles the kernel when stabbench is installed; the package itself stays pure Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledKernel(BuildHookInterface):  # type: ignore[type-arg]
    """Fills the user's cache folder; without a compiler nothing happens and torch computes."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by the build backend before a wheel, editable or not, is made."""
        source = Path(self.root) / "stabbench" / "models" / "kernel" / "compilation.py"
        spec = importlib.util.spec_from_file_location("compilation", source)
        if spec is None or spec.loader is None:
            return
        compilation = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(compilation)
        for kind in compilation.kinds_here():
            kept = compilation.cache_folder() / compilation.library_name(kind)
            built = kept if kept.is_file() else compilation.compile_library(kept.parent, kind)
            self.app.display_info(f"compiled kernel: {built or 'not built, torch will compute'}")
