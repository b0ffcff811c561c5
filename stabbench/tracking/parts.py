"""Studies and probes as runs of their own: what each was asked, its numbers, and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_file, sha256_of_json
from stabbench.tracking.texts import finite, plain, shown

SHOWN_FILES = (".png", ".csv", ".json")
"""Of a chapter; what a browser would run is left out."""


@dataclass(frozen=True)
class Part:
    """A study or a probe of params.yaml."""

    name: str
    options: Mapping[str, Any]
    """Its block in params.yaml."""
    folder: Path
    """`studies/<name>` or `probes/<name>`."""
    chapter: Path
    """`reports/studies/<name>`, where the report has been made."""

    @property
    def there(self) -> bool:
        """Whether it has left anything yet."""
        return (self.folder / "probe.json").exists() or any(self.folder.glob("*/*/*/cell.json"))


@dataclass(frozen=True)
class Page:
    """The run of a study or a probe."""

    kind: str
    """`study` or `probe`."""
    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, Path]
    """By the path that they get."""
    start: int
    """Milliseconds since 1970."""
    end: int
    text: str = ""

    @property
    def key(self) -> str:
        """What the run is known by: the same question has one, whatever was found."""
        return sha256_of_json({"kind": self.kind, "name": self.name, "parameters": dict(self.parameters)})

    def digest(self) -> str:
        """Changes whenever anything that the run shows changes."""
        files = {name: sha256_of_file(path) for name, path in self.files.items()}
        shows = {"metrics": dict(self.metrics), "tags": dict(self.tags), "text": self.text, "files": files}
        return sha256_of_json(shows)


def chapter(part: Part) -> tuple[dict[str, Path], str]:
    """What the report has of a study or probe: files by name, and what was found in sentences; empty without it."""
    files = {path.name: path for path in sorted(part.chapter.glob("*")) if path.suffix in SHOWN_FILES}
    try:
        facts = read_json(part.chapter / "facts.json")
        return files, "\n\n".join(plain(str(text)) for text in facts["found"])
    except (OSError, ValueError, KeyError, TypeError):
        return files, ""


def probe_page(part: Part) -> Page:
    """The run of a probe: its options as parameters, its facts as metrics and tags, its tables as files.

    Raises UserError where probe.json or a table that it names cannot be read.
    """
    path = part.folder / "probe.json"
    try:
        data = read_json(path)
        tables = {f"{table}.csv": part.folder / f"{table}.csv" for table in data["tables"]}
        parameters = {"probe": str(data["kind"]), **flat(data["options"])}
        chosen = ", ".join(f"{run['strategy']} seed {run['seed']} ({run['status']})" for run in data["chosen"])
        facts, reason = _leaves(data["facts"]), data["reason"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}): run `stabbench probe {part.name}`") from error
    gone = [str(table) for table in tables.values() if not table.is_file()]
    if gone:
        raise UserError(f"{gone[0]} is missing: run `stabbench probe {part.name}` again")
    chapter_files, found = chapter(part)
    numbers = {key: float(value) for key, value in facts.items() if finite(value) and not isinstance(value, bool)}
    words = {key: shown(value) for key, value in facts.items() if key not in numbers}
    if chosen:
        words["chosen"] = chosen
    if reason:
        words["reason"] = str(reason)
    made = int(path.stat().st_mtime * 1000)
    files = {path.name: path, **tables, **{f"chapter/{name}": file for name, file in chapter_files.items()}}
    text = found or plain(str(reason or ""))
    return Page("probe", part.name, parameters, numbers, words, files, made, made, text)


def flat(options: Mapping[str, Any]) -> dict[str, str]:
    """Options as parameters, nested ones by dotted names."""
    return {name: shown(value) for name, value in _leaves(options).items()}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted names; lists stay whole."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = json.loads(json.dumps(value, default=str))
    return found
