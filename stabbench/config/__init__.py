"""What params.yaml says, as checked data: `load` reads it, `parse_seeds` reads a list of seeds."""

from __future__ import annotations

from stabbench.config.loading import load
from stabbench.config.names import check_names, check_variations
from stabbench.config.parts import parts, plan_part
from stabbench.config.pipeline import check_task_blocks, missing_dependencies, model_folders, own_files, plugin_files
from stabbench.config.schema import (
    NO_MODEL,
    Config,
    Grid,
    ModelBlock,
    PretrainingBlock,
    RecipeOverrides,
    ReportBlock,
    StrategyBlock,
)
from stabbench.config.seeds import PlannedSeeds, parse_seeds
from stabbench.config.tasks import TaskBlock

__all__ = [
    "NO_MODEL",
    "Config",
    "Grid",
    "ModelBlock",
    "PlannedSeeds",
    "PretrainingBlock",
    "RecipeOverrides",
    "ReportBlock",
    "StrategyBlock",
    "TaskBlock",
    "check_names",
    "check_task_blocks",
    "check_variations",
    "load",
    "missing_dependencies",
    "model_folders",
    "own_files",
    "parse_seeds",
    "parts",
    "plan_part",
    "plugin_files",
]
