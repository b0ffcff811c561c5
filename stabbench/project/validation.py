"""params.yaml checked before any work, the head of each `dvc repro`: blocks of trainers alone make it import torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stabbench.config import check_task_blocks, load, missing_dependencies, own_files, parts
from stabbench.config.json_schema import write_schema
from stabbench.files import whole_folder, write_json
from stabbench.folders import Folders
from stabbench.probes import probes_of
from stabbench.studies import studies_of


def validate(folders: Folders) -> tuple[str, str | None]:
    """Check params.yaml, and write what it decides for each stage of the pipeline.

    How much it asks for, and what has to be known of its pipeline, in a sentence each.
    """
    config = load(folders.params, lambda block: _trainer_mistakes(block, folders.root))
    check_task_blocks(folders.params)
    probes, studies = probes_of(config, folders.root), studies_of(config, folders.root)
    for entry in studies:
        entry.plugin.variations(entry.options, config)
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


def _trainer_mistakes(block: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    from stabbench.resolve import trainer_mistakes

    return trainer_mistakes(block, root)
