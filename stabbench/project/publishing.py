"""The results of a project as others take them: the folder to publish, and a badge."""

from __future__ import annotations

from pathlib import Path

from stabbench.folders import Folders
from stabbench.project.chapters import gathered, reported
from stabbench.project.selection import select_planned
from stabbench.publishing import Published, Said, check_folder, published_files, write_published
from stabbench.records import Store


def publish(
    folders: Folders,
    store: Store,
    out: Path,
    said: Said,
    *,
    predictions: bool = False,
    incomplete: bool = False,
    force: bool = False,
) -> Published:
    """Write the grid's records into `out` as an archive takes them; nothing of it is changed before all is made.

    UserError where there are no runs, some are missing (without `incomplete`), or `out` holds something.
    """
    check_folder(out, force=force)
    config = reported(folders)
    select_planned(folders, store)
    made = published_files(gathered(folders, config, incomplete=incomplete), said, predictions=predictions)
    write_published(made, out)
    return made
