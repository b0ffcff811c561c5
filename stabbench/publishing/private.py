"""What is nobody's business is taken out of what others will read: where files lie, and so who owns them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ENDS = r"\s\"'=,;|()\[\]{}<>"
_PLACE = re.compile(
    rf"(?<![\w.…/\\~-])(?:(?:~[\w.-]*|[A-Za-z]:)?[\\/]|(?:\.\.[\\/])+)[^{_ENDS}:]*|://[^{_ENDS}\\/]*(?P<path>[^{_ENDS}]*)"
)
"""An absolute path, one from a home folder, one that leaves the project's folder, and what follows a scheme."""


def without_places(value: Any) -> Any:
    """A JSON value whose texts have of each path outside of the project's folder no more than its last part.

    Paths inside of it (`./train.py`), and names of the hub (`owner/name`), stay.
    """
    if isinstance(value, str):
        return _PLACE.sub(_last_part, value)
    if isinstance(value, Mapping):
        return {without_places(key): without_places(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_places(entry) for entry in value]
    return value


def _last_part(found: re.Match[str]) -> str:
    path = found[0] if found["path"] is None else found["path"]  # of an address, what follows the machine's name
    last = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    return f"…/{last}" if last.strip(".~:") else "…"
