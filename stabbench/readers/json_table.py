"""Tables that are one JSON document, in the shapes that pandas and most scripts write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from stabbench.analysis.results import TEXT
from stabbench.errors import UserError
from stabbench.readers.contract import Found, Reader, Source, Wanted, head, json_of, with_same


class JsonTable(Reader):
    """A JSON document that is a table: a list of objects, an object of columns, or pandas' split and table forms."""

    description = "JSON tables: a list of objects, an object of columns, pandas' orient=split, index and table"
    fallback = True

    def recognises(self, source: Source) -> bool:
        """A file that is one JSON document, whatever it holds."""
        return is_document(source)

    def read(self, source: Source, wanted: Wanted) -> Found:
        """The table; a column in which `1` and `"1"` both stand is one of words."""
        found = json_of(source.path, object)
        table = _table(found)
        if table is None or table.empty:
            raise UserError(f"{source.text}: {_strange(found)}, expected a table: a list of objects, one a run")
        names = {wanted.columns.get(name, name) for name in TEXT}
        words = {name: table[name].map(_word) for name in table if name in names}
        return Found(with_same(table.assign(**words), wanted.same))


def is_document(source: Source) -> bool:
    """Whether a file ends on `.json` (or `.json.gz`) and is one document, and not one a line."""
    if source.is_folder or not source.path.name.lower().endswith((".json", ".json.gz")):
        return False
    first = head(source.path).lstrip(b"\xef\xbb\xbf \t\r\n")
    if first.startswith(b"{"):
        return not _lines(first)
    return first.startswith(b"[") or _is_json(first)


def _is_json(content: bytes) -> bool:
    """Whether it is one value: null, a number, a text."""
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _lines(first: bytes) -> bool:
    """Whether the first line is an object by itself, and another one follows."""
    line, _, rest = first.partition(b"\n")
    try:
        return isinstance(json.loads(line), dict) and rest.lstrip().startswith(b"{")
    except ValueError:
        return False


def _word(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, dict, list)) else json.dumps(value)


def _table(found: Any) -> pd.DataFrame | None:
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        if isinstance(found.get("columns"), list):  # orient="split"
            return pd.DataFrame(found["data"], columns=found["columns"])
        found = found["data"]  # orient="table"
    if isinstance(found, list):
        return pd.DataFrame(found) if found and all(isinstance(row, dict) for row in found) else None
    if not isinstance(found, dict) or not found:
        return None
    values = list(found.values())
    if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        return pd.DataFrame(found)
    if all(isinstance(value, dict) for value in values):
        return _of_objects(found)
    return pd.DataFrame([found]) if not any(isinstance(value, (dict, list)) for value in values) else None


def _of_objects(found: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame | None:
    """By default pandas writes a column's values by row, with orient="index" a row's by column; rows have digits."""
    by_row = all(key.isdigit() for value in found.values() for key in value)
    if by_row:
        return pd.DataFrame({name: dict(value) for name, value in found.items()}).reset_index(drop=True)
    return pd.DataFrame(list(found.values())) if all(key.isdigit() for key in found) else None


def _strange(found: Any) -> str:
    if isinstance(found, dict):
        return f"found an object with the keys {', '.join(list(map(str, found))[:8])}"
    if isinstance(found, list):
        return f"found a list of {len(found)} {type(found[0]).__name__ if found else 'nothing'}"
    return f"found {json.dumps(found, ensure_ascii=False)[:60]}"
