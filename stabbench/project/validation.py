"""params.yaml checked before any work, the head of each `dvc repro`.

It imports torch only for what has to be asked of classes: blocks of trainers, options, several plugins, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stabbench.config import (
    Config,
    StrategyBlock,
    check_task_blocks,
    check_variations,
    load,
    missing_dependencies,
    own_files,
    parts,
)
from stabbench.config.json_schema import write_schema
from stabbench.files import whole_folder, write_json
from stabbench.folders import Folders
from stabbench.plugins import in_file
from stabbench.probes import probes_of
from stabbench.studies import studies_of


def validate(folders: Folders) -> tuple[str, str | None]:
    """Check params.yaml, and write what it decides for each stage of the pipeline.

    How much it asks for, and what has to be known of its pipeline, in a sentence each.
    """
    config = load(folders.params, lambda block: _trainer_mistakes(block, folders.root))
    check_task_blocks(folders.params)
    probes, studies = probes_of(config, folders.root), studies_of(config, folders.root)
    variations = [variation for entry in studies for variation in entry.plugin.variations(entry.options, config)]
    check_variations(config, variations)
    asked = dict.fromkeys([*config.grid.strategies, *(variation.strategy for variation in variations)])
    if any(_asks_for_more(config.strategies[name]) for name in asked) or _names_optimizers(config):
        from stabbench.resolve import check_options

        check_options(config, asked, folders.root)
    with whole_folder(folders.validated) as folder:
        for name, value in parts(config, folders.params.parent).items():
            write_json(folder / name, value)
    for place, entries in ((folders.studies, studies), (folders.probes, probes)):
        write_json(place / "index.json", sorted(entry.name for entry in entries))
    write_schema(folders.params)
    grid = config.grid
    cells = len(grid.models) * len(grid.tasks) * len(grid.strategies)
    return (
        f"no mistakes; {cells} cells, {len(studies)} studies, {len(probes)} probes",
        missing_dependencies(folders.params, "validate", own_files(config, folders.params.parent)),
    )


def _asks_for_more(block: StrategyBlock) -> bool:
    """Whether a strategy is more than one that is installed, as it is, with changes to its recipe's numbers."""
    return (
        bool(block.options) or len(block.plugin) > 1 or any(map(in_file, block.plugin)) or bool(block.recipe.optimizer)
    )


def _names_optimizers(config: Config) -> bool:
    return any(config.models[name].recipe.optimizer is not None for name in config.grid.models)


def _trainer_mistakes(block: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    from stabbench.resolve import trainer_mistakes

    return trainer_mistakes(block, root)
