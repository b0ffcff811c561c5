"""WikiText-2's test text (Merity et al., 2017), on which the paper measures perplexity: from a folder or the hub."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from stabbench.errors import UserError
from stabbench.folders import own_path
from stabbench.tasks.texts import read_text_file, text_lines

FOLDER_VARIABLE = "STABBENCH_WIKITEXT_DIR"
FILES = ("wiki.test.raw", "test.txt")
REPOSITORY, CONFIG = "Salesforce/wikitext", "wikitext-2-raw-v1"


def wikitext_test(*, repository: str = REPOSITORY, cache: Path | None = None) -> list[str]:
    """The paragraphs of the raw test text, without headings: of STABBENCH_WIKITEXT_DIR where it is set, else the hub.

    UserError where the folder has neither of `FILES`, or the hub cannot be reached.
    """
    named = os.environ.get(FOLDER_VARIABLE, "")
    return read_text_file(_file(own_path(Path(named).expanduser()))) if named else _from_hub(repository, cache)


def _file(folder: Path) -> Path:
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{FOLDER_VARIABLE} names {folder}, which has no {' or '.join(FILES)}: expected WikiText-2's test")


def _from_hub(repository: str, cache: Path | None) -> list[str]:
    import datasets

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries; the error below says it all
    try:
        table = datasets.load_dataset(repository, CONFIG, split="test", cache_dir=None if cache is None else str(cache))
    except Exception as error:  # as in tasks.sources.hub: each of many types means that the text did not arrive
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"WikiText-2 did not arrive from the hub ({repository}: {said}); connect this machine to the network, set "
            f"{FOLDER_VARIABLE} to a folder with {FILES[0]}, or name a text file with `texts: ./file.txt`"
        ) from error
    return text_lines("\n".join(table["text"]))
