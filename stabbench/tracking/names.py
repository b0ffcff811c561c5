"""Names and values as MLflow takes them: others are spelled otherwise or shortened, and stand whole in a file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

LONGEST_NAME = 250
"""Characters of the name of a parameter, metric, tag, run or model (MLflow's limit)."""
LONGEST_PARAMETER = 6000
"""Characters of a parameter's value; MLflow cuts longer ones, or raises where MLFLOW_TRUNCATE_LONG_VALUES is false."""
LONGEST_TAG = 5000
"""Characters of a tag's value: 8,000 since MLflow 2.14, 5,000 before and on other servers."""
SHOWN = 200
"""Characters that are left of a value that is longer."""

_REFUSED = re.compile(r"[^\w.\- :/]")
_REFUSED_OF_MODELS = re.compile(r"[/:.%\"'\\]")


def name(text: str) -> str:
    """A name of a parameter, metric, tag or experiment: unchanged where MLflow takes it.

    Else what it refuses becomes `_`, parts that would name another folder are left out, and the end of it is a hash of
    the whole: names that differ stay apart.
    """
    spelled = "/".join(part for part in _REFUSED.sub("_", text).split("/") if part not in ("", ".", ".."))
    return _apart(f"_{spelled}" if spelled.startswith("..") else spelled, text)


def model_name(text: str) -> str:
    """A name of a logged model, which MLflow gives fewer characters: spelled as `name` does."""
    return _apart(_REFUSED_OF_MODELS.sub("_", text), text)


PARAMETERS, TAGS = "parameters.json", "tags.json"
"""The artifacts that hold what does not fit, all of it by its own name."""


def fitting_parameters(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters by the names that MLflow takes; values that it would cut are shortened, with a mark."""
    return {name(key): _shortened(value, LONGEST_PARAMETER, PARAMETERS) for key, value in values.items()}


def fitting_tags(values: Mapping[str, str]) -> dict[str, str]:
    """Tags, of which a run's name is one: as `fitting_parameters`."""
    limits = {"mlflow.runName": (LONGEST_NAME, TAGS, 100)}
    return {name(key): _shortened(value, *limits.get(key, (LONGEST_TAG, TAGS, SHOWN))) for key, value in values.items()}


def _apart(spelled: str, text: str) -> str:
    if spelled == text and len(text) <= LONGEST_NAME and text:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{spelled[: LONGEST_NAME - 9]}-{digest}"


def _shortened(value: str, longest: int, file: str, shown: int = SHOWN) -> str:
    if len(value) <= longest:
        return value
    digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{value[:shown]}… ({len(value):,} characters, SHA-256 {digest}…, whole in {file})"
