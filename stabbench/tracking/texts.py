"""Values as the text of a parameter or a description, and which of them are numbers that a chart can show."""

from __future__ import annotations

import json
import math
import re


def shown(value: object) -> str:
    """A parameter's value as text."""
    return (
        "none" if value is None else json.dumps(value) if isinstance(value, bool | list | tuple | dict) else str(value)
    )


def finite(value: object) -> bool:
    """Whether a value is a number that a chart can show."""
    return isinstance(value, int | float) and math.isfinite(value)


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no link, no picture."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$!])", r"\\\1", " ".join(text.split()))
