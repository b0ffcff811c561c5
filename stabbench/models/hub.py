"""Models from the Hugging Face hub, by way of its local cache."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stabbench.errors import UserError
from stabbench.model_files import INDEX, TOKENIZER_FILES, WEIGHTS

PATTERNS = ("config.json", WEIGHTS, INDEX, "model-*.safetensors", *TOKENIZER_FILES)
CONVERTER = "SFconvertbot"
"""Who puts safetensors on a branch of older models."""


def fetch(source: str, revision: str | None, root: Path) -> Path:
    """The folder in the hub's local cache with the files of the model `source`, fetched where it is not there.

    Where the main branch has no safetensors, those on the hub's own conversion branch are taken, if there is one.
    Raises UserError where the model does not exist, is gated or cannot be reached; `root` is where a folder that bears
    its name may lie.
    """
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source):
        raise UserError(
            f"the model source '{source}' is neither embedded, package:<name>, a path (./…, ../…, /…, ~…) nor a hub id"
        )
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    except ImportError as error:
        raise UserError(f"fetching '{source}' needs huggingface_hub: run `pip install stabbench[train]`") from error
    local = f"; a local folder is written ./{source}" if (root / source).is_dir() else ""
    at = f" at revision '{revision}'" if revision else ""

    def fetched(at: str | None) -> Path:
        return Path(snapshot_download(source, revision=at, allow_patterns=list(PATTERNS)))

    try:
        folder = fetched(revision)
        if revision is None and not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
            return next((fetched(branch) for branch in _conversions(source, folder)), folder)
        return folder
    except RevisionNotFoundError as error:
        raise UserError(
            f"the hub's '{source}' has no revision '{revision}': give a branch, a tag or a commit"
        ) from error
    except GatedRepoError as error:
        raise UserError(f"the hub's '{source}' is gated: accept its terms there and run `hf auth login`") from error
    except RepositoryNotFoundError as error:
        raise UserError(f"the hub has no model '{source}' (private ones need `hf auth login`){local}") from error
    except Exception as error:
        if not _is_of_the_network(error):
            raise
        raise UserError(
            f"'{source}'{at} cannot be fetched from the hub and is not in the local cache: connect to the network, "
            f"or give a local folder{local}"
        ) from error


def _conversions(source: str, folder: Path) -> Iterator[str]:
    """Branches on which the hub's conversion bot has put safetensors: those in the local cache, else those on the hub.

    transformers takes them too. `folder` is the main branch's snapshot.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_OFFLINE

    for branch in sorted((folder.parents[1] / "refs" / "refs" / "pr").glob("*")):
        if (folder.parent / branch.read_text(encoding="utf-8").strip() / WEIGHTS).is_file():
            yield f"refs/pr/{branch.name}"
    if HF_HUB_OFFLINE:
        return
    try:
        for request in HfApi().get_repo_discussions(source, author=CONVERTER, discussion_type="pull_request"):
            if request.status == "open" and request.author == CONVERTER and "safetensors" in request.title:
                yield f"refs/pr/{request.num}"
    except Exception as error:
        if not _is_of_the_network(error):
            raise


def _is_of_the_network(error: Exception) -> bool:
    """Whether an error says that the hub could not be reached; its client library is told by name (httpx, httpx2)."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(
        error, (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, TimeoutError)
    ):
        return True
    libraries = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return bool(libraries & {"httpx", "httpx2", "requests"})
