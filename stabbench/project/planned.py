"""Whether params.yaml still says what the plan was made of: without DVC nothing else notices that it does not."""

from __future__ import annotations

import os
from pathlib import Path

from stabbench.config import Config, load, plan_part
from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_file, sha256_of_json, write_json
from stabbench.folders import Folders

NOTE = Path(".stabbench/planned.json")
"""Beside params.yaml: hashes of its text, of what a plan takes of it, and of the plan that was made."""


def note(folders: Folders, config: Config) -> None:
    """Keep what the plan was made of; nothing where it is kept already."""
    place = folders.params.parent
    found = {
        "text": sha256_of_file(folders.params),
        "params": sha256_of_json(plan_part(config, place)),
        "plan": _content(folders.plan),
    }
    if _noted(place) != found:
        write_json(place / NOTE, found)


def stale(folders: Folders) -> str | None:
    """A sentence where the plan is what `stabbench plan` made of another params.yaml than there is now.

    None inside a stage of the pipeline, which makes both, and where the plan came from elsewhere.
    """
    place = folders.params.parent
    noted = _noted(place)
    if not noted or "DVC_STAGE" in os.environ or not folders.params.is_file():
        return None
    if noted.get("text") == sha256_of_file(folders.params) or noted.get("plan") != _content(folders.plan):
        return None
    try:
        if noted.get("params") == sha256_of_json(plan_part(load(folders.params), place)):
            return None
    except UserError:
        return f"{folders.params} has changed since {folders.plan}/ was made, and has mistakes: `stabbench validate`"
    return (
        f"{folders.params} has changed since {folders.plan}/ was made, which is what counts here: "
        "run `stabbench plan`, and then this command again"
    )


def _noted(place: Path) -> dict[str, str]:
    try:
        found = read_json(place / NOTE)
    except (OSError, ValueError, UserError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(plan: Path) -> str:
    files = sorted(plan.rglob("*.json"))
    return sha256_of_json({path.relative_to(plan).as_posix(): sha256_of_file(path) for path in files})
